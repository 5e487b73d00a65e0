// The home page: take songs by every way in, and show the answers.

import { ask, askAnswer, base, clock } from "./common.js";
import "./player.js";
import { stop } from "./player.js";
import { classifyMany } from "./many.js";
import { canRecord, Recorder } from "./record.js";
import { Canceled, classify } from "./songs.js";
import { teachable } from "./teach.js";
import { picture } from "./wave.js";

const byId = (id) => document.getElementById(id);
const drop = byId("drop");
const input = byId("file");
const answer = byId("answer");
const many = byId("many");
const trouble = byId("trouble");
const spoken = byId("spoken");
const progress = byId("progress");
const bar = byId("progress-bar");
const limit = Number(drop.dataset.limit);
const recorder = new Recorder();

let under = null; // what is being classified: an AbortController
let address = null; // where the browser can play the song: an object URL
let last = [];

function tell(what, share) {
  byId("progress-text").textContent =
    share === null || share === undefined ? `${what}…` : `${what}, ${Math.round(share * 100)}%`;
  if (share === null || share === undefined) bar.removeAttribute("value");
  else bar.value = share;
}

function complain(line) {
  trouble.textContent = line;
  trouble.hidden = !line;
}

function remember(file, result) {
  // For the map, which shows the songs of this visit among the tracks.
  if (!result.place) return;
  try {
    const songs = JSON.parse(sessionStorage.getItem("earmark-songs") ?? "[]");
    const { genre, abstained } = result.prediction;
    songs.push({ name: file.name, genre, unsure: abstained, place: result.place });
    sessionStorage.setItem("earmark-songs", JSON.stringify(songs.slice(-50)));
  } catch {
    // Storage is full or forbidden: the map does without.
  }
}

async function open(jobId) {
  answer.replaceChildren(await askAnswer(jobId));
  const article = answer.querySelector(".answer");
  teachable(article);
  keep(jobId);
  return article;
}

// The answer that is shown stands in this page's entry of the browser's history, so that going to
// the map and back, or loading again, does not lose it. Signing in leads back to it too.

let kept = null;

function keep(jobId) {
  kept = jobId;
  history.replaceState(jobId && { song: jobId }, "");
  for (const link of document.querySelectorAll("a[href*='/sign-in']")) {
    const target = new URL(link.href);
    target.searchParams.set("next", jobId ? `${base}#song=${jobId}` : base);
    link.href = target.href;
  }
}

// A link within the page makes an entry of its own.
addEventListener("hashchange", () => history.replaceState(kept && { song: kept }, ""));

// Who asks for this very page wants it empty; the browser would take that for loading it again.
document.addEventListener("click", (event) => {
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (isPlain && event.target.closest("a")?.getAttribute("href") === base) keep(null);
});

async function restore(jobId) {
  makeRoom();
  try {
    const result = await (await ask(`api/v1/jobs/${jobId}/result`)).json();
    // Another song was dropped in meanwhile.
    if (under) return;
    const article = await open(jobId);
    // The song itself is not here any more: its picture is, but it cannot be heard.
    if (result.timeline) picture(article.querySelector(".picture"), result, null);
  } catch (error) {
    complain(error.status === 404
      ? "The answer that was here is not kept any more. Drop in the song again."
      : error.message);
  }
}

function draw(article, result, file) {
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  picture(article.querySelector(".picture"), result, address);
}

async function show(result, file) {
  try {
    draw(await open(result.job.id), result, file);
    answer.focus();
    answer.scrollIntoView({ block: "start" });
  } catch (error) {
    complain(error.message);
  }
}

async function one(file, signal) {
  let article = null;
  const result = await classify(file, {
    signal,
    tell,
    answered: async (id) => {
      article = await open(id);
      spoken.textContent = article.querySelector(".sentence").textContent.trim().replace(/\s+/g, " ");
      answer.focus({ preventScroll: true });
      answer.scrollIntoView({ block: "nearest" });
    },
  });
  draw(article, result, file);
  remember(file, result);
}

function makeRoom() {
  // Its heading stays, for those who listen to the page.
  document.querySelector(".hero").classList.add("visually-hidden");
  document.querySelector(".hero .button").hidden = true;
  document.querySelector(".how").hidden = true;
  drop.classList.add("small");
}

async function take(files) {
  under?.abort();
  recorder.cancel();
  showRecording(false);
  stop();
  complain("");
  spoken.textContent = "";
  answer.replaceChildren();
  keep(null);
  many.hidden = true;
  many.replaceChildren();
  last = files;
  const tooLarge = files.find((file) => file.size > limit * 2 ** 20);
  if (tooLarge) {
    complain(`${tooLarge.name} is larger than the limit of ${limit} MB. Choose a shorter piece.`);
    return;
  }
  const control = new AbortController();
  under = control;
  makeRoom();
  progress.hidden = false;
  byId("progress-name").textContent = files.length === 1 ? files[0].name : "";
  try {
    if (files.length === 1) await one(files[0], control.signal);
    else await classifyMany(many, files, { signal: control.signal, tell, show });
  } catch (error) {
    if (!(error instanceof Canceled)) complain(error.message);
    else if (under === control) spoken.textContent = "Canceled.";
  } finally {
    if (under === control) {
      under = null;
      progress.hidden = true;
    }
  }
}

// Ways in

input.addEventListener("change", () => {
  if (input.files.length) take([...input.files]);
});
drop.addEventListener("submit", (event) => {
  event.preventDefault();
  // Choosing starts at once; the button starts the same again.
  const files = input.files.length ? [...input.files] : last;
  if (files.length && !under) take(files);
});
byId("cancel").addEventListener("click", () => {
  under?.abort();
  input.value = "";
  input.focus();
});

let depth = 0;
addEventListener("dragenter", (event) => {
  event.preventDefault();
  depth += 1;
  drop.classList.add("over");
});
addEventListener("dragleave", () => {
  depth -= 1;
  if (depth <= 0) drop.classList.remove("over");
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  drop.classList.remove("over");
  const files = [...(event.dataTransfer?.files ?? [])];
  if (files.length) take(files);
  else complain("That was no file. Drop a song from your computer.");
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) take(files);
});

const record = byId("record");

function showRecording(active) {
  drop.classList.toggle("recording", active);
  record.querySelector("span").textContent = active ? "Stop, 0:00" : "Record";
}

if (canRecord) {
  record.hidden = false;
  const label = record.querySelector("span");
  record.addEventListener("click", async () => {
    if (recorder.active) return recorder.stop();
    complain("");
    try {
      await recorder.start(
        (seconds) => {
          drop.classList.add("recording");
          label.textContent = `Stop, ${clock(seconds)}`;
        },
        (file) => {
          input.value = "";
          take([file]);
        },
      );
    } catch (error) {
      showRecording(false);
      complain(error.name === "NotAllowedError"
        ? "The microphone may not be used. Allow it in the browser, or choose a file."
        : "There is no microphone that can be used. Choose a file instead.");
    }
  });
}

// An answer that the server put in itself, for a browser that has scripts after all.
const ready = answer.querySelector(".answer");
const asked = /^#song=([\w-]+)$/.exec(location.hash)?.[1];
if (asked) history.replaceState(null, "", base);
if (ready) teachable(ready);
else if (asked ?? history.state?.song) restore(asked ?? history.state.song);
if (location.hash === "#predict") byId("predict").focus({ preventScroll: true });
