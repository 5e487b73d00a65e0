// @ts-check
// Times as they are where the reader is. The server writes them in UTC, for those without scripts.

import { region } from "./texts.js";

const form = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "short" });

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.getAttribute("datetime") ?? "");
  time.setAttribute("title", time.textContent ?? "");
  time.textContent = form.format(at);
}
