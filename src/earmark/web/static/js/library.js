// The library: hear tracks, and ask before removing one.

import "./player.js";
import "./report.js";

const dialog = document.getElementById("confirm");

for (const form of document.querySelectorAll(".remove")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    document.getElementById("confirm-text").textContent = form.dataset.confirm;
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") form.submit();
    }, { once: true });
    dialog.showModal();
  });
}

// "Save" stands only where there is something to save.
for (const form of document.querySelectorAll(".relabel")) {
  const field = form.elements.genre;
  const save = form.querySelector(".save");
  const before = field.value;
  save.hidden = true;
  field.addEventListener("input", () => { save.hidden = field.value.trim() === before; });
  // With the old word in it, the list of genres would offer that one only.
  field.addEventListener("focus", () => field.select());
}
