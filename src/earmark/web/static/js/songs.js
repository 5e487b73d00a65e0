// From a file in the browser to its answer: upload with progress, then ask for the job.

import { askJson, away, base, csrf, isOutOfDate, renewSecret, sleep } from "./common.js";
import { t } from "./texts.js";

/** What is done first and second to a song, as places in the list of what is done to it. */
export const SENT = 0;
export const HEARD = 1;

export class Canceled extends Error {}

/** Upload a file; tells the share that is sent. Returns the job. */
function upload(file, { signal, tell, picture }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name || "recording.webm");
    request.open("POST", `${base}api/v1/jobs${picture ? "" : "?picture=false"}`);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) tell(t("Sending"), event.loaded / event.total, SENT);
    });
    request.addEventListener("load", () => {
      if (request.status === 202) return resolve(request.response);
      const line = request.response?.detail ?? (request.status === 413
        ? t("This is larger than the server takes. Send a shorter piece.")
        : t("The server answered %(status)s.", { status: request.status }));
      const error = new Error(line);
      error.status = request.status;
      error.outOfDate = isOutOfDate(request.response);
      reject(error);
    });
    request.addEventListener("error", () => reject(away()));
    request.addEventListener("abort", () => reject(new Canceled()));
    let sent = false;
    request.upload.addEventListener("load", () => { sent = true; });
    // What the server has whole, it has begun to analyze: only with its answer can that be stopped.
    signal.addEventListener("abort", () => { if (!sent) request.abort(); }, { once: true });
    request.send(form);
  });
}

/** Name a song of the server's folder of music. Returns the job. */
async function submitPath({ path, picture, signal }) {
  const query = picture ? "" : "?picture=false";
  return askJson(`api/v1/jobs/path${query}`, { method: "POST", json: { path }, signal });
}

/** Upload a file, or name one, as soon as the server has room for it. Returns the job. */
async function submit(file, options) {
  let renewed = false;
  for (;;) {
    try {
      if (options.path) return await submitPath(options);
      return await upload(file, options);
    } catch (error) {
      if (error.outOfDate && !renewed) {
        renewed = true;
        await renewSecret();
        continue;
      }
      // Full queue, or too many requests: the server asks to come again.
      if (error.status !== 503 && error.status !== 429) throw error;
      options.tell(t("Waiting for the server"), null, SENT);
      await sleep(2000);
      if (options.signal.aborted) throw new Canceled();
    }
  }
}

/**
 * Classify a file.
 *
 * signal    calls everything off
 * tell      (what, share or null, stage) for people to watch; stage is SENT, HEARD or, behind them, undefined
 * submitted (job id) when the server has the song
 * answered  (job id) when the prediction is there
 * picture   whether waveform and timeline are wanted
 * path      of a song in the server's folder of music; then no file is needed
 * job       of a song that the server has already; then no file is needed
 * stays     whether the server goes on when the page is left, for somebody who comes back
 * passing   whether the server forgets the song once this is over
 * Returns the whole result.
 */
export async function classify(file, options) {
  const { signal, tell, path: lies, submitted = () => {}, answered = () => {}, picture = true, stays = false,
    passing = false } = options;
  let { job } = options;
  if (job) job = await askJson(`api/v1/jobs/${job}`, { signal });
  else {
    tell(t("Sending"), 0, SENT);
    job = await submit(file, { signal, tell, picture, path: lies });
    await submitted(job.id);
  }
  const path = `api/v1/jobs/${job.id}`;
  let told = false;
  // An answer that is shown already stays, to be taught and to be come back to.
  const callOff = () =>
    fetch(`${base}${path}${told && !passing ? "?forget=false" : ""}`,
      { method: "DELETE", headers: { "X-CSRF-Token": csrf }, keepalive: true })
      // A server that is away has nothing to stop.
      .catch(() => {});
  if (signal.aborted) {
    callOff();
    throw new Canceled();
  }
  signal.addEventListener("abort", callOff, { once: true });
  if (!stays) addEventListener("pagehide", callOff, { once: true });
  let pause = 120;
  try {
    for (;;) {
      if (signal.aborted) throw new Canceled();
      if (job.problem) throw new Error(job.problem.detail);
      if (job.answered && !told) {
        told = true;
        await answered(job.id);
      }
      if (job.state === "done") break;
      if (job.state === "queued" && job.ahead) tell(t("Waiting, %(ahead)s before it", { ahead: job.ahead }), null, HEARD);
      else if (told && picture) tell(t("Drawing its picture"), job.done);
      else tell(t("Listening"), null, HEARD);
      await sleep(pause);
      pause = Math.min(1000, pause * 1.25);
      job = await askJson(path, { signal });
    }
    return await askJson(`${path}/result`, { signal });
  } catch (error) {
    if (signal.aborted) throw new Canceled();
    throw error;
  } finally {
    if (passing && !signal.aborted) callOff();
    removeEventListener("pagehide", callOff);
    signal.removeEventListener("abort", callOff);
  }
}
