// Keeps the page up to date and its times in the viewer's zone. Without it everything works, by reloading.
"use strict";
const lang = document.documentElement.lang;
const exact = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
const words = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const myZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function relative(date) {
  const ahead = (date - Date.now()) / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(ahead) >= size) ?? units.at(-1);
  return words.format(Math.trunc(ahead / size), unit);
}

// <time> shows what it holds, or with the class "relative" how long ago or ahead that is.
function localise(root) {
  for (const time of root.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    const full = exact.format(date);
    const text = time.classList.contains("relative") ? relative(date) : full;
    if (time.textContent !== text) time.textContent = text;
    if (time.title !== full) time.title = full;
  }
  for (const zone of root.querySelectorAll(".zone")) zone.textContent = myZone;
  for (const zone of root.querySelectorAll(".my-zone")) if (zone.value === "UTC") zone.value = myZone;
}
localise(document);
setInterval(() => document.hidden || localise(document), 1000);

// Whatever has data-live is asked for again every so often: a 304 costs next to nothing, and nothing is asked while
// the page is hidden or the answer fails, for a while that grows.
const kept = {
  // A reader's own: what is ticked, unfolded, being typed.
  beforeAttributeUpdated: (name, node) =>
    !(name === "open" && node.localName === "details") && !(name === "value" && node.matches("input:not([type=hidden])")),
  beforeNodeMorphed: (old, fresh) => {
    if (old.type === "checkbox" && fresh.type === "checkbox") fresh.toggleAttribute("checked", old.checked);
    return !(old.localName === "iframe" && old.getAttribute("src") === fresh.getAttribute?.("src"));
  },
};

// What is shown may be old: that must be said, and why where we know.
function lost(error) {
  const notice = document.getElementById("lost");
  if (!error === notice.hidden) return;
  notice.hidden = !error;
  const text = error?.message === "429" ? notice.dataset.limit : notice.dataset.text;
  notice.textContent = error ? text.replace("{}", new Date().toLocaleTimeString(lang)) : "";
}

function keepLive(part) {
  const every = Number(part.dataset.every || 1.5) * 1000;
  let tag = null, pause = every, failed = null;

  async function refresh() {
    const answer = await fetch(part.dataset.live, { headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.redirected) return location.reload(); // signed out meanwhile
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(answer.status);
    tag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    Idiomorph.morph(part, (page.getElementById(part.id) ?? page.body).childNodes, { morphStyle: "innerHTML", callbacks: kept });
    localise(part);
    part.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }

  async function again() {
    if (!document.hidden)
      try {
        await refresh();
        pause = every;
        failed = null;
      } catch (error) {
        pause = Math.min(pause * 2, 30000);
        failed = error;
      }
    lost(failed);
    setTimeout(again, pause);
  }
  setTimeout(again, every);
}
for (const part of document.querySelectorAll("[data-live]")) keepLive(part);

// What has changed, in a sentence for those who listen to the page: the element with data-news names itself.
document.addEventListener("refreshed", (event) => {
  const news = event.target.querySelector("[data-news]")?.dataset.news;
  const said = document.getElementById("news");
  if (!said || !news || said.textContent === news || Date.now() - (said.last ?? 0) < 10000) return;
  said.textContent = news;
  said.last = Date.now();
});

// The list: all of a page ticked at once, how many are, and buttons that say so, or that there are none.
function countTicked() {
  const many = document.getElementById("many");
  const picked = document.getElementById("picked");
  if (!picked) return;
  const boxes = [...many.querySelectorAll("[name=id]")];
  const all = many.elements.all.checked;
  const ticked = boxes.filter((box) => box.checked).length;
  const count = all ? Number(many.elements.all.dataset.count) : ticked; // 0: it is counted when it is asked for
  const page = document.getElementById("page-all");
  page.parentElement.hidden = false;
  page.checked = ticked === boxes.length;
  page.indeterminate = ticked > 0 && ticked < boxes.length;
  picked.textContent = ticked && !all ? picked.dataset.some.replace("{}", ticked) : picked.dataset.none;
  many.elements.told.value = count || "";
  for (const button of many.querySelectorAll(".bulk button")) {
    if (!("possible" in button)) button.possible = !button.disabled;
    button.disabled = !(count || all) || !button.possible;
    if (button.possible) button.title = button.disabled ? picked.dataset.none : "";
    button.querySelector(".n").textContent = count ? count.toLocaleString(lang) : "";
  }
}
document.addEventListener("refreshed", countTicked);
document.addEventListener("change", (event) => {
  if (event.target.id === "page-all")
    for (const box of document.querySelectorAll("#many [name=id]")) box.checked = event.target.checked;
  countTicked();
});
countTicked();
