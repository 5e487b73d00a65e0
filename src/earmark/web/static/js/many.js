// Several songs: a table that fills, is filtered, opens in place, and is found again.

import { Chosen } from "./chosen.js";
import { ask, askAnswer, askJson, base, genreClass, knowsColor, make, sleep } from "./common.js";
import { language, percent, t, tn } from "./texts.js";
import { Canceled, classify } from "./songs.js";
import "./share.js";
import { teachable } from "./teach.js";
import { picture, waitFor } from "./wave.js";

const AT_ONCE = 3;
const NOT_SURE = t("not sure");
const MIXED = t("mixed");
const FAILED = t("no answer");

const button = (words, act, more = {}) => {
  const made = make("button", { type: "button", class: "quiet", ...more }, words);
  made.addEventListener("click", act);
  return made;
};

/** How long something takes, in words that do not jump about. */
function timeLeft(seconds) {
  if (seconds < 50) return t("less than a minute left");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return t("about %(minutes)s min left", { minutes });
  return t("about %(hours)s h left", { hours: Math.round(seconds / 3600) });
}

/** What goes on, within a line. */
const inLine = (words) => words.charAt(0).toLowerCase() + words.slice(1);

/** What a song is counted as: its genre, or that there is none. */
function kindOf({ prediction, problem }) {
  if (prediction?.mixed) return MIXED;
  if (prediction) return prediction.abstained ? NOT_SURE : prediction.genre;
  return problem ? FAILED : null;
}

/** What the table says of a song, in few words. */
function named({ mixed, shares, abstained, genre }) {
  if (mixed) return t("mixed, mostly %(genre)s", { genre: Object.keys(shares)[0] });
  return abstained ? t("not sure, perhaps %(genre)s", { genre }) : genre;
}

/** The whole sentence, which servers say in English; elsewhere the few words. */
const sentence = (prediction) => (language === "en" ? prediction.sentence : named(prediction));

/** What rows can be sorted by: two of them say which comes first. */
const ORDERS = {
  [t("File")]: (a, b) => a.song.path.localeCompare(b.song.path, undefined, { numeric: true }),
  [t("Genre")]: (a, b) => (kindOf(a.song) ?? "").localeCompare(kindOf(b.song) ?? ""),
  // The least sure first: those want to be looked at.
  [t("Probability")]: (a, b) => (a.song.prediction?.confidence ?? -1) - (b.song.prediction?.confidence ?? -1),
};

/** The table of several songs. */
export class Many {
  #place;
  #kept;
  #changed;
  #rows = [];
  #control = null;
  #paused = false;
  #ran = false; // whether any song was under way since the table is there
  #began = 0;
  #finished = 0;
  #shown = null;
  #unkept = new Set();
  #order = null;
  #parts = {};

