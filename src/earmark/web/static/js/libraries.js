// @ts-check
// The page of the libraries: how far the one is that is being made.

import { askJson, sleep } from "./common.js";
import { t } from "./texts.js";

const PAUSE = 1000;

/** @param {HTMLElement} making */
async function follow(making) {
  const bar = making.querySelector("progress");
  const told = making.querySelector(".making-told");
  for (;;) {
    await sleep(PAUSE);
    let now;
    try {
      now = await askJson("api/v1/libraries/build");
    } catch {
      // Perhaps the next time.
      continue;
    }
    if (now.state !== "running") break;
    if (bar) {
      bar.max = now.total || 1;
      bar.value = now.finished;
    }
    const done = t("%(done)s of %(total)s files are done.", { done: now.finished, total: now.total });
    if (told) told.textContent = `${done} ${now.under_way[0] ?? ""}`;
  }
  location.reload();
}

const making = document.getElementById("making");
if (making?.dataset.state === "running") follow(making);
