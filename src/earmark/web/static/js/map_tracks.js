// @ts-check
// What tracks are called: asked for those that somebody looks at, some at a time, each once.

import { askJson } from "./common.js";

const AT_ONCE = 200;

/** @typedef {import("./map_points.js").Point} Point */

export class Tracks {
  /** @param {string} source address of the route @param {import("./map_points.js").Points} points */
  constructor(source, points) {
    this.source = source;
    this.points = points;
    /** @type {Map<number, Promise<void>>} by id, as long as it is asked for */
    this.asked = new Map();
  }

  /** Find out what tracks are called; resolves when all that the library has are known. @param {number[]} ids */
  async name(ids) {
    const wanted = ids.filter((id) => !this.points.touched.get(id)?.named);
    const missing = wanted.filter((id) => !this.asked.has(id));
    for (let start = 0; start < missing.length; start += AT_ONCE) {
      const some = missing.slice(start, start + AT_ONCE);
      const answer = this.ask(some.map((id) => `id=${id}`).join("&"))
        .then(() => {})
        .finally(() => some.forEach((id) => this.asked.delete(id)));
      for (const id of some) this.asked.set(id, answer);
    }
    await Promise.all(new Set(wanted.map((id) => this.asked.get(id))));
  }

  /** Find out where tracks are that the map has no point of, because it has a part of very many. @param {number[]} ids */
  async place(ids) {
    const { points } = this;
    if (points.count < points.total) await this.name(ids.filter((id) => !points.find(id)));
  }

  /** What tracks are called, in the order given, without those that were removed from the library. @param {number[]} ids */
  async known(ids) {
    if (!ids.length) return [];
    const { tracks } = await this.ask(ids.map((id) => `id=${id}`).join("&"));
    const byId = new Map(tracks.map((told) => [told.id, told]));
    return ids.map((id) => byId.get(id)).filter((told) => told !== undefined);
  }

  /**
   * Find tracks by words; those without a place on the map are left out.
   * @param {string} words @param {number} limit @param {AbortSignal} signal
   */
  async find(words, limit, signal) {
    const { tracks, total } = await this.ask(new URLSearchParams({ search: words, limit: String(limit) }).toString(), signal);
    const points = tracks.map((told) => this.points.learn(told)).filter((point) => point !== undefined);
    return { points, total };
  }

  /**
   * @param {string} query @param {AbortSignal} [signal]
   * @returns {Promise<{tracks: import("./map_points.js").Told[], total: number}>}
   */
  async ask(query, signal) {
    const answer = await askJson(`${this.source}?${query}`, { signal });
    for (const told of answer.tracks) this.points.learn(told);
    return answer;
  }
}
