// @ts-check
// Once it is installed as an application, Earmark has a page of its own for when the server is away.
// Whoever only visits gets no service worker: it would stay behind.

import { base } from "./common.js";

function prepare() {
  // Only where the connection is safe: on this machine, or with HTTPS.
  navigator.serviceWorker?.register(`${base}service-worker.js`, { scope: base });
}

if (matchMedia("(display-mode: standalone)").matches) prepare();
addEventListener("appinstalled", prepare);
