// @ts-check
// The answers of several songs as a table for other programs: CSV and JSON.

import { make } from "./common.js";

/** @typedef {Pick<import("./kept.js").Song, "name" | "prediction" | "problem">} Answered */

const COLUMNS = [
  "path", "genre", "confidence", "sure", "reason", "second_genre", "second_probability",
  "artist", "title", "duration", "error", "mixed",
];

/** @param {unknown} value */
function field(value) {
  let text = String(value ?? "");
  // A spreadsheet must not take a file's name for a formula.
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The most probable genre apart from the answer, and its probability; empty where there is none.
 * @param {Record<string, any>} prediction
 * @returns {[string, number | null]}
 */
function second({ genre, probabilities }) {
  /** @type {[string, number][]} */
  const all = Object.entries(probabilities);
  const others = all.filter(([name]) => name !== genre);
  others.sort(([, a], [, b]) => b - a);
  return others[0] ?? ["", null];
}

/** The same table as that of the command: `earmark classify --csv`. @param {Answered[]} songs */
export function toCsv(songs) {
  /** @type {unknown[][]} */
  const lines = [COLUMNS];
  for (const { name, prediction: found, problem } of songs) {
    if (!found) {
      lines.push([name, ...Array(COLUMNS.length - 3).fill(""), problem, ""]);
      continue;
    }
    const [genre, probability] = second(found);
    lines.push([
      name, found.genre, found.confidence.toFixed(4), found.abstained ? "no" : "yes", found.reason,
      genre, probability?.toFixed(4), found.artist, found.title, found.duration.toFixed(1), "",
      found.mixed ? "yes" : "no",
    ]);
  }
  // With the mark by which spreadsheets know that it is UTF-8.
  return `\uFEFF${lines.map((line) => line.map(field).join(",")).join("\r\n")}\r\n`;
}

/** @param {Answered[]} songs */
export const toJson = (songs) =>
  JSON.stringify(songs.map(({ name, prediction, problem }) => ({ name, prediction, problem })), null, 2);

/**
 * Let the browser save a text, or what is a file already.
 * @param {string} name
 * @param {string} type
 * @param {string | Blob} text
 */
export function save(name, type, text) {
  const address = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
