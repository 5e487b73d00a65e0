// What can be done with some of several songs: teach their genre, take them along.

import { ask, askJson, make } from "./common.js";
import { TagPlan } from "./tag_plan.js";
import { t, tn } from "./texts.js";
import { byGenre, toZip } from "./playlists.js";
import { save, toCsv, toJson } from "./table.js";

const button = (words, act) => {
  const made = make("button", { type: "button", class: "quiet" }, words);
  made.addEventListener("click", act);
  return made;
};

/** @param {number} count @param {string} genre */
const taughtSo = (count, genre) => tn("%(num)s song taught: %(genre)s", "%(num)s songs taught: %(genre)s", count, { genre });

/** The bar of what can be done; it is for all songs that are shown, or for those that are chosen. */
export class Chosen {
  #rows;
  #renew;
  #refresh;
  #line = make("span", { class: "chosen-count" });
  #told = make("p", { class: "fine chosen-told", role: "status", hidden: true });

  /**
   * rows() returns the rows that it is for; renew(row) takes the vote of a song again; refresh(row)
   * lets the server hear a song again that it does not have any more; mayTeach and mayPlan say
   * whether this visitor may teach, and whether the songs are files that genres can be planned for.
   */
  constructor({ rows, renew, refresh, mayTeach, mayPlan }) {
    this.#rows = rows;
    this.#renew = renew;
    this.#refresh = refresh;
    const all = () => this.#rows().map(({ song }) => song);
    const bar = make("div", { class: "chosen", role: "group", "aria-label": t("With these songs") },
      this.#line,
      mayTeach ? this.#teachForm() : null,
      button(t("CSV"), () => save("earmark.csv", "text/csv", toCsv(all()))),
      button(t("JSON"), () => save("earmark.json", "application/json", toJson(all()))),
      button(t("Playlists"), () => this.#savePlaylists(all())));
    this.element = make("div", { class: "chosen-bar" }, bar, this.#told);
    if (!mayPlan) return;
    const plan = new TagPlan(refresh);
    bar.append(button(t("Plan of tags"), () => plan.show(this.#rows())));
    this.element.append(plan.element);
  }

  /** Say which songs it is for. */
  tell(count, isChosen) {
    this.#line.textContent = isChosen
      ? tn("With %(num)s song chosen:", "With %(num)s songs chosen:", count)
      : tn("With %(num)s song:", "With all %(num)s:", count);
  }

  #say(...words) {
    this.#told.replaceChildren(...words);
    this.#told.hidden = !words.length;
  }

  #savePlaylists(found) {
    const sure = found.filter(({ prediction }) => prediction && !prediction.abstained);
    const lists = byGenre(sure.map(({ path, prediction }) => [prediction.genre, { path, ...pick(prediction) }]));
    if (!lists.length) this.#say(t("None of these songs has a sure answer."));
    else if (lists.length === 1) save(lists[0][0], "audio/x-mpegurl", lists[0][1]);
    else save("earmark-playlists.zip", "application/zip", toZip(lists));
  }

  #teachForm() {
    const field = make("input", { name: "genre", list: "all-genres", required: true, maxlength: "100", autocomplete: "off", placeholder: t("genre"), "aria-label": t("Genre of these songs") });
    const form = make("form", { class: "chosen-teach" }, field, make("button", { class: "quiet" }, t("Teach")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const genre = field.value.trim().replace(/\s+/g, " ");
      if (!genre) return;
      form.inert = true;
      await this.#teach(this.#rows(), genre);
      form.inert = false;
      field.value = "";
    });
    return form;
  }

  async #teach(rows, genre) {
    const made = [];
    const failed = [];
    const done = [];
    for (const row of rows.filter(({ song }) => song.prediction)) {
      try {
        await this.#refresh(row);
        const taught = { job: row.song.job, genre };
        const { id } = await askJson("api/v1/corrections", { method: "POST", json: taught });
        made.push(id);
        done.push(row);
        this.#say(`${taughtSo(made.length, genre)}…`);
        await this.#renew(row);
      } catch (error) {
        failed.push(error.status === 404
          ? t("%(name)s: the server does not have it any more; send it again", { name: row.song.name }) : error.message);
      }
    }
    const lines = [`${taughtSo(made.length, genre)}. `];
    const undo = button(t("Undo"), () => this.#undo(made, done));
    this.#say(...lines, made.length ? undo : "", failed.length ? ` ${failed.join(" ")}` : "");
  }

  async #undo(made, rows) {
    try {
      // The last one first: each is as it was when it was made.
      for (const id of [...made].reverse()) await ask(`api/v1/corrections/${id}/undo`, { method: "POST" });
      this.#say(t("Undone. The library is as it was."));
    } catch (error) {
      this.#say(error.message);
    }
    for (const row of rows) await this.#renew(row);
  }
}

const pick = ({ title, artist, duration }) => ({ title, artist, duration });
