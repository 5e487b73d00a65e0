// "Right" and "No, it is …" without leaving the page, with undo.

import { ask, askAnswer, make } from "./common.js";
import { t } from "./texts.js";

/**
 * Let the forms of an answer teach. After each change the vote is taken again, and the answer that
 * is shown is that of the library as it is then; changed(article) tells of it.
 */
export function teachable(article, changed = () => {}) {
  for (const form of article.querySelectorAll(".teach-form")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const data = new FormData(form);
      const genre = data.get("genre").trim().replace(/\s+/g, " ");
      if (!genre) return;
      change(() => ask("api/v1/corrections", { method: "POST", json: { job: data.get("job"), genre } }));
    });
  }
  article.querySelector(".unteach-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const { correction } = event.currentTarget.dataset;
    change(() => ask(`api/v1/corrections/${correction}/undo`, { method: "POST" }),
      t("Undone. The library is as it was."));
  });

  async function change(request, line) {
    try {
      await request();
    } catch (error) {
      tell(article, error.message);
      return;
    }
    const fresh = (await askAnswer(article.dataset.job)).querySelector(".answer");
    // The song's own picture stays, with what is playing.
    fresh.querySelector(".picture").replaceWith(article.querySelector(".picture"));
    article.replaceWith(fresh);
    teachable(fresh, changed);
    if (line) tell(fresh, line);
    const next = fresh.querySelector(".unteach-form button, .teach-form button");
    // Where the eye was, so that nothing jumps.
    next?.focus({ preventScroll: true });
    fresh.querySelector(".teach").scrollIntoView({ block: "nearest" });
    await changed(fresh);
  }
}

function tell(article, line) {
  const teach = article.querySelector(".teach");
  let status = teach.querySelector(".taught");
  if (!status) {
    status = make("div", { class: "taught", role: "status" });
    teach.querySelector("h3").after(status);
  }
  status.hidden = false;
  status.replaceChildren(line);
}
