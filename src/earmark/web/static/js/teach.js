// "Right" and "No, it is …" without leaving the page, with undo.

import { ask, make } from "./common.js";

/** Let the forms of an answer teach; changed() runs after each change. */
export function teachable(article, changed = () => {}) {
  const status = article.querySelector(".taught");
  const ways = article.querySelector(".teach-ways");
  if (!ways) return;
  for (const form of article.querySelectorAll(".teach-form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = new FormData(form);
      const genre = data.get("genre").trim().replace(/\s+/g, " ");
      if (!genre) return;
      try {
        const answer = await ask("api/v1/corrections", {
          method: "POST", json: { job: data.get("job"), genre },
        });
        learned(await answer.json());
      } catch (error) {
        tell(error.message);
      }
    });
  }

  function tell(...words) {
    status.hidden = false;
    status.replaceChildren(...words);
  }

  function learned(correction) {
    ways.hidden = true;
    const undo = make("button", { type: "button", class: "quiet" }, "Undo");
    tell(`Learned: this is ${correction.genre_after}. It counts from now on. `, undo);
    undo.focus();
    undo.addEventListener("click", async () => {
      try {
        await ask(`api/v1/corrections/${correction.id}/undo`, { method: "POST" });
        ways.hidden = false;
        tell("Undone. The library is as it was.");
        changed();
      } catch (error) {
        tell(error.message);
      }
    });
    changed();
  }
}
