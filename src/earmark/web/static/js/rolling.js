// @ts-check
// Answers while a recording goes on: what was heard so far is classified again and again.

import { askAnswer } from "./common.js";
import { ownWave } from "./own_wave.js";
import { Canceled, classify } from "./songs.js";

/** Seconds before the first look, and between two looks at least. */
const EVERY = 3;

/**
 * So many answers in a row must be sure and name the same genre before a recording stops by itself.
 * Who looks often is more often sure by mistake: scripts/measure_rolling.py measures what this and
 * other rules lead to.
 */
export const AGREE = 4;

/** @typedef {{genre: string, abstained: boolean, mixed: boolean}} Said */

/** Counts how many answers in a row agree. */
export class Agreement {
  #genre = "";
  #count = 0;

  /** Take another answer, null for none; returns whether that is enough. @param {Said | null} said */
  add(said) {
    const genre = said && !said.abstained && !said.mixed ? said.genre : "";
    this.#count = genre && genre === this.#genre ? this.#count + 1 : Number(genre !== "");
    this.#genre = genre;
    return this.#count >= AGREE;
  }
}

/** Looks at a recording again and again, one look at a time. */
export class Looks {
  #control = new AbortController();
  #agreement = new Agreement();
  #busy = false;
  #next = EVERY;
  #shown;
  #sure;

  /**
   * @param {(part: DocumentFragment, peaks: number[] | null) => void} shown gets each answer, as a part of the page, and the waveform so far
   * @param {(file: File, seconds: number) => void} sure gets what was heard when that is enough
   */
  constructor(shown, sure) {
    this.#shown = shown;
    this.#sure = sure;
  }

  /** Look, where it is time and no look is under way. @param {number} seconds @param {() => File} soFar */
  async at(seconds, soFar) {
    const { signal } = this.#control;
    if (this.#busy || seconds < this.#next || signal.aborted) return;
    this.#busy = true;
    this.#next = seconds + EVERY;
    const file = soFar();
    /** @type {DocumentFragment | null} */
    let part = null;
    /** @type {number[] | null} */
    let peaks = null;
    const wave = ownWave(file);
    try {
      const { prediction } = await classify(file, {
        signal,
        tell: () => {},
        picture: false,
        passing: true,
        answered: async (/** @type {string} */ id) => {
          part = await askAnswer(id, signal);
          peaks = await wave;
        },
      });
      if (signal.aborted) return;
      if (part) this.#shown(part, peaks);
      if (this.#agreement.add(prediction)) this.#sure(file, seconds);
    } catch (error) {
      // Silence, or a server that is away: the next look may do better, and the end says what is wrong.
      if (!(error instanceof Canceled)) this.#agreement.add(null);
    } finally {
      this.#busy = false;
    }
  }

  /** Call off what is under way; no look follows. */
  end() {
    this.#control.abort();
  }
}