  /** kept is where songs are found again; changed() runs when the table begins, ends, or is cleared. */
  constructor(place, kept, changed = () => {}) {
    this.#place = place;
    this.#kept = kept;
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
    await this.#take(files.map((file) => ({
      name: file.name,
      path: file.webkitRelativePath || file.name,
      file,
      problem: tooLarge(file) || null,
    })));
  }

  /**
   * Take up songs of the server's folder of music, by their paths. Those that have an answer keep
   * it; those that came to nothing are tried again.
   */
  async addPaths(paths) {
    const known = new Map(this.#rows.map((row) => [row.song.path, row]));
    const again = paths.map((path) => known.get(path)).filter((row) => row?.song.problem);
    for (const row of again) {
      Object.assign(row.song, { problem: null, job: null });
      this.#draw(row, t("waiting"));
    }
    await this.#take(paths.filter((path) => !known.has(path)).map((path) => ({
      name: path.slice(path.lastIndexOf("/") + 1), path, file: null, problem: null, lies: true,
    })));
  }

  async #take(found) {
    const first = Math.max(0, ...this.#rows.map(({ song }) => song.number)) + 1;
    const songs = found.map((song, index) => ({ ...song, number: first + index, job: null, prediction: null }));
    this.#append(songs);
    // Beside the work: a copy of many files takes a while.
    this.#keep(...songs);
    await this.#run();
  }

  async #keep(...songs) {
    for (const song of songs) this.#unkept.add(song);
    if (await this.#kept.keep(...songs)) for (const song of songs) this.#unkept.delete(song);
  }

  /** Show the songs that the browser has kept, and go on with those that have no answer. */
  async restore() {
    const songs = await this.#kept.all();
    if (!songs.length || this.length) return;
    for (const song of songs) {
      if (!song.file && !song.lies && !song.job && !kindOf(song)) song.problem = t("was not sent; choose it again");
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
    this.#ran = false;
    this.#unkept.clear();
    this.#shown = null;
    this.#order = null;
    this.#parts = {};
    this.#place.replaceChildren();
    this.#place.hidden = true;
    await this.#kept.forget();
    this.#changed();
  }

  #build() {
    const parts = this.#parts;
    parts.title = make("h2", { id: "many-title" });
    parts.state = make("p", { class: "many-state", role: "status" });
    parts.bar = make("progress", { max: "1", "aria-label": t("Songs that are done") });
    parts.pause = button(t("Pause"), () => this.#pause());
    parts.cancel = button(t("Cancel"), () => this.cancel(), { id: "many-cancel" });
    parts.kinds = make("div", { class: "kinds", role: "group", "aria-label": t("Show only") });
    parts.body = make("tbody");
    parts.body.addEventListener("keydown", (event) => this.#press(event));
    parts.all = make("input", { type: "checkbox", "aria-label": t("Choose all that are shown") });
    parts.all.addEventListener("change", () => {
      for (const row of this.#visible()) row.box.checked = parts.all.checked;
      this.#countChosen();
    });
    parts.chosen = new Chosen({
      rows: () => this.#meant(),
      renew: (row) => this.#renew(row),
      refresh: (row) => this.#refresh(row),
      mayTeach: "mayTeach" in this.#place.dataset,
      mayPlan: "mayPlan" in this.#place.dataset,
    });
    const head = (words) => make("th", { scope: "col" }, words);
    parts.heads = Object.fromEntries(Object.keys(ORDERS).map((name) =>
      [name, head(button(name, () => this.#sort(name), { class: "quiet sort" }))]));
    this.#place.replaceChildren(make("section", { class: "many", "aria-labelledby": "many-title" },
      make("div", { class: "many-top" },
        make("div", { class: "many-head" }, parts.title, make("p", {},
          button(t("Clear"), () => this.clear()))),
        make("div", { class: "many-progress" }, parts.state, parts.bar, parts.pause, parts.cancel)),
      parts.kinds,
      parts.chosen.element,
      make("table", { class: "many-songs" }, make("thead", {}, make("tr", {}, head(parts.all), ...Object.values(parts.heads),
        head(make("span", { class: "visually-hidden" }, t("Details"))))), parts.body),
      make("p", { class: "fine many-keys" }, t("Keys within the table:"), " ",
        ...[["j", t("next")], ["k", t("back")], ["x", t("choose")], ["o", t("open")], ["p", t("play")], ["r", t("right")], ["n", t("another genre")]]
          .flatMap(([key, words]) => [make("kbd", {}, key), ` ${words} `]))));
    this.#place.hidden = false;
  }

  #append(songs) {
    if (!this.length) this.#build();
    for (const song of songs) {
      const name = make("th", { scope: "row", title: song.path }, make("span", { class: "many-name" }, song.name));
      const box = make("input", { type: "checkbox", "aria-label": t("Choose %(name)s", { name: song.name }) });
      box.addEventListener("change", () => this.#countChosen());
      const row = { song, box, element: make("tr", {}, make("td", { class: "many-box" }, box), name), detail: null };
      this.#rows.push(row);
      this.#parts.body.append(row.element);
      this.#draw(row, t("waiting"));
    }
    this.#parts.title.textContent = tn("%(num)s song", "%(num)s songs", this.length);
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
      for (const row of this.#rows) if (!kindOf(row.song)) this.#fail(row, t("canceled"));
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
        path: song.lies ? song.path : null,
        job: song.job,
        picture: false,
        stays: true,
        tell: (what) => this.#draw(row, inLine(what)),
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
      if (error.status === 404 && song.job && (song.file || song.lies)) {
        // The server was started again meanwhile, and knows nothing of it.
        song.job = null;
        await this.#answer(row, signal);
      } else if (error.isAway) {
        this.#draw(row, t("waiting for the server, which does not answer"));
        await sleep(2000);
        if (!signal.aborted) await this.#answer(row, signal);
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
    this.#parts.pause.textContent = this.#paused ? t("Go on") : t("Pause");
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
    const isOver = !left || !this.running;
    // What stood there while it ran keeps its room, so that the table does not jump at the end.
    this.#ran ||= !isOver;
    for (const part of [bar, pause, cancel]) part.hidden = !this.#ran;
    for (const part of [pause, cancel]) part.classList.toggle("spent", isOver);
    bar.value = done / this.length;
    const speed = this.#finished / (performance.now() - this.#began);
    // Nothing is said of the time before it can be known.
    const time = !this.#paused && this.#finished >= 3 ? `, ${timeLeft(left / speed / 1000)}` : "";
    state.textContent = !isOver
      ? `${t("%(done)s of %(count)s done", { done, count: this.length })}${this.#paused ? `, ${t("paused")}` : time}`
      : t("All done.");
    state.classList.toggle("visually-hidden", !this.#ran);
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
      chip(null, t("all %(count)s", { count: this.length })),
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
    this.#countChosen();
  }

  #visible() {
    return this.#rows.filter(({ element }) => !element.hidden);
  }

  /** The rows that something is to be done with: those that are chosen, or all that are shown. */
  #meant() {
    const shown = this.#visible();
    const chosen = shown.filter(({ box }) => box.checked);
    return chosen.length ? chosen : shown;
  }

  #countChosen() {
    const shown = this.#visible();
    const count = shown.filter(({ box }) => box.checked).length;
    const { all, chosen } = this.#parts;
    all.checked = count > 0 && count === shown.length;
    all.indeterminate = count > 0 && count < shown.length;
    chosen.tell(count || shown.length, count > 0);
  }

  /** Sort by a column, then the other way round, then as the songs came. */
  #sort(name) {
    const down = this.#order?.name === name;
    this.#order = down && this.#order.down ? null : { name, down };
    for (const [column, head] of Object.entries(this.#parts.heads)) {
      if (this.#order?.name === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const byNumber = (a, b) => a.song.number - b.song.number;
    const compare = this.#order ? ORDERS[name] : byNumber;
    this.#rows.sort((a, b) => (down && this.#order ? compare(b, a) : compare(a, b)) || byNumber(a, b));
    for (const { element, detail } of this.#rows) this.#parts.body.append(element, ...(detail ? [detail] : []));
  }

  /** Keys that work while something within the table has the focus, other than a field for words. */
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("select, textarea, input:not([type='checkbox'])") || event.target.closest("[role='slider']")) return;
    const row = this.#rows.find(({ element, detail }) => element.contains(event.target) || detail?.contains(event.target));
    if (!row) return;
    const shown = this.#visible();
    const step = (by) => shown[shown.indexOf(row) + by]?.box.focus();
    const acts = {
      j: () => step(1),
      k: () => step(-1),
      x: () => { row.box.checked = !row.box.checked; this.#countChosen(); },
      o: () => row.opener && this.#toggle(row),
      p: () => this.#within(row, ".wave-tools .play, .near .play", (part) => part.click()),
      r: () => this.#within(row, ".teach-form input[type='hidden'][name='genre'] ~ button", (part) => part.click()),
      n: () => this.#within(row, ".teach-form input[list]", (part) => part.focus()),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Do something with a part of a song's answer, which is opened for it. */
  async #within(row, selector, act) {
    if (!row.opener) return;
    if (!row.isOpen) await this.#toggle(row);
    const part = row.detail.querySelector(selector);
    if (part) act(part);
  }

  /** Show a song by the library as it is now. */
  async #renew(row) {
    const { song } = row;
    song.prediction = (await askJson(`api/v1/jobs/${song.job}/result`)).prediction;
    if (!knowsColor(song.prediction.genre)) await askAnswer(song.job);
    await this.#keep(song);
    this.#draw(row);
    this.#summarize();
    // An answer that lies open is asked for anew.
    if (row.detail) {
      row.detail.remove();
      row.detail = null;
      row.isOpen = false;
      this.#label(row);
    }
  }

  /** Show a row as it stands; state says how far a song without an answer is. */
  #draw(row, state) {
    const { song, element } = row;
    const { prediction, problem } = song;
    let cells;
    if (prediction) {
      const dot = make("span", { class: `dot ${genreClass(prediction.genre)}`, "aria-hidden": "true" });
      row.opener ??= button(t("Why?"), () => this.#toggle(row), {
        "aria-expanded": "false", "aria-label": t("Why, for %(name)s", { name: song.name }),
      });
      cells = [
        make("td", { title: sentence(prediction) }, dot, " ", named(prediction)),
        make("td", { class: "number" }, percent(prediction.confidence)),
        make("td", {}, row.opener),
      ];
    } else cells = [make("td", { colspan: "3", class: problem ? "bad" : "fine" }, problem ?? state)];
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    while (element.children.length > 2) element.lastElementChild.remove();
    element.append(...cells);
    focused?.focus();
  }

  /** Let the server hear a song again that it does not have any more, where its sound is at hand. */
  async #refresh({ song }) {
    if (!song.file && !song.lies) return;
    try {
      await ask(`api/v1/jobs/${song.job}`);
    } catch (error) {
      if (error.status !== 404) throw error;
      const options = { path: song.lies ? song.path : null, picture: false, stays: true };
      const result = await classify(song.file, { ...options, signal: new AbortController().signal, tell: () => {} });
      song.job = result.job.id;
      song.prediction = result.prediction;
      await this.#keep(song);
    }
  }

  async #toggle(row) {
    row.isOpen = !row.isOpen;
    this.#label(row);
    if (row.detail) {
      row.detail.hidden = !row.isOpen;
      return;
    }
    const cell = make("td", { colspan: "5" }, make("p", { class: "fine" }, t("One moment…")));
    row.detail = make("tr", { class: "many-detail" }, cell);
    row.element.after(row.detail);
    await this.#open(row, cell);
  }

  #label(row) {
    row.opener.setAttribute("aria-expanded", String(row.isOpen));
    row.opener.textContent = row.isOpen ? t("Close") : t("Why?");
    const { name } = row.song;
    row.opener.setAttribute("aria-label", row.isOpen ? t("Close, for %(name)s", { name }) : t("Why, for %(name)s", { name }));
  }

  /** Put the whole answer of a song into a cell, and its picture when that is there. */
  async #open(row, cell) {
    const { song } = row;
    let article;
    try {
      await this.#refresh(row);
      cell.replaceChildren(await askAnswer(song.job));
      article = cell.querySelector(".answer");
    } catch (error) {
      const line = error.status === 404
        ? `${sentence(song.prediction)} ${t("The server does not have its neighbors any more; send the song again to see them.")}`
        : error.message;
      cell.replaceChildren(make("p", {}, line));
      return;
    }
    teachable(article, async (fresh) => {
      article = fresh;
      song.prediction = (await askJson(`api/v1/jobs/${song.job}/result`)).prediction;
      await this.#keep(song);
      this.#draw(row);
      this.#summarize();
    });
    if (!song.file && !song.lies) return;
    // Most rows are never opened: the picture is made for those that are.
    waitFor(article.querySelector(".picture"));
    try {
      row.result ??= await classify(song.file, {
        path: song.lies ? song.path : null, signal: new AbortController().signal, tell: () => {},
      });
      row.address ??= song.lies
        ? `${base}media/music?${new URLSearchParams({ path: song.path })}` : URL.createObjectURL(song.file);
      picture(article.querySelector(".picture"), row.result, row.address);
    } catch (error) {
      article.querySelector(".picture").replaceChildren(make("p", { class: "fine" }, error.message));
    }
  }
}
