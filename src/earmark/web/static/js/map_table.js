// @ts-check
// The same as the map, as a table: its first rows, whose names are asked for when it is opened.

import { make } from "./common.js";
import { nameOf } from "./map_points.js";
import { number, t } from "./texts.js";

const MOST = 500;

/** @typedef {import("./map_points.js").Point} Point */

export class Table {
  /**
   * @param {HTMLDetailsElement} place
   * @param {(most: number) => {points: Point[], total: number}} shown the first points that are shown, and how many there are
   * @param {(points: Point[]) => Promise<void>} name finds out what they are called
   */
  constructor(place, shown, name) {
    this.place = place;
    this.shown = shown;
    this.name = name;
    this.turn = 0;
    place.addEventListener("toggle", () => this.fill());
  }

  async fill() {
    this.turn += 1;
    const mine = this.turn;
    if (!this.place.open) return;
    const { points, total } = this.shown(MOST);
    // Without names it has the rest.
    await this.name(points).catch(() => {});
    if (mine !== this.turn) return;
    const rows = points.map((point) => make("tr", {},
      make("th", { scope: "row" }, nameOf(point)), make("td", {}, point.artist ?? ""),
      make("td", {}, point.genre), make("td", { class: "number" }, number(point.x, 2)),
      make("td", { class: "number" }, number(point.y, 2))));
    if (total > points.length) {
      rows.push(make("tr", {}, make("td", { colspan: "5" }, t("… and %(count)s more; choose fewer genres.", { count: total - points.length }))));
    }
    this.place.querySelector("tbody")?.replaceChildren(...rows);
  }
}
