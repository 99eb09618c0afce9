"use strict";
(() => {
  const list = document.getElementById("findings");
  const all = [...list.querySelectorAll(".finding")];
  const byId = (id) => document.getElementById(id);
  const levels = { high: 0, medium: 1, low: 2 };
  const orders = {
    worst: (a, b) => a.dataset.number - b.dataset.number,
    rule: (a, b) => a.dataset.rule.localeCompare(b.dataset.rule),
    place: (a, b) => a.dataset.place.localeCompare(b.dataset.place),
    newest: (a, b) => b.dataset.date.localeCompare(a.dataset.date),
    confidence: (a, b) => levels[a.dataset.level] - levels[b.dataset.level],
  };
  const update = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const level = byId("level").value;
    const where = byId("where").value;
    let shown = 0;
    for (const finding of all) {
      const text = finding.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word))
        && (!level || finding.dataset.level === level)
        && (!where || finding.dataset[where] === "true");
      finding.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    byId("shown").textContent = `${shown} of ${all.length}`;
    list.append(...[...all].sort((a, b) => orders[byId("order").value](a, b) || orders.worst(a, b)));
  };
  for (const id of ["filter", "level", "where", "order"]) byId(id).addEventListener("input", update);
  byId("fold").addEventListener("click", () => {
    const open = all.some((finding) => !finding.open);
    for (const finding of all) finding.open = open;
  });
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  update();
})();
