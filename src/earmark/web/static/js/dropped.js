// @ts-check
// What was dropped or chosen: the sound files among it, also those in folders.

import { endings } from "./common.js";

/** Whether a file looks like sound, by its name or by what the browser says of it. @param {File} file */
function looksLikeSound(file) {
  const ending = /\.[^.]+$/.exec(file.name)?.[0].toLowerCase();
  return endings.has(ending) || /^audio\//.test(file.type);
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} */
async function filesBelow(entry) {
  if (entry.isFile) {
    const one = /** @type {FileSystemFileEntry} */ (entry);
    return [await new Promise((resolve, reject) => one.file(resolve, reject))];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {File[]} */
  const found = [];
  for (;;) {
    // A reader gives a hundred entries at a time, until it gives none.
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const child of entries) found.push(...(await filesBelow(child)));
  }
}

/** Sort what is in folders; returns the songs, in the order of their names, and how many others. @param {File[]} files */
export function fromFolder(files) {
  const songs = files.filter(looksLikeSound);
  /** @param {File} file */
  const order = (file) => file.webkitRelativePath || file.name;
  songs.sort((a, b) => order(a).localeCompare(order(b), undefined, { numeric: true }));
  return { songs, others: files.length - songs.length };
}

/**
 * What a drop brought: { songs, others }, the second being how many files were left out.
 *
 * Files that somebody picked are all taken, whatever their names; of folders, what looks like sound.
 * @param {DataTransfer | null} transfer
 */
export async function dropped(transfer) {
  const files = [...(transfer?.files ?? [])];
  // The list is gone as soon as the event is.
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return { songs: files, others: 0 };
  /** @type {File[]} */
  const songs = [];
  let others = 0;
  for (const entry of entries) {
    if (!entry) continue;
    const below = await filesBelow(entry);
    if (entry.isFile) songs.push(...below);
    else {
      const found = fromFolder(below);
      songs.push(...found.songs);
      others += found.others;
    }
  }
  return { songs, others };
}
