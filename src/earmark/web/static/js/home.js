// The home page: take songs by every way in, and show the answers.

import { askAnswer, askJson, away, base, clock, lost, make } from "./common.js";
import "./player.js";
import { stop } from "./player.js";
import { dropped, fromFolder } from "./dropped.js";
import { Kept } from "./kept.js";
import { Many } from "./many.js";
import { ownWave } from "./own_wave.js";
import { canRecord, Recorder } from "./record.js";
import { Looks } from "./rolling.js";
import "./share.js";
import { Canceled, classify } from "./songs.js";
import { teachable } from "./teach.js";
import { percent, t, tn } from "./texts.js";
import { emptyCard, goOn, passingCard, tellOn } from "./waiting.js";
import { picture, sketch, waitFor } from "./wave.js";

const byId = (id) => document.getElementById(id);
const drop = byId("drop");
const input = byId("file");
const folder = byId("folder");
const answer = byId("answer");
const trouble = byId("trouble");
const spoken = byId("spoken");
const progress = byId("progress");
const bar = byId("progress-bar");
const limit = Number(drop.dataset.limit);
const recorder = new Recorder();

let under = null; // what is being classified: an AbortController
let looks = null; // what the microphone has heard so far is looked at again and again
let address = null; // where the browser can play the song: an object URL
let last = [];
let turn = 0; // counts what was taken up, so that nothing older is shown after it

// In this tab the table stays until it is cleared; in a new one it is offered.
const MANY = "earmark-many";
const songsKept = new Kept();
const many = new Many(byId("many"), songsKept, () => {
  try {
    if (many.length) sessionStorage.setItem(MANY, "1");
    else sessionStorage.removeItem(MANY);
  } catch {
    // Storage is forbidden: the table is offered instead.
  }
  if (many.length) makeRoom();
  else giveRoomBack();
});

