// The library: hear tracks, and ask before removing one.

import { make } from "./common.js";
import "./player.js";
import "./report.js";
import { t, tn } from "./texts.js";

const dialog = document.getElementById("confirm");

/** Ask before something is removed; act() does it. */
function confirm(question, act) {
  document.getElementById("confirm-text").textContent = question;
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") act();
  }, { once: true });
  dialog.showModal();
}

for (const form of document.querySelectorAll(".remove")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    confirm(form.dataset.confirm, () => form.submit());
  });
}

// Several tracks at once

const chosen = document.getElementById("chosen");

function several(form) {
  const all = document.getElementById("choose-all");
  const boxes = [...document.querySelectorAll("input[form='chosen']")];
  const count = () => boxes.filter((box) => box.checked).length;
  const tell = () => {
    all.checked = count() === boxes.length;
    all.indeterminate = count() > 0 && !all.checked;
    document.getElementById("chosen-count").textContent = count()
      ? tn("With %(num)s track chosen:", "With %(num)s tracks chosen:", count()) : t("With the chosen tracks:");
    for (const button of form.querySelectorAll("button")) button.disabled = !count();
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  let last = null;
  for (const box of boxes) {
    box.addEventListener("change", tell);
    // With Shift, all from the one before to this.
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
        tell();
      }
      last = box;
    });
  }
  form.addEventListener("submit", (event) => {
    const { genre } = form.elements;
    if (event.submitter?.value !== "remove") {
      if (genre.value.trim()) return;
      event.preventDefault();
      genre.focus();
      return;
    }
    event.preventDefault();
    confirm(tn("Remove %(num)s track from the library?", "Remove %(num)s tracks from the library?", count()), () => {
      const action = make("input", { type: "hidden", name: "action", value: "remove" });
      form.append(action);
      form.submit();
    });
  });
  // A browser that comes back to a page knows what was chosen there.
  addEventListener("pageshow", tell);
  tell();
}

if (chosen) several(chosen);

// The table by keys, each only while the focus is within it: none is taken from a field or a browser.

document.querySelector(".tracks tbody")?.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select, textarea, input:not([type='checkbox'])")) return;
  const row = target.closest("tr");
  const step = (other) => other?.querySelector("input[type='checkbox'], .play, a, button")?.focus();
  const press = (selector) => row.querySelector(selector)?.click();
  const acts = {
    j: () => step(row.nextElementSibling),
    k: () => step(row.previousElementSibling),
    // As a click, so that Shift and the count know of it.
    x: () => press(".pick input"),
    p: () => press(".play"),
    n: () => row.querySelector(".relabel input[list]")?.focus(),
  };
  if (!(event.key in acts)) return;
  event.preventDefault();
  acts[event.key]();
});

// "Save" stands only where there is something to save; its room is kept by the style.
for (const form of document.querySelectorAll(".relabel")) {
  const field = form.elements.genre;
  const before = field.value;
  field.addEventListener("input", () => form.classList.toggle("changed", field.value.trim() !== before));
  // With the old word in it, the list of genres would offer that one only.
  field.addEventListener("focus", () => field.select());
}
