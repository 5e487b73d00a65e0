// @ts-check
// The card of a song before its answer is there, and while the answer may still change.

import { make } from "./common.js";

/** @param {string} line What is told below the name of the song. */
const told = (line) => make("p", { class: "fine rolling" }, line);

/** Make a card that has no answer yet. @param {string} name @param {string} sentence @param {string} line */
export function emptyCard(name, sentence, line) {
  return make("article", { class: "answer interim" },
    make("p", { class: "file-name" }, name), told(line), make("h2", { class: "sentence" }, sentence));
}

/**
 * Turn an answer, as a part of the page, into one that the next takes the place of: nothing in it can
 * be pressed, since the server forgets it. Returns its card.
 * @param {DocumentFragment} part @param {string} line
 */
export function passingCard(part, line) {
  const card = /** @type {HTMLElement} */ (part.querySelector(".answer"));
  card.classList.add("interim");
  card.inert = true;
  tellOn(card, line);
  return card;
}

/** Tell something below the name of a song. @param {Element} card @param {string} line */
export function tellOn(card, line) {
  card.querySelector(".rolling")?.remove();
  card.querySelector(".file-name")?.after(told(line));
}
