// @ts-check
// The card of a song before its answer is there, and while the answer may still change.

import { make } from "./common.js";
import { t } from "./texts.js";

/** @param {string} line What is told below the name of the song. */
const told = (line) => make("p", { class: "fine rolling" }, line);

/**
 * Make a card that has no answer yet.
 * @param {string} name @param {string} line
 * @param {string[]} stages What is done one after the other until the answer is there.
 */
export function emptyCard(name, line, stages = []) {
  const card = make("article", { class: "answer interim" },
    make("p", { class: "file-name" }, name), line ? told(line) : "", make("h2", { class: "sentence" }, t("Listening…")));
  if (stages.length) {
    card.append(make("div", { class: "sure" }, make("ol", { class: "stages" }, ...stages.map((stage) => make("li", {}, stage)))),
      make("div", { class: "picture" }));
  }
  return card;
}

/**
 * Show which stage of a card goes on; those before it are done.
 * @param {Element} card @param {string} words @param {number} now
 */
export function goOn(card, words, now) {
  const sentence = card.querySelector(".sentence");
  if (sentence) sentence.textContent = words;
  for (const [place, stage] of card.querySelectorAll(".stages li").entries()) {
    stage.className = place < now ? "done" : "";
    if (place === now) stage.setAttribute("aria-current", "step");
    else stage.removeAttribute("aria-current");
  }
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
