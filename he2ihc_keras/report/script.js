"use strict";

// Wipes: made here, of pictures that stand in the page already.
for (const wipe of document.querySelectorAll(".wipe")) {
  const pictures = wipe.closest(".pictures");
  for (const copy of wipe.querySelectorAll("img[data-copy]")) {
    const original = pictures.querySelector(`img[data-role="${copy.dataset.copy}"]`);
    copy.src = original.src;
  }
  const range = wipe.querySelector("input");
  const show = () => {
    wipe.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % real`);
  };
  range.addEventListener("input", show);
  show();
  wipe.hidden = false;
}

// Paper has no way to open what is folded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not(.not-printed)")) {
    folded.open = true;
  }
});
