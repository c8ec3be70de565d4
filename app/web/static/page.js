// Keeps the page up to date and its times in the viewer's zone. Without it everything works, by reloading.
"use strict";
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function localise(root) {
  for (const time of root.querySelectorAll("time")) {
    time.title = time.dateTime;
    time.textContent = format.format(new Date(time.dateTime));
  }
  for (const zone of root.querySelectorAll(".zone")) zone.textContent = myZone;
  for (const zone of root.querySelectorAll(".my-zone")) if (zone.value === "UTC") zone.value = myZone;
}

const live = document.getElementById("live");
let tag = null;
let shown = live?.innerHTML;

const myZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
localise(document);
for (const form of document.querySelectorAll("form.new"))
  form.addEventListener("submit", () => {
    // Minutes behind UTC at the chosen time, which daylight saving may make another than today's.
    if (form.elements.at?.value) form.elements.offset.value = new Date(form.elements.at.value).getTimezoneOffset();
  });

async function refresh() {
  if (document.hidden || live.contains(document.activeElement)) return;
  const answer = await fetch(live.dataset.url, { headers: tag ? { "If-None-Match": tag } : {} });
  if (answer.redirected) return location.reload();
  if (!answer.ok) return;
  tag = answer.headers.get("ETag");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live") ?? page.body;
  if (fresh.innerHTML === shown) return; // what a reader has unfolded stays so
  shown = fresh.innerHTML;
  live.replaceChildren(...fresh.childNodes);
  localise(live);
}

if (live) setInterval(() => refresh().catch(() => {}), 1500);
