// Shows, of what belongs to a repetition, only what the chosen one needs.

export function watchRepetition() {
  const select = document.querySelector("#repeat");
  if (!select) return;
  const update = () => {
    for (const part of document.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(select.value);
    }
  };
  select.addEventListener("change", update);
  update();
}
