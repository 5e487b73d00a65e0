// Which genres the files of songs would get: shown, and saved as the plan that the command takes.

import { askJson, make } from "./common.js";
import { percent } from "./texts.js";
import { save } from "./table.js";

const MODES = [
  ["missing", "for files without a genre"],
  ["replace", "instead of the genres that they have"],
  ["add", "beside the genres that they have"],
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
    const close = make("button", { type: "button", class: "quiet" }, "Close");
    close.addEventListener("click", () => {
      this.#turn += 1;
      this.element.hidden = true;
    });
    this.element = make("section", { class: "tag-plan", hidden: true, "aria-label": "Plan of tags" },
      make("div", { class: "tag-plan-head" }, make("label", {}, "Propose genres ", this.#mode), close),
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
      this.#state.textContent = "None of these songs is answered yet.";
      return;
    }
    // Room for what is read now, so that nothing below it jumps when it is there.
    this.#body.style.setProperty("--rows", String(Math.min(answered.length, MOST_ROWS)));
    const proposals = [];
    const left = [];
    try {
      for (let at = 0; at < answered.length; at += AT_ONCE) {
        this.#state.textContent = `Reading tags, ${at} of ${answered.length}…`;
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
    this.#state.textContent = `${proposals.length} of ${count} ${count === 1 ? "file" : "files"} would get a genre. This page changes no file.`;
    const parts = [];
    if (proposals.length) {
      const button = make("button", { type: "button", class: "button second" }, "Save the plan");
      button.addEventListener("click", () =>
        save(NAME, "application/x-ndjson", proposals.map((one) => `${JSON.stringify(one)}\n`).join("")));
      parts.push(
        this.#table(["File", "Has", "Would get", "Sure"], proposals.map((one) =>
          [nameOf(one.path), one.tags_seen.genres.join("; ") || "none", one.genres.join("; "), percent(one.probability)])),
        make("p", {}, button, " Then ", make("code", {}, `earmark tag --apply ${NAME}`),
          " writes it, and ", make("code", {}, "earmark tag --undo"), " takes it back."));
    }
    if (left.length) {
      const words = left.length === 1 ? "1 file stays as it is" : `${left.length} files stay as they are`;
      parts.push(make("details", {}, make("summary", {}, words),
        this.#table(["File", "Has", "Why"], left.map((one) => [nameOf(one.path), one.seen.join("; ") || "none", one.why]))));
    }
    this.#body.replaceChildren(...parts);
  }

  #table(heads, rows) {
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
      make("table", { class: "plan-files" },
        make("thead", {}, make("tr", {}, ...heads.map((words) => make("th", { scope: "col" }, words)))),
        make("tbody", {}, ...rows.map(([name, ...cells]) => make("tr", {},
          make("th", { scope: "row" }, name), ...cells.map((words) => make("td", {}, words)))))));
  }
}
