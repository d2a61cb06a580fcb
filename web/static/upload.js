// Shows how much of a form with a file has been sent, and that the answer is being made.
import { keepLive } from "./live.js";

function send(form, submitter) {
  const area = form.querySelector("[data-progress]");
  const bar = area.querySelector("progress");
  const said = area.querySelector("[role=status]");
  const request = new XMLHttpRequest();
  area.hidden = false;
  submitter.disabled = true;
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = (100 * loaded) / total;
    said.textContent = `Enviando: ${Math.round((100 * loaded) / total)}%`;
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    said.textContent = "Conferindo as linhas…";
  });
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const content = page.getElementById("content");
    if (!content) return form.submit();
    document.title = page.title;
    document.getElementById("content").replaceWith(content);
    history.replaceState(null, "", request.responseURL);
    watchUploads();
    keepLive();
    scrollTo(0, 0);
    (content.querySelector("[data-focus]") ?? content).focus();
    return undefined;
  });
  request.addEventListener("error", () => {
    area.hidden = true;
    submitter.disabled = false;
    form.submit();
  });
  request.open("POST", form.action);
  request.send(new FormData(form));
}

export function watchUploads() {
  for (const form of document.querySelectorAll("form[data-upload]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, event.submitter ?? form.querySelector("[type=submit]"));
    });
  }
}