function tell(what, share, stage) {
  const words = share === null || share === undefined ? `${what}…` : `${what}, ${percent(share)}`;
  byId("progress-text").textContent = words;
  // Once the answer is there, the picture's own place says how far it is.
  const room = answer.querySelector(".answer:not(.interim) .wave-told");
  if (room) room.textContent = words;
  const stages = answer.querySelector(".interim .stages");
  if (stages && stage !== undefined) goOn(stages.closest(".answer"), words, stage);
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

/** Show the answer of a job; null where something newer was taken up meanwhile. */
async function open(jobId, mine) {
  const part = await askAnswer(jobId);
  if (mine !== turn) return null;
  drop.after(progress);
  answer.replaceChildren(part);
  const article = answer.querySelector(".answer");
  teachable(article);
  keep(jobId);
  return article;
}

// The answer that is shown stands in this page's entry of the browser's history, so that going to
// the map and back, or loading again, does not lose it. Signing in leads back to it too.

let kept = null;
const shared = new URLSearchParams(location.search).get("song");

function keep(jobId) {
  kept = jobId;
  // A link that was sent is the address of one answer alone.
  const ofOther = new URLSearchParams(location.search).has("song") && jobId !== shared;
  history.replaceState(jobId && { song: jobId }, "", ofOther ? base : location.href);
  if (ofOther) document.querySelector(".shared")?.remove();
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

/** Show an answer of before: ready is that which the server has put into the page already. */
async function restore(jobId, ready = null) {
  const mine = turn;
  makeRoom();
  if (ready) keep(jobId);
  try {
    const result = await askJson(`api/v1/jobs/${jobId}/result`);
    const article = mine === turn && (ready ?? (await open(jobId, mine)));
    // The song itself is not here any more: its picture is, but it cannot be heard.
    if (article && result.timeline) picture(article.querySelector(".picture"), result, null);
  } catch (error) {
    if (mine !== turn) return;
    complain(error.status === 404
      ? t("The answer that was here is not kept any more. Drop in the song again.")
      : error.message);
    giveRoomBack();
  }
}

async function one(file, signal, line) {
  const mine = turn;
  let article = null;
  let peaks = null;
  // The song's own waveform stands there as soon as the browser has decoded it.
  const draw = () => {
    const place = mine === turn && answer.querySelector(".picture");
    if (place) sketch(place, peaks);
  };
  ownWave(file).then((found) => {
    peaks = found;
    draw();
  });
  const result = await classify(file, {
    signal,
    tell,
    answered: async (id) => {
      article = await open(id, mine);
      if (!article) return;
      if (line) tellOn(article, line);
      progress.hidden = true;
      waitFor(article.querySelector(".picture"));
      draw();
      spoken.textContent = article.querySelector(".sentence").textContent.trim().replace(/\s+/g, " ");
      answer.focus({ preventScroll: true });
      answer.scrollIntoView({ block: "nearest" });
    },
  });
  if (!article) return;
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  // It may have been replaced by what was taught.
  picture(answer.querySelector(".picture"), result, address);
  remember(file, result);
}

/** Give the page to songs. It is another view from one moment to the next: nothing in it moves. */
function makeRoom() {
  if (drop.classList.contains("small")) return;
  const view = byId("predict");
  view.hidden = true;
  // Its heading stays, for those who listen to the page.
  document.querySelector(".hero").classList.add("visually-hidden");
  document.querySelector(".hero .button").hidden = true;
  document.querySelector(".how").hidden = true;
  drop.classList.add("small");
  // What is laid out anew comes into being at its place.
  view.getBoundingClientRect();
  view.hidden = false;
}

/** Show what the page began with, where nothing else is left to show. */
function giveRoomBack() {
  if (under || many.length || answer.children.length) return;
  if (!trouble.hidden && drop.classList.contains("small")) {
    // Whoever reads what went wrong goes on reading at the same place: nothing moves above it.
    document.querySelector(".how").hidden = false;
    return;
  }
  document.querySelector(".hero").classList.remove("visually-hidden");
  document.querySelector(".hero .button").hidden = false;
  document.querySelector(".how").hidden = false;
  drop.classList.remove("small");
}

const tooLarge = (file) => file.size > limit * 2 ** 20;

/** End whatever goes on, for something new. */
function begin() {
  turn += 1;
  under?.abort();
  looks?.end();
  recorder.cancel();
  showRecording(false);
  stop();
  complain("");
  spoken.textContent = "";
  byId("kept").hidden = true;
  progress.hidden = true;
  drop.after(progress);
  keep(null);
}

const STAGES = [t("Sent"), t("Heard"), t("Compared with the library"), t("Voted")];

/**
 * Classify songs: one by itself, several in a table; more songs join a table that is there.
 *
 * Of what the microphone heard, the card of its last look stays until the answer is there, which
 * gets the line that is told below its name.
 */
async function take({ songs, others = 0, line = null }) {
  begin();
  if (line === null) answer.replaceChildren();
  last = songs;
  if (others) {
    complain(tn("%(num)s file was left out: no sound by its name.", "%(num)s files were left out: no sound by their names.", others));
  }
  if (!songs.length) {
    if (!others) complain(t("That was no file. Drop a song from your computer."));
    giveRoomBack();
    return;
  }
  if (songs.length > 1 || many.length) {
    if (!many.length) await songsKept.forget();
    makeRoom();
    await many.add(songs, (file) => (tooLarge(file) ? t("is larger than the limit of %(limit)s MB. Choose a shorter piece.", { limit }) : ""));
    return;
  }
  const [file] = songs;
  if (tooLarge(file)) {
    complain(t("%(name)s is larger than the limit of %(limit)s MB. Choose a shorter piece.", { name: file.name, limit }));
    giveRoomBack();
    return;
  }
  const control = new AbortController();
  under = control;
  makeRoom();
  // The card of a recording stands there already, and nothing in it moves.
  progress.hidden = line !== null;
  byId("progress-name").textContent = file.name;
  if (line === null) {
    const card = emptyCard(file.name, "", STAGES);
    card.querySelector(".sure").append(progress);
    answer.replaceChildren(card);
    waitFor(card.querySelector(".picture"), "");
  }
  try {
    await one(file, control.signal, line);
  } catch (error) {
    if (!(error instanceof Canceled)) complain(error.message);
    else if (under === control) spoken.textContent = t("Canceled.");
  } finally {
    if (under === control) {
      under = null;
      progress.hidden = true;
      drop.after(progress);
      answer.querySelector(".interim")?.remove();
      giveRoomBack();
    }
  }
}

// Ways in

input.addEventListener("change", () => {
  if (input.files.length) take({ songs: [...input.files] });
});
if (!("webkitdirectory" in folder)) byId("choose-folder").hidden = true;
folder.addEventListener("change", () => {
  if (folder.files.length) take(fromFolder([...folder.files]));
});
drop.addEventListener("submit", (event) => {
  event.preventDefault();
  // Choosing starts at once; the button starts the same again.
  const files = input.files.length ? [...input.files] : last;
  if (files.length && !under) take({ songs: files });
});
byId("cancel").addEventListener("click", () => {
  under?.abort();
  input.value = "";
  input.focus();
});

for (const button of drop.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const address = button.dataset.sample;
    try {
      const sound = await fetch(address).then((found) => (found.ok ? found.blob() : Promise.reject(away()))).catch(lost);
      await take({ songs: [new File([sound], address.split("/").at(-1), { type: "audio/ogg" })] });
    } catch (error) {
      complain(error.message);
    }
  });
}

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
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  drop.classList.remove("over");
  try {
    await take(await dropped(event.dataTransfer));
  } catch (error) {
    complain(t("That cannot be read: %(problem)s", { problem: error.message }));
  }
});
addEventListener("paste", (event) => {
  const songs = [...(event.clipboardData?.files ?? [])];
  if (songs.length) take({ songs });
});

