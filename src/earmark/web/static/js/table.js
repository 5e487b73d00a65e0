// The answers of several songs as a table for other programs: CSV and JSON.

import { make } from "./common.js";

const COLUMNS = [
  "path", "genre", "confidence", "sure", "reason", "second_genre", "second_probability",
  "artist", "title", "duration", "error", "mixed",
];

function field(value) {
  let text = String(value ?? "");
  // A spreadsheet must not take a file's name for a formula.
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The most probable genre apart from the answer, and its probability; empty where there is none. */
function second({ genre, probabilities }) {
  const others = Object.entries(probabilities).filter(([name]) => name !== genre);
  others.sort(([, a], [, b]) => b - a);
  return others[0] ?? ["", null];
}

/** The same table as that of the command: `earmark classify --csv`. */
export function toCsv(songs) {
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

export const toJson = (songs) =>
  JSON.stringify(songs.map(({ name, prediction, problem }) => ({ name, prediction, problem })), null, 2);

/** Let the browser save a text as a file. */
export function save(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
