// Forms: what dates mean where the reader is, files that are dropped, nothing sent twice. Without it all can be sent.
"use strict";

// As a datetime-local input has it: the local time, without its zone.
function local(date) {
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

function tomorrow() {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 9);
}

for (const form of document.querySelectorAll("form.new")) {
  const { at, minutes } = form.elements;
  at?.addEventListener("input", () => {
    if (at.value) minutes.value = "at";
  });
  for (const chip of form.querySelectorAll("[name=minutes]"))
    chip.addEventListener("change", () => {
      if (chip.value !== "at") at.value = "";
    });
  form.addEventListener("formdata", ({ formData: data }) => {
    if (data.get("minutes") === "tomorrow") data.set("at", local(tomorrow()));
    // Minutes behind UTC at the chosen time, which daylight saving may make another than today's.
    if (data.get("at")) data.set("offset", (new Date(data.get("at")) - Date.parse(data.get("at") + "Z")) / 60000);
  });
  form.addEventListener("submit", () => busy(form, true));
}

function busy(form, yes) {
  for (const button of form.querySelectorAll("button")) button.disabled = yes;
}
// Also when somebody comes back to a page that the browser has kept as it was.
addEventListener("pageshow", () => document.querySelectorAll("form.new").forEach((form) => busy(form, false)));

for (const zone of document.querySelectorAll(".drop")) {
  const input = zone.querySelector("[type=file]");
  for (const name of ["dragover", "dragleave", "drop"])
    zone.addEventListener(name, () => zone.classList.toggle("over", name === "dragover"));
  zone.addEventListener("drop", ({ dataTransfer: dropped }) => {
    const all = new DataTransfer();
    for (const file of [...(input.multiple ? input.files : []), ...dropped.files]) all.items.add(file);
    if (!dropped.files.length) return;
    input.files = input.multiple ? all.files : dropped.files;
    input.dispatchEvent(new Event("change"));
  });
  input.addEventListener("change", () => chosen(input, zone.querySelector("[role=status]")));
}

// A file that misses its zone must not replace the page.
for (const name of ["dragover", "drop"])
  addEventListener(name, (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());

function chosen(input, status) {
  const files = [...input.files];
  const { most, tooLarge, sending } = input.dataset;
  status.textContent = files.map((file) => file.name).join(", ");
  if (most) input.setCustomValidity(files.reduce((sum, file) => sum + file.size, 0) > most ? tooLarge : "");
  if (sending && files.length) {
    status.textContent = `${sending} ${files[0].name}`;
    input.form.submit(); // a table is sent as soon as it is chosen
  }
}
