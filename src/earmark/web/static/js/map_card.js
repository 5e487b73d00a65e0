// @ts-check
// The card beside the map: what was chosen, what can be done with it, and which tracks are nearest to it.

import { askJson, make } from "./common.js";
import { nameOf } from "./map_points.js";
import { sync } from "./player.js";
import { t } from "./texts.js";

const NEIGHBORS = 8;

/** @typedef {import("./map_points.js").Point} Point */
/** @typedef {{track_id: number, track: string, title: string | null}} Near */

export class Card {
  /**
   * @param {HTMLElement} place
   * @param {object} use
   * @param {import("./map_tracks.js").Tracks} use.tracks
   * @param {(point: Point) => void} use.visit shows another point
   * @param {(point: Point) => void} use.choose shows the same point again
   * @param {(start: Point, end: Point) => void} use.path
   */
  constructor(place, { tracks, visit, choose, path }) {
    this.place = place;
    this.tracks = tracks;
    this.visit = visit;
    this.choose = choose;
    this.path = path;
    this.hint = place.firstElementChild;
    /** @type {Point | null} where a path is to begin */
    this.pathFrom = null;
    /** @type {Map<number, Near[] | null>} the nearest tracks, by id; null while they are asked for */
    this.neighbors = new Map();
  }

  /** @param {Point | null} point @param {string} [trouble] */
  show(point, trouble = "") {
    this.place.className = `map-card ${point ? `chosen ${point.className}` : ""}`;
    if (!point) {
      this.place.replaceChildren(...(this.hint ? [this.hint] : []));
      return;
    }
    const { id } = point;
    const lines = [
      point.named ? make("p", {}, make("b", {}, nameOf(point))) : null,
      point.artist ? make("p", {}, point.artist) : null,
      make("p", { class: "fine" }, point.dropped ? ownWords(point) : point.genre),
      trouble ? make("p", { class: "fine" }, trouble) : null,
      make("p", { class: "map-ways" },
        point.audio
          ? make("button", { type: "button", class: "play", "data-play": point.audio, "aria-label": t("Play %(name)s", { name: nameOf(point) }) })
          : null,
        id ? make("button", { class: "quiet like", form: "like", name: "song", value: id }, t("More like this")) : null),
      id && point.named ? this.pathButton(point) : null,
      id ? this.nearList(id) : null,
    ];
    this.place.replaceChildren(...lines.filter((line) => line !== null));
    // What goes on sounding while others are looked at can be stopped here, too.
    sync();
  }

  /** The nearest tracks of a point that are known and on the map. @param {Point} point */
  near(point) {
    const found = (point.id && this.neighbors.get(point.id)) || [];
    return found.map(({ track_id: id }) => this.tracks.points.find(id)).filter((other) => other !== undefined);
  }

  /** Ask for the nearest tracks of a point; returns whether they came. @param {Point} point */
  async findNear({ id }) {
    if (!id || this.neighbors.has(id)) return false;
    this.neighbors.set(id, null);
    try {
      const { neighbors } = await askJson(`api/v1/tracks/${id}/similar?k=${NEIGHBORS}`);
      await this.tracks.place(neighbors.map((/** @type {Near} */ one) => one.track_id));
      this.neighbors.set(id, neighbors);
      return true;
    } catch {
      // Without them the card says what it can; the next time they are asked for again.
      this.neighbors.delete(id);
      return false;
    }
  }

  /** Put the nearest tracks, which came later, below the rest. @param {Point} point */
  addNear({ id }) {
    const list = id ? this.nearList(id) : null;
    if (list) this.place.append(list);
  }

  /** @param {number} id */
  nearList(id) {
    const found = this.neighbors.get(id);
    if (!found?.length) return null;
    return make("div", {}, make("p", { class: "map-near-head" }, t("Nearest")),
      make("ol", { class: "map-near" }, ...found.map((one) => {
        const name = one.title ?? one.track;
        const other = this.tracks.points.find(one.track_id);
        if (!other) return make("li", {}, name);
        const button = make("button", { type: "button", class: "map-name" }, name);
        button.addEventListener("click", () => this.visit(other));
        return make("li", {}, button);
      })));
  }

  /** A path begins at one track and ends at another. @param {Point} point */
  pathButton(point) {
    const from = this.pathFrom;
    const ends = from && from !== point;
    const button = make("button", { type: "button", class: "quiet" }, ends ? t("Path from %(name)s to here", { name: nameOf(from) }) : t("Path from here…"));
    if (from === point) button.replaceChildren(t("Now choose where it ends"));
    button.disabled = from === point;
    button.addEventListener("click", () => {
      if (ends) {
        this.path(from, point);
        this.pathFrom = null;
      } else this.pathFrom = point;
      this.choose(point);
    });
    return button;
  }
}

/** @param {Point} point */
function ownWords({ genre, unsure }) {
  return unsure ? t("your song; not sure, perhaps %(genre)s", { genre }) : t("your song, classified as %(genre)s", { genre });
}
