"use strict";

const columns = document.body.dataset.columns.split(",");
const cards = [...document.querySelectorAll(".card")];
const save = document.getElementById("save");

function answer(card, column) {
  if (column === "image") return card.dataset.image;
  if (column === "sheet") return document.body.dataset.sheet;
  return card.querySelector(`[data-column="${column}"]:checked`)?.value ?? "";
}

save.hidden = false;
save.addEventListener("click", () => {
  const rows = cards.map((card) => columns.map((column) => answer(card, column)));
  const text = [columns, ...rows].map((row) => row.join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
  link.download = `sheet_${document.body.dataset.sheet}.csv`;
  link.click();
  const open = cards.filter((card) => !answer(card, "level")).length;
  const left = open ? ` ${open} images have no level yet.` : "";
  document.getElementById("done").textContent = `Saved as ${link.download}.${left}`;
});

// What was ticked is lost with the page.
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("input:checked") && !document.getElementById("done").textContent)
    event.preventDefault();
});
