// Several songs: a table that fills, with CSV and JSON to take along.

import { ask, askAnswer, genreClass, knowsColor, make, percent } from "./common.js";
import { Canceled, classify } from "./songs.js";

const AT_ONCE = 3;

function save(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function csvField(value) {
  let text = String(value ?? "");
  // A spreadsheet must not take a file's name for a formula.
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The most probable genre apart from the answer; empty where there is no other. */
function second({ genre, probabilities }) {
  const others = Object.entries(probabilities).filter(([name]) => name !== genre);
  others.sort(([, a], [, b]) => b - a);
  return others[0]?.[0];
}

export function toCsv(rows) {
  const lines = [["file", "genre", "probability", "sure", "second", "seconds", "problem"]];
  for (const { name, prediction, problem } of rows) {
    lines.push(prediction
      ? [name, prediction.genre, prediction.confidence, prediction.abstained ? "no" : "yes", second(prediction), prediction.duration, ""]
      : [name, "", "", "", "", "", problem]);
  }
  return lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n";
}

/** Classify files into a table; show(result, file) opens one of them. */
export async function classifyMany(place, files, { signal, tell, show }) {
  const rows = files.map((file) => ({ name: file.name, prediction: null, problem: null }));
  const body = make("tbody");
  const cells = files.map((file) => {
    const state = make("td", { colspan: "3" }, "waiting");
    body.append(make("tr", {}, make("th", { scope: "row" }, file.name), state));
    return state;
  });
  const csv = make("button", { type: "button", class: "quiet" }, "Download CSV");
  const json = make("button", { type: "button", class: "quiet" }, "Download JSON");
  csv.addEventListener("click", () => save("earmark.csv", "text/csv", toCsv(rows)));
  json.addEventListener("click", () =>
    save("earmark.json", "application/json", JSON.stringify(rows, null, 2)));
  place.replaceChildren(make("section", { class: "many", "aria-labelledby": "many-title" },
    make("div", { class: "many-head" }, make("h2", { id: "many-title" }, `${files.length} songs`),
      make("p", {}, csv, " ", json)),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Answers" },
      make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "File"),
        make("th", { scope: "col" }, "Genre"), make("th", { scope: "col" }, "Probability"),
        make("th", { scope: "col" }, make("span", { class: "visually-hidden" }, "Details")))), body))));
  place.hidden = false;

  let next = 0;
  let finished = 0;
  async function work() {
    while (next < files.length && !signal.aborted) {
      const index = next;
      next += 1;
      await one(files[index], rows[index], cells[index]);
      finished += 1;
      tell(`${finished} of ${files.length} done`, finished / files.length);
    }
  }
  tell(`0 of ${files.length} done`, 0);
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (signal.aborted) throw new Canceled();

  async function one(file, row, cell) {
    const tr = cell.parentElement;
    const replace = (...cells_) => {
      tr.querySelectorAll("td").forEach((old) => old.remove());
      tr.append(...cells_);
    };
    try {
      let shown = false;
      const result = await classify(file, {
        signal,
        tell: (what) => { if (!shown) cell.textContent = what.toLowerCase(); },
        answered: async (id) => {
          shown = true;
          const { prediction } = await (await ask(`api/v1/jobs/${id}/result`, { signal })).json();
          row.prediction = prediction;
          // Taught by somebody since the page was loaded.
          if (!knowsColor(prediction.genre)) await askAnswer(id, signal);
          replace(genreCell(prediction), make("td", { class: "number" }, percent(prediction.confidence)),
            make("td", {}, make("span", { class: "fine" }, "drawing")));
        },
      });
      const open = make("button", { type: "button", class: "quiet", "aria-label": `Why, for ${file.name}` }, "Why?");
      open.addEventListener("click", () => show(result, file));
      tr.lastElementChild.replaceChildren(open);
    } catch (error) {
      row.problem = error instanceof Canceled ? "canceled" : error.message;
      // The row names the file already.
      const line = row.problem.replace(`${file.name}: `, "");
      if (!row.prediction) replace(make("td", { colspan: "3", class: "bad" }, line));
      else tr.lastElementChild.replaceChildren();
    }
  }

  function genreCell(prediction) {
    const dot = make("span", { class: `dot ${genreClass(prediction.genre)}`, "aria-hidden": "true" });
    return make("td", { title: prediction.sentence }, dot, " ",
      prediction.abstained ? `not sure, perhaps ${prediction.genre}` : prediction.genre);
  }
}
