// Labels put right by keys: each works while the focus is within the list or box of songs, so that it
// never takes a key from a field, a browser or a screen reader.

import "./player.js";
import "./report.js";

const fields = "input, select, textarea";

for (const area of document.querySelectorAll("[data-keys]")) {
  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(fields)) return;
    const card = event.target.closest(".ask") ?? area;
    if (event.key === "j" || event.key === "k") {
      const other = event.key === "j" ? card.nextElementSibling : card.previousElementSibling;
      other?.querySelector(".ask-ways button, button")?.focus();
      return;
    }
    const wanted = card.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!wanted) return;
    event.preventDefault();
    if (wanted.matches(fields)) wanted.focus();
    else wanted.click();
  });
}
