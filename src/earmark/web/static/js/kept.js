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
 */

const NAME = `earmark ${base}`;
const STORE = "songs";

/** @type {Promise<IDBDatabase> | null} */
let opening = null;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "number" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

/**
 * Do something with the store; returns its result, or undefined where nothing can be kept.
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T | undefined>}
 */
async function withStore(mode, work) {
  try {
    const store = (await database()).transaction(STORE, mode).objectStore(STORE);
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
export async function keep(...songs) {
  const done = await withStore("readwrite", (store) => {
    // Of a song that is answered, the sound is not needed any more.
    const put = songs.map((song) => store.put(song.prediction || song.problem ? { ...song, file: null } : { ...song }));
    return /** @type {IDBRequest<IDBValidKey>} */ (put.at(-1));
  });
  return done !== undefined;
}

/** All songs that are kept, in their order. @returns {Promise<Song[]>} */
export async function kept() {
  return (await withStore("readonly", (store) => store.getAll())) ?? [];
}

/** How many songs are kept. */
export async function countKept() {
  return (await withStore("readonly", (store) => store.count())) ?? 0;
}

/** Forget all songs. */
export const forget = () => withStore("readwrite", (store) => store.clear());
