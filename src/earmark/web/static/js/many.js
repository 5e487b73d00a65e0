// Several songs: a table that fills, is filtered, opens in place, and is found again.

import { ask, askAnswer, genreClass, knowsColor, make, percent } from "./common.js";
import { forget, keep, kept } from "./kept.js";
import { Canceled, classify } from "./songs.js";
import { save, toCsv, toJson } from "./table.js";
import { teachable } from "./teach.js";
import { picture, waitFor } from "./wave.js";

const AT_ONCE = 3;
const NOT_SURE = "not sure";
const MIXED = "mixed";
const FAILED = "no answer";

const button = (words, act, more = {}) => {
  const made = make("button", { type: "button", class: "quiet", ...more }, words);
  made.addEventListener("click", act);
  return made;
};

/** How long something takes, in words that do not jump about. */
function timeLeft(seconds) {
  if (seconds < 50) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `about ${minutes} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}

/** What a song is counted as: its genre, or that there is none. */
function kindOf({ prediction, problem }) {
  if (prediction?.mixed) return MIXED;
  if (prediction) return prediction.abstained ? NOT_SURE : prediction.genre;
  return problem ? FAILED : null;
}

/** What the table says of a song, in few words. */
function named({ mixed, shares, abstained, genre }) {
  if (mixed) return `mixed, mostly ${Object.keys(shares)[0]}`;
  return abstained ? `not sure, perhaps ${genre}` : genre;
}

/** The table of several songs. */
export class Many {
  #place;
  #changed;
  #rows = [];
  #control = null;
  #paused = false;
  #began = 0;
  #finished = 0;
  #shown = null;
  #unkept = new Set();
  #parts = {};

  /** changed() runs when the table begins, ends, or is cleared. */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
    // Who leaves is asked as long as some songs would not be found again.
    addEventListener("beforeunload", (event) => {
      if (this.#unkept.size) event.preventDefault();
    });
  }

  get running() {
    return this.#control !== null;
  }

  get length() {
    return this.#rows.length;
  }

  /** Take up more songs. tooLarge(file) says why one is not sent, or "". */
  async add(files, tooLarge) {
    const first = (this.#rows.at(-1)?.song.number ?? 0) + 1;
    const songs = files.map((file, index) => ({
      number: first + index,
      name: file.name,
      path: file.webkitRelativePath || file.name,
      file,
      job: null,
      prediction: null,
      problem: tooLarge(file) || null,
    }));
    this.#append(songs);
    // Beside the work: a copy of many files takes a while.
    this.#keep(...songs);
    await this.#run();
  }

  async #keep(...songs) {
    for (const song of songs) this.#unkept.add(song);
    if (await keep(...songs)) for (const song of songs) this.#unkept.delete(song);
  }

  /** Show the songs that the browser has kept, and go on with those that have no answer. */
  async restore() {
    const songs = await kept();
    if (!songs.length || this.length) return;
    for (const song of songs) {
      if (!song.file && !song.job && !kindOf(song)) song.problem = "was not sent; choose it again";
    }
    this.#append(songs);
    await this.#run();
  }

  /** Stop what runs; what has an answer keeps it. */
  cancel() {
    this.#paused = false;
    this.#control?.abort();
  }

  /** Empty the table, and forget the songs. */
  async clear() {
    this.cancel();
    this.#rows = [];
    this.#unkept.clear();
    this.#shown = null;
    this.#parts = {};
    this.#place.replaceChildren();
    this.#place.hidden = true;
    await forget();
    this.#changed();
  }

  #build() {
    const parts = this.#parts;
    const songs = () => this.#rows.map(({ song }) => song);
    parts.title = make("h2", { id: "many-title" });
    parts.state = make("p", { class: "many-state", role: "status" });
    parts.bar = make("progress", { max: "1", "aria-label": "Songs that are done" });
    parts.pause = button("Pause", () => this.#pause());
    parts.cancel = button("Cancel", () => this.cancel(), { id: "many-cancel" });
    parts.kinds = make("div", { class: "kinds", role: "group", "aria-label": "Show only" });
    parts.body = make("tbody");
    const head = (words) => make("th", { scope: "col" }, words);
    this.#place.replaceChildren(make("section", { class: "many", "aria-labelledby": "many-title" },
      make("div", { class: "many-top" },
        make("div", { class: "many-head" }, parts.title, make("p", {},
          button("Download CSV", () => save("earmark.csv", "text/csv", toCsv(songs()))), " ",
          button("Download JSON", () => save("earmark.json", "application/json", toJson(songs()))), " ",
          button("Clear", () => this.clear()))),
        make("div", { class: "many-progress" }, parts.state, parts.bar, parts.pause, parts.cancel)),
      parts.kinds,
      make("table", { class: "many-songs" }, make("thead", {}, make("tr", {}, head("File"), head("Genre"), head("Probability"),
        head(make("span", { class: "visually-hidden" }, "Details")))), parts.body)));
    this.#place.hidden = false;
  }

  #append(songs) {
    if (!this.length) this.#build();
    for (const song of songs) {
      const name = make("th", { scope: "row", title: song.path }, make("span", { class: "many-name" }, song.name));
      const row = { song, element: make("tr", {}, name), detail: null };
      this.#rows.push(row);
      this.#parts.body.append(row.element);
      this.#draw(row, "waiting");
    }
    this.#parts.title.textContent = this.length === 1 ? "1 song" : `${this.length} songs`;
    this.#summarize();
  }

  /** Work through what has no answer yet, a few songs at a time. */
  async #run() {
    // A run that goes on takes up the new songs by itself.
    if (this.running || !this.#rows.some(({ song }) => !kindOf(song))) return this.#tell();
    const control = new AbortController();
    this.#control = control;
    this.#began = performance.now();
    this.#finished = 0;
    this.#changed();
    const taken = new Set();
    const work = async () => {
      for (;;) {
        while (this.#paused && !control.signal.aborted) await new Promise((done) => setTimeout(done, 100));
        const row = this.#rows.find((one) => !kindOf(one.song) && !taken.has(one));
        if (!row || control.signal.aborted) return;
        taken.add(row);
        await this.#answer(row, control.signal);
        this.#finished += 1;
        this.#summarize();
        this.#tell();
      }
    };
    this.#tell();
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (control.signal.aborted) {
      for (const row of this.#rows) if (!kindOf(row.song)) this.#fail(row, "canceled");
    }
    if (this.#control === control) this.#control = null;
    if (!this.length) return;
    this.#summarize();
    this.#tell();
    this.#changed();
  }

  async #answer(row, signal) {
    const { song } = row;
    try {
      const result = await classify(song.file, {
        signal,
        job: song.job,
        picture: false,
        stays: true,
        tell: (what) => this.#draw(row, what.toLowerCase()),
        submitted: (id) => {
          song.job = id;
          return this.#keep(song);
        },
      });
      song.prediction = result.prediction;
      // Taught by somebody since the page was loaded.
      if (!knowsColor(song.prediction.genre)) await askAnswer(song.job, signal);
      await this.#keep(song);
      this.#draw(row);
    } catch (error) {
      if (error.status === 404 && song.job && song.file) {
        // The server was started again meanwhile, and knows nothing of it.
        song.job = null;
        await this.#answer(row, signal);
      } else if (!(error instanceof Canceled)) {
        // The row names the file already.
        this.#fail(row, error.message.replace(`${song.name}: `, ""));
      }
    }
  }

  #fail(row, problem) {
    row.song.problem = problem;
    this.#keep(row.song);
    this.#draw(row);
  }

  #pause() {
    this.#paused = !this.#paused;
    this.#parts.pause.textContent = this.#paused ? "Go on" : "Pause";
    if (!this.#paused) {
      this.#began = performance.now();
      this.#finished = 0;
    }
    this.#tell();
  }

  #tell() {
    const { state, bar, pause, cancel } = this.#parts;
    if (!state) return;
    const done = this.#rows.filter(({ song }) => kindOf(song)).length;
    const left = this.length - done;
    for (const part of [bar, pause, cancel]) part.hidden = !left || !this.running;
    bar.value = done / this.length;
    const speed = this.#finished / (performance.now() - this.#began);
    // Nothing is said of the time before it can be known.
    const time = !this.#paused && this.#finished >= 3 ? `, ${timeLeft(left / speed / 1000)}` : "";
    state.textContent = left && this.running
      ? `${done} of ${this.length} done${this.#paused ? ", paused" : time}`
      : "All done.";
    state.classList.toggle("visually-hidden", !left || !this.running);
  }

  /** Count the genres; each count shows only its songs when it is pressed. */
  #summarize() {
    // Songs that were cleared may still come to their end.
    if (!this.length) return;
    const counts = new Map();
    for (const { song } of this.#rows) {
      const kind = kindOf(song);
      if (kind) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    if (this.#shown && !counts.has(this.#shown)) this.#shown = null;
    const last = [MIXED, NOT_SURE, FAILED];
    const kinds = [...counts.keys()].sort((a, b) =>
      last.indexOf(a) - last.indexOf(b) || counts.get(b) - counts.get(a) || a.localeCompare(b));
    const focused = this.#parts.kinds.contains(document.activeElement)
      ? document.activeElement.dataset.kind : undefined;
    const chip = (kind, words, dot) => button(words, () => {
      this.#shown = this.#shown === kind ? null : kind;
      this.#summarize();
    }, { class: "kind", "aria-pressed": String(this.#shown === kind), "data-kind": kind ?? "" });
    this.#parts.kinds.replaceChildren(...(kinds.length > 1 ? [
      chip(null, `all ${this.length}`),
      ...kinds.map((kind) => {
        const made = chip(kind, "");
        if (!last.includes(kind)) made.append(make("span", { class: `dot ${genreClass(kind)}`, "aria-hidden": "true" }), " ");
        made.append(`${kind} `, make("span", { class: "number" }, String(counts.get(kind))));
        return made;
      }),
    ] : []));
    if (focused !== undefined) {
      [...this.#parts.kinds.children].find((one) => one.dataset.kind === focused)?.focus();
    }
    for (const row of this.#rows) {
      const isShown = !this.#shown || kindOf(row.song) === this.#shown;
      row.element.hidden = !isShown;
      if (row.detail) row.detail.hidden = !isShown || !row.isOpen;
    }
  }

  /** Show a row as it stands; state says how far a song without an answer is. */
  #draw(row, state) {
    const { song, element } = row;
    const { prediction, problem } = song;
    let cells;
    if (prediction) {
      const dot = make("span", { class: `dot ${genreClass(prediction.genre)}`, "aria-hidden": "true" });
      row.opener ??= button("Why?", () => this.#toggle(row), {
        "aria-expanded": "false", "aria-label": `Why, for ${song.name}`,
      });
      cells = [
        make("td", { title: prediction.sentence }, dot, " ", named(prediction)),
        make("td", { class: "number" }, percent(prediction.confidence)),
        make("td", {}, row.opener),
      ];
    } else cells = [make("td", { colspan: "3", class: problem ? "bad" : "fine" }, problem ?? state)];
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    while (element.children.length > 1) element.lastElementChild.remove();
    element.append(...cells);
    focused?.focus();
  }

  async #toggle(row) {
    row.isOpen = !row.isOpen;
    row.opener.setAttribute("aria-expanded", String(row.isOpen));
    row.opener.textContent = row.isOpen ? "Close" : "Why?";
    row.opener.setAttribute("aria-label", `${row.isOpen ? "Close" : "Why"}, for ${row.song.name}`);
    if (row.detail) {
      row.detail.hidden = !row.isOpen;
      return;
    }
    const cell = make("td", { colspan: "4" }, make("p", { class: "fine" }, "One moment…"));
    row.detail = make("tr", { class: "many-detail" }, cell);
    row.element.after(row.detail);
    await this.#open(row, cell);
  }

  /** Put the whole answer of a song into a cell, and its picture when that is there. */
  async #open(row, cell) {
    const { song } = row;
    let article;
    try {
      cell.replaceChildren(await askAnswer(song.job));
      article = cell.querySelector(".answer");
    } catch (error) {
      const line = error.status === 404
        ? `${song.prediction.sentence} The server does not have its neighbors any more; send the song again to see them.`
        : error.message;
      cell.replaceChildren(make("p", {}, line));
      return;
    }
    teachable(article, async (fresh) => {
      article = fresh;
      song.prediction = (await (await ask(`api/v1/jobs/${song.job}/result`)).json()).prediction;
      await this.#keep(song);
      this.#draw(row);
      this.#summarize();
    });
    if (!song.file) return;
    // Most rows are never opened: the picture is made for those that are.
    waitFor(article.querySelector(".picture"));
    try {
      row.result ??= await classify(song.file, { signal: new AbortController().signal, tell: () => {} });
      row.address ??= URL.createObjectURL(song.file);
      picture(article.querySelector(".picture"), row.result, row.address);
    } catch (error) {
      article.querySelector(".picture").replaceChildren(make("p", { class: "fine" }, error.message));
    }
  }
}
