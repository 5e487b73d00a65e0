// Finding a track on the map by its name, artist or title.

import { make } from "./common.js";

const MOST = 8;

/** Let a field find points; all() gives those that can be found, choose(point) shows one. */
export function findable(field, list, count, { all, choose }) {
  const fold = (text) => (text ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function look() {
    const words = fold(field.value).split(/\s+/).filter(Boolean);
    if (!words.length) {
      list.replaceChildren();
      count.textContent = "";
      return;
    }
    const found = all().filter((point) => {
      const text = fold(`${point.track} ${point.artist ?? ""} ${point.title ?? ""}`);
      return words.every((word) => text.includes(word));
    });
    list.replaceChildren(...found.slice(0, MOST).map((point) => {
      const button = make("button", { type: "button", class: "map-name" },
        make("b", {}, point.title ?? point.track), point.artist ? " " : "", point.artist ? make("span", { class: "fine" }, point.artist) : "");
      button.addEventListener("click", () => {
        field.value = "";
        look();
        choose(point);
      });
      return make("li", {}, button);
    }));
    count.textContent = found.length > MOST
      ? `The first ${MOST} of ${found.length}. Type more to find fewer.`
      : `${found.length} ${found.length === 1 ? "track" : "tracks"} found.`;
  }

  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    const first = list.querySelector("button");
    if (event.key === "Escape") {
      field.value = "";
      look();
    } else if (event.key === "Enter") first?.click();
    else if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    }
  });
  // The list is open as long as the search has the focus, which a press of the mouse must not take
  // away before its click comes.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (!step) return;
    event.preventDefault();
    (document.activeElement.closest("li")[step]?.querySelector("button") ?? field).focus();
  });
}
