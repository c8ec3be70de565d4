// A table may be dropped on the form, and is sent as soon as it is chosen. Without it, the form does the same by hand.
"use strict";
const upload = document.getElementById("upload");
if (upload) {
  const file = upload.elements.file;
  const send = () => {
    if (!file.files.length) return;
    document.getElementById("uploading").textContent = `Uploading ${file.files[0].name}…`;
    upload.submit();
  };
  file.addEventListener("change", send);
  for (const name of ["dragover", "drop"])
    upload.addEventListener(name, (event) => {
      event.preventDefault();
      upload.classList.toggle("over", name === "dragover");
    });
  upload.addEventListener("dragleave", () => upload.classList.remove("over"));
  upload.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    send();
  });
}
