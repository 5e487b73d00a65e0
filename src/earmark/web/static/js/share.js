// @ts-check
// An answer for others: its link, and a picture card.

import { card } from "./card.js";
import { make } from "./common.js";
import { region, t } from "./texts.js";

const form = new Intl.DateTimeFormat(region, { timeStyle: "short" });

/** Copy the link of an answer, and say how long it holds. @param {HTMLAnchorElement} link */
async function copy(link) {
  const until = form.format(new Date(link.dataset.share ?? ""));
  const isLocal = "isLocal" in link.dataset;
  try {
    await navigator.clipboard.writeText(link.href);
    tell(link, isLocal
      ? t("Copied. It shows this answer on this computer until %(until)s, if the server is not started again before.", { until })
      : t("Copied. It shows this answer until %(until)s, if the server is not started again before.", { until }));
  } catch {
    // Without a safe connection no page may reach the clipboard.
    const line = isLocal
      ? t("This shows this answer on this computer until %(until)s, if the server is not started again before.", { until })
      : t("This shows this answer until %(until)s, if the server is not started again before.", { until });
    tell(link, `${line} ${link.href}`);
  }
}

/** Save the picture card of an answer. @param {HTMLElement} button */
async function save(button) {
  const article = /** @type {HTMLElement} */ (button.closest(".answer"));
  try {
    const address = URL.createObjectURL(await card(article));
    make("a", { href: address, download: "earmark-answer.png" }).click();
    // Once the browser has begun to save it.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    tell(button, t("Saved as %(name)s.", { name: "earmark-answer.png" }));
  } catch {
    tell(button, t("This browser cannot draw the picture."));
  }
}

/** @param {HTMLElement} beside @param {string} line */
function tell(beside, line) {
  const place = beside.parentElement?.querySelector(".share-told");
  if (place) place.textContent = line;
}

// Answers come and go, and with the table there are several.
document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const link = /** @type {HTMLAnchorElement | null} */ (target.closest("[data-share]"));
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (link && isPlain) {
    event.preventDefault();
    copy(link);
  }
  const button = /** @type {HTMLElement | null} */ (target.closest("[data-card]"));
  if (button) save(button);
});
