// @ts-check
// Finding a track on the map by its name, artist or title.

import { make } from "./common.js";
import { nameOf } from "./map_points.js";
import { t, tn } from "./texts.js";

const MOST = 8;
const PAUSE = 120; // milliseconds, between the last key and the question

/** @typedef {import("./map_points.js").Point} Point */

export class Search {
  /**
   * Let a field find points.
   * @param {HTMLInputElement} field @param {HTMLElement} list @param {HTMLElement} count
   * @param {object} use
   * @param {(words: string, most: number, signal: AbortSignal) => Promise<{points: Point[], total: number}>} use.find
   * @param {(point: Point) => void} use.choose shows one
   */
  constructor(field, list, count, { find, choose }) {
    this.field = field;
    this.list = list;
    this.count = count;
    this.find = find;
    this.choose = choose;
    this.asking = new AbortController();
    /** @type {Promise<void>} */
    this.found = Promise.resolve();
    field.addEventListener("input", () => this.look());
    field.addEventListener("keydown", (event) => this.press(event));
    // The list is open as long as the search has the focus, which a press of the mouse must not take
    // away before its click comes.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("keydown", (event) => this.walk(event));
  }

  look() {
    this.asking.abort();
    this.asking = new AbortController();
    if (this.field.value.trim()) this.found = this.ask(this.asking.signal);
    else this.show([], "");
  }

  /** @param {AbortSignal} signal */
  async ask(signal) {
    await new Promise((done) => setTimeout(done, PAUSE));
    if (signal.aborted) return;
    try {
      const { points, total } = await this.find(this.field.value, MOST, signal);
      if (signal.aborted) return;
      this.show(points, total > MOST
        ? t("The first %(count)s of %(total)s. Type more to find fewer.", { count: MOST, total })
        : tn("%(num)s track found.", "%(num)s tracks found.", total));
    } catch (error) {
      if (!signal.aborted) this.show([], /** @type {Error} */ (error).message);
    }
  }

  /** @param {Point[]} points @param {string} line */
  show(points, line) {
    this.list.replaceChildren(...points.map((point) => {
      const button = make("button", { type: "button", class: "map-name" },
        make("b", {}, nameOf(point)), point.artist ? " " : "", point.artist ? make("span", { class: "fine" }, point.artist) : "");
      button.addEventListener("click", () => {
        this.clear();
        this.choose(point);
      });
      return make("li", {}, button);
    }));
    this.count.textContent = line;
  }

  clear() {
    this.field.value = "";
    this.look();
  }

  /** @param {KeyboardEvent} event */
  async press(event) {
    if (event.key === "Escape") this.clear();
    else if (event.key === "ArrowDown") {
      const first = this.list.querySelector("button");
      if (!first) return;
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter") {
      // Who types fast is ahead of the answer.
      await this.found;
      this.list.querySelector("button")?.click();
    }
  }

  /** Go up and down in what was found. @param {KeyboardEvent} event */
  walk(event) {
    const line = document.activeElement?.closest("li");
    const next = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling };
    if (!(event.key in next)) return;
    event.preventDefault();
    const to = next[/** @type {keyof typeof next} */ (event.key)]?.querySelector("button") ?? this.field;
    to.focus();
  }
}
