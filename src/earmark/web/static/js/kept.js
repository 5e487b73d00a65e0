// @ts-check
// What this browser keeps of several songs: their answers, and those that are not answered yet.

import { base } from "./common.js";

/**
 * One of several songs.
 * @typedef {object} Song
 * @property {number} number its place among them
 * @property {string} name
 * @property {string} path below the folder that was dropped
 * @property {File | null} file until it is answered
 * @property {string | null} job of the server
 * @property {Record<string, any> | null} prediction
 * @property {string | null} problem why there is none
 * @property {boolean} [lies] whether it lies in the server's folder of music, at that path
 */

const STORE = "songs";

/** What is kept under a name; each page with a table has its own. */
export class Kept {
  /** @type {string} */
  #name;

  /** @type {Promise<IDBDatabase> | null} */
  #opening = null;

  /** @param {string} name "" for the songs that were dropped in */
  constructor(name = "") {
    this.#name = `earmark ${base}${name && ` ${name}`}`;
  }

  #database() {
    this.#opening ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "number" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return this.#opening;
  }

  /**
   * Do something with the store; returns its result, or undefined where nothing can be kept.
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} work
   * @returns {Promise<T | undefined>}
   */
  async #withStore(mode, work) {
    try {
      const store = (await this.#database()).transaction(STORE, mode).objectStore(STORE);
      return await new Promise((resolve, reject) => {
        const request = work(store);
        store.transaction.oncomplete = () => resolve(request?.result);
        store.transaction.onerror = store.transaction.onabort = () => reject(store.transaction.error);
      });
    } catch {
      // The browser keeps nothing, as in a private window, or its disk is full.
      return undefined;
    }
  }

  /** Keep songs as they are now; returns whether that could be done. @param {...Song} songs */
  async keep(...songs) {
    const done = await this.#withStore("readwrite", (store) => {
      // Of a song that is answered, the sound is not needed any more.
      const put = songs.map((song) => store.put(song.prediction || song.problem ? { ...song, file: null } : { ...song }));
      return /** @type {IDBRequest<IDBValidKey>} */ (put.at(-1));
    });
    return done !== undefined;
  }

  /** All songs that are kept, in their order. @returns {Promise<Song[]>} */
  async all() {
    return (await this.#withStore("readonly", (store) => store.getAll())) ?? [];
  }

  /** How many songs are kept. */
  async count() {
    return (await this.#withStore("readonly", (store) => store.count())) ?? 0;
  }

  /** Forget all songs. */
  async forget() {
    await this.#withStore("readwrite", (store) => store.clear());
  }
}
