// Which genres the files of songs would get: shown, and saved as the plan that the command takes.

import { askJson, make } from "./common.js";
import { parts, percent, t, tn } from "./texts.js";
import { save } from "./table.js";

const MODES = [
  ["missing", t("for files without a genre")],
  ["replace", t("instead of the genres that they have")],
  ["add", t("beside the genres that they have")],
];
const NAME = "earmark-plan.jsonl";
const AT_ONCE = 100;
const MOST_ROWS = 10; // that are shown without scrolling

const nameOf = (path) => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);

/** A plan of tags. Nothing is written here: the command does it, and takes it back. */
export class TagPlan {
  #refresh;
  #rows = [];
  #turn = 0;
  #mode;
  #state = make("p", { role: "status" });
  #body = make("div", { class: "tag-plan-body" });

  /** refresh(row) lets the server hear a song again that it does not have any more. */
  constructor(refresh) {
    this.#refresh = refresh;
    this.#mode = make("select", {}, ...MODES.map(([value, words]) => make("option", { value }, words)));
    this.#mode.addEventListener("change", () => this.show(this.#rows));
    const close = make("button", { type: "button", class: "quiet" }, t("Close"));
    close.addEventListener("click", () => {
      this.#turn += 1;
      this.element.hidden = true;
    });
    this.element = make("section", { class: "tag-plan", hidden: true, "aria-label": t("Plan of tags") },
      make("div", { class: "tag-plan-head" }, make("label", {}, t("Propose genres"), " ", this.#mode), close),
      this.#state, this.#body);
  }

  /** Show what is proposed for the songs of some rows. */
  async show(rows) {
    this.#rows = rows;
    this.#turn += 1;
    const mine = this.#turn;
    this.element.hidden = false;
    this.#body.replaceChildren();
    const answered = rows.filter(({ song }) => song.prediction);
    if (!answered.length) {
      this.#state.textContent = t("None of these songs is answered yet.");
      return;
    }
    // Room for what is read now, so that nothing below it jumps when it is there.
    this.#body.style.setProperty("--rows", String(Math.min(answered.length, MOST_ROWS)));
    const proposals = [];
    const left = [];
    try {
      for (let at = 0; at < answered.length; at += AT_ONCE) {
        this.#state.textContent = t("Reading tags, %(done)s of %(count)s…", { done: at, count: answered.length });
        const part = answered.slice(at, at + AT_ONCE);
        for (const row of part) await this.#refresh(row);
        const json = { jobs: part.map(({ song }) => song.job), mode: this.#mode.value };
        const found = await askJson("api/v1/tags/plan", { method: "POST", json });
        if (mine !== this.#turn) return;
        proposals.push(...found.proposals);
        left.push(...found.left);
      }
    } catch (error) {
      if (mine === this.#turn) this.#state.textContent = error.message;
      return;
    }
    this.#tell(proposals, left);
  }

  #tell(proposals, left) {
    const count = proposals.length + left.length;
    this.#state.textContent = tn("%(some)s of %(num)s file would get a genre. This page changes no file.",
      "%(some)s of %(num)s files would get a genre. This page changes no file.", count, { some: proposals.length });
    const shown = [];
    if (proposals.length) {
      const button = make("button", { type: "button", class: "button second" }, t("Save the plan"));
      button.addEventListener("click", () =>
        save(NAME, "application/x-ndjson", proposals.map((one) => `${JSON.stringify(one)}\n`).join("")));
      shown.push(
        this.#table([t("File"), t("Has"), t("Would get"), t("Sure")], proposals.map((one) =>
          [nameOf(one.path), one.tags_seen.genres.join("; ") || t("none"), one.genres.join("; "), percent(one.probability)])),
        make("p", {}, button, " ", ...parts("Then %(apply)s writes it, and %(undo)s takes it back.", {
          apply: make("code", {}, `earmark tag --apply ${NAME}`), undo: make("code", {}, "earmark tag --undo"),
        })));
    }
    if (left.length) {
      const words = tn("%(num)s file stays as it is", "%(num)s files stay as they are", left.length);
      shown.push(make("details", {}, make("summary", {}, words),
        this.#table([t("File"), t("Has"), t("Why")], left.map((one) => [nameOf(one.path), one.seen.join("; ") || t("none"), one.why]))));
    }
    this.#body.replaceChildren(...shown);
  }

  #table(heads, rows) {
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
      make("table", { class: "plan-files" },
        make("thead", {}, make("tr", {}, ...heads.map((words) => make("th", { scope: "col" }, words)))),
        make("tbody", {}, ...rows.map(([name, ...cells]) => make("tr", {},
          make("th", { scope: "row" }, name), ...cells.map((words) => make("td", {}, words)))))));
  }
}