const record = byId("record");

function showRecording(active) {
  drop.classList.toggle("recording", active);
  record.querySelector("span").textContent = active ? t("Stop, %(time)s", { time: clock(0) }) : t("Record");
}

const LISTENING = t("Earmark listens to the microphone. The answer gets surer as it hears more; it stops when four answers in a row agree.");

/** Record, and answer for what was heard so far as long as that goes on. */
async function listen() {
  if (many.length) {
    // The recording becomes a row like others.
    looks = null;
    complain("");
  } else {
    begin();
    makeRoom();
    answer.replaceChildren(emptyCard(t("Recording"), LISTENING));
    looks = new Looks(
      (part, peaks) => {
        const card = passingCard(part, LISTENING);
        answer.replaceChildren(card);
        waitFor(card.querySelector(".picture"), "");
        sketch(card.querySelector(".picture"), peaks);
        spoken.textContent = card.querySelector(".sentence").textContent.trim().replace(/\s+/g, " ");
      },
      (file, seconds) => take({
        songs: [file],
        line: t("Stopped after %(time)s: four answers in a row were sure and agreed.", { time: clock(seconds) }),
      }),
    );
  }
  const label = record.querySelector("span");
  const mine = looks;
  try {
    await recorder.start(
      (seconds) => {
        drop.classList.add("recording");
        label.textContent = t("Stop, %(time)s", { time: clock(seconds) });
        mine?.at(seconds, () => recorder.soFar());
      },
      (file) => {
        input.value = "";
        take({ songs: [file], line: mine && "" });
      },
    );
  } catch (error) {
    showRecording(false);
    if (mine) answer.replaceChildren();
    complain(error.name === "NotAllowedError"
      ? t("The microphone may not be used. Allow it in the browser, or choose a file.")
      : t("There is no microphone that can be used. Choose a file instead."));
    giveRoomBack();
  }
}

record.hidden = !canRecord;
record.addEventListener("click", () => (recorder.active ? recorder.stop() : listen()));

/** Offer the songs of an earlier visit, which the browser has kept. */
async function offerKept() {
  const count = await songsKept.count();
  if (!count || many.length || turn) return;
  const place = byId("kept");
  const choose = (words, act) => {
    const made = make("button", { type: "button", class: "quiet" }, words);
    made.addEventListener("click", async () => {
      place.hidden = true;
      await act();
    });
    return made;
  };
  place.replaceChildren(make("p", {},
    `${tn("The answer of %(num)s song is kept in this browser.", "The answers of %(num)s songs are kept in this browser.", count)} `,
    choose(t("Show them"), () => many.restore()), " ", choose(t("Forget them"), () => songsKept.forget())));
  place.hidden = false;
}

// An answer that the server put in itself, for a browser that has scripts after all.
const ready = answer.querySelector(".answer");
const asked = /^#song=([\w-]+)$/.exec(location.hash)?.[1];
if (asked) history.replaceState(null, "", base);
if (ready) {
  teachable(ready);
  if (shared) restore(shared, ready);
} else if (asked ?? history.state?.song) restore(asked ?? history.state.song);
else if (!byId("many").children.length) {
  let isHere = false;
  try {
    isHere = sessionStorage.getItem(MANY) !== null;
  } catch {
    // Storage is forbidden.
  }
  if (isHere) many.restore();
  else offerKept();
}
if (location.hash === "#predict") byId("predict").focus({ preventScroll: true });
