// The home page: take songs by every way in, and show the answers.

import { ask, clock } from "./common.js";
import "./player.js";
import { stop } from "./player.js";
import { classifyMany } from "./many.js";
import { canRecord, Recorder } from "./record.js";
import { Called, classify } from "./songs.js";
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
    songs.push({ name: file.name, genre: result.prediction.genre, place: result.place });
    sessionStorage.setItem("earmark-songs", JSON.stringify(songs.slice(-50)));
  } catch {
    // Storage is full or forbidden: the map does without.
  }
}

async function open(jobId) {
  const html = await (await ask(`answers/${jobId}`, { headers: { Accept: "text/html" } })).text();
  answer.innerHTML = html;
  const article = answer.querySelector(".answer");
  teachable(article);
  return article;
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

async function take(files) {
  under?.abort();
  stop();
  complain("");
  spoken.textContent = "";
  answer.replaceChildren();
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
  // Its heading stays, for those who listen to the page.
  document.querySelector(".hero").classList.add("visually-hidden");
  document.querySelector(".hero .button").hidden = true;
  document.querySelector(".how").hidden = true;
  drop.classList.add("small");
  progress.hidden = false;
  byId("progress-name").textContent = files.length === 1 ? files[0].name : "";
  try {
    if (files.length === 1) await one(files[0], control.signal);
    else await classifyMany(many, files, { signal: control.signal, tell, show });
  } catch (error) {
    if (!(error instanceof Called)) complain(error.message);
    else if (under === control) spoken.textContent = "Called off.";
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
if (canRecord) {
  record.hidden = false;
  const label = record.querySelector("span");
  record.addEventListener("click", async () => {
    if (recorder.active) return recorder.stop();
    complain("");
    try {
      drop.classList.add("recording");
      await recorder.start(
        (seconds) => { label.textContent = `Stop, ${clock(seconds)}`; },
        (file) => {
          drop.classList.remove("recording");
          label.textContent = "Record";
          input.value = "";
          take([file]);
        },
      );
    } catch (error) {
      drop.classList.remove("recording");
      complain(error.name === "NotAllowedError"
        ? "The microphone may not be used. Allow it in the browser, or choose a file."
        : "There is no microphone that can be used. Choose a file instead.");
    }
  });
}

// An answer that the server put in itself, for a browser that has scripts after all.
const ready = answer.querySelector(".answer");
if (ready) teachable(ready);
if (location.hash === "#predict") byId("predict").focus({ preventScroll: true });
