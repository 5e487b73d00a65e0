// @ts-check
// The points of the map as columns of numbers, out of one binary body, and what is known of those that were touched.

import { genreClass } from "./common.js";
import { t } from "./texts.js";

/**
 * What a point of the map is, once somebody looks at it.
 *
 * `row` is its place in the columns, -1 for a song of one's own and for a track that no column has. What
 * the track is called is there once `named` is true.
 * @typedef {object} Point
 * @property {number} row
 * @property {number | null} id
 * @property {number} x
 * @property {number} y
 * @property {string} genre
 * @property {string} className
 * @property {boolean} named
 * @property {string} [track]
 * @property {string | null} [title]
 * @property {string | null} [artist]
 * @property {string | null} [audio]
 * @property {number | null} [duration]
 * @property {boolean} [dropped]
 * @property {boolean} [unsure]
 */

/**
 * A track as the server tells of it.
 * @typedef {{id: number, x: number | null, y: number | null, genre: string | null, track: string,
 *   title: string | null, artist: string | null, audio: string | null, duration: number | null}} Told
 */

const MAGIC = 0x50414d45; // "EMAP", its first byte lowest
const VERSION = 1;
const STEPS = 65535;

/** What the title of a point is, or its name. @param {{title?: string | null, track?: string}} point */
export const nameOf = (point) => point.title ?? point.track ?? "";

export class Points {
  /**
   * Read the body of `GET /api/v1/map/points`, whose layout the description of the HTTP API has. Its columns
   * are views, since every processor that has a browser is little-endian, too.
   * @param {ArrayBuffer} body
   */
  constructor(body) {
    const head = new DataView(body);
    if (body.byteLength < 12 || head.getUint32(0, true) !== MAGIC || head.getUint16(4, true) !== VERSION) {
      throw new Error(t("The server sent a map of another version. Load the page again."));
    }
    const n = head.getUint32(8, true);
    const [idBytes, genreBytes] = [head.getUint8(48), head.getUint8(49)];
    let at = head.getUint16(6, true);
    const next = (/** @type {number} */ bytes) => {
      const start = at;
      at += n * bytes;
      return start;
    };
    this.count = n;
    /** How many tracks with a genre the library has; of very many a part is sent. */
    this.total = head.getUint32(12, true);
    this.share = [head.getFloat32(40, true), head.getFloat32(44, true)];
    /** @type {Uint32Array | Float64Array} ascending */
    this.ids = idBytes === 8 ? new Float64Array(body, next(8), n) : new Uint32Array(body, next(4), n);
    this.xs = spread(new Uint16Array(body, next(2), n), head.getFloat32(24, true), head.getFloat32(32, true));
    this.ys = spread(new Uint16Array(body, next(2), n), head.getFloat32(28, true), head.getFloat32(36, true));
    /** @type {Uint8Array | Uint16Array | Uint32Array} */
    this.codes = new ({ 1: Uint8Array, 2: Uint16Array }[genreBytes] ?? Uint32Array)(body, next(genreBytes), n);
    /** @type {string[]} */
    this.genres = JSON.parse(new TextDecoder().decode(new Uint8Array(body, at, head.getUint32(52, true))));
    this.classNames = this.genres.map(genreClass);
    /** @type {Map<number, Point>} by id, those that were touched */
    this.touched = new Map();
  }

  /** The row of a track, -1 where it is not among the points. @param {number} id */
  rowOf(id) {
    const { ids } = this;
    let [low, high] = [0, ids.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ids[middle] < id) low = middle + 1;
      else high = middle;
    }
    return ids[low] === id ? low : -1;
  }

  /** The point of a row, one and the same each time. @param {number} row @returns {Point} */
  at(row) {
    const id = this.ids[row];
    let point = this.touched.get(id);
    if (!point) {
      const code = this.codes[row];
      point = {
        row, id, x: this.xs[row], y: this.ys[row], genre: this.genres[code], className: this.classNames[code], named: false,
      };
      this.touched.set(id, point);
    }
    return point;
  }

  /** The point of a track by its number; undefined where it has none. @param {number} id */
  find(id) {
    const known = this.touched.get(id);
    if (known) return known;
    const row = this.rowOf(id);
    return row < 0 ? undefined : this.at(row);
  }

  /** Learn what a track is called; returns its point, or undefined where it has no place. @param {Told} told */
  learn(told) {
    let point = this.find(told.id);
    if (!point) {
      if (told.x === null || told.y === null || told.genre === null) return undefined;
      // Of very many tracks a part is sent; one that is found is shown all the same.
      point = { row: -1, id: told.id, x: told.x, y: told.y, genre: told.genre, className: genreClass(told.genre), named: true };
      this.touched.set(told.id, point);
    }
    const { track, title, artist, audio, duration } = told;
    return Object.assign(point, { named: true, track, title, artist, audio, duration });
  }
}

/** @param {Uint16Array} steps @param {number} low @param {number} high */
function spread(steps, low, high) {
  const places = new Float32Array(steps.length);
  const step = (high - low) / STEPS;
  for (let i = 0; i < places.length; i += 1) places[i] = low + steps[i] * step;
  return places;
}
