// Places that show the report: while it is being computed, ask for it, and show it when it is there.

import { askJson, make, sleep } from "./common.js";
import { t } from "./texts.js";

const PAUSE = 2000;

/** Whether loading again would take something away from whoever is using the page. */
function inUse() {
  const typed = (field) =>
    (field.type !== "hidden" && field.value !== field.defaultValue) || field.checked !== field.defaultChecked;
  const turned = (list) =>
    list.selectedIndex !== Math.max(0, [...list.options].findIndex((option) => option.defaultSelected));
  return document.activeElement.matches("input, select, textarea")
    || document.querySelector("dialog[open]") !== null
    || !document.getElementById("player")?.paused
    || [...document.querySelectorAll("main input, main textarea")].some(typed)
    || [...document.querySelectorAll("main select")].some(turned);
}

async function isComputing() {
  try {
    return (await askJson("api/v1/report")).state === "computing";
  } catch {
    // Perhaps the next time.
    return true;
  }
}

async function wait(notice) {
  do await sleep(PAUSE); while (await isComputing());
  if (inUse()) {
    const show = make("button", { type: "button", class: "quiet" }, t("Show it"));
    show.addEventListener("click", () => location.reload());
    notice.replaceChildren(t("That is done now; this page shows it when nothing is being typed or played here."), " ", show);
  }
  while (inUse()) await sleep(PAUSE);
  location.reload();
}

const notice = document.querySelector("[data-waiting]");
if (notice) wait(notice);
