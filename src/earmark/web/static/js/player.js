// The player: one bar at the foot of every page. Each page goes on where the one before it stopped.
// Buttons with [data-play] hear one track; those of the form #like play what sounds like a song.

import { askJson, clock, make } from "./common.js";
import { canSound, keep, Queue, restore } from "./queue.js";
import { percent, t, tn } from "./texts.js";

const byId = (id) => document.getElementById(id);
const bar = byId("bar");
// The page of signing in has none.
const audio = byId("player") ?? new Audio();
const LIKE_IT = 24;
const VOLUME = "earmark-volume";
const AT_THE_START = 3; // seconds in which "previous" leads to the song before

let { queue } = restore();
let wanted = 0; // counts what was asked for, so that nothing older is played after it

const isPlaying = () => !audio.paused && !audio.ended;
const nameOf = (song) => song.title ?? song.track ?? song.name ?? t("track %(number)s", { number: song.id });
const trackOf = (url) => Number(/\/media\/tracks\/(\d+)$/.exec(url)?.[1] ?? 0) || null;

// What is shown

function say(line) {
  if (!bar) return;
  byId("bar-note").textContent = line;
  if (line) bar.hidden = false;
}

/** Tell which buttons of the page stand for what sounds now; for those who add some. */
export function sync() {
  const sounding = isPlaying() ? queue.song?.audio : null;
  for (const button of document.querySelectorAll("[data-play]")) {
    const isIt = button.dataset.play === sounding;
    if (isIt || button.hasAttribute("aria-pressed")) button.setAttribute("aria-pressed", String(isIt));
  }
}

function where() {
  const count = queue.songs.length;
  if (count < 2 || queue.song.once) return "";
  const ofList = (songs) => songs.filter((song) => !song.once).length;
  const place = t("%(place)s of %(count)s", { place: ofList(queue.songs.slice(0, queue.at + 1)), count: ofList(queue.songs) });
  return queue.title ? `${queue.title}, ${place}` : place;
}

function show() {
  sync();
  if (!bar) return;
  const { song } = queue;
  bar.hidden = song === null && !byId("bar-note").textContent;
  bar.classList.toggle("no-song", song === null);
  bar.classList.toggle("playing", isPlaying());
  byId("bar-play").setAttribute("aria-label", isPlaying() ? t("Pause") : t("Play"));
  byId("bar-title").textContent = song ? nameOf(song) : "";
  byId("bar-artist").textContent = song?.artist ?? "";
  byId("bar-where").textContent = song ? where() : "";
  byId("bar-play").disabled = !song || queue.from(0, 1) === null;
  // Not "disabled": who is on one of them with the keyboard stays there.
  byId("bar-previous").setAttribute("aria-disabled", String(!song || !canSound(song)));
  byId("bar-next").setAttribute("aria-disabled", String(!song || queue.from(queue.at + 1, 1) === null));
  byId("bar-like").value = song?.id ?? "";
  byId("bar-like").hidden = !song?.id;
  byId("bar-list").hidden = queue.songs.length < 2;
  const ids = queue.songs.filter((one) => one.id && !one.once).map((one) => one.id);
  byId("bar-as-playlist").href = `${bar.dataset.playlist}?list=${ids.join(",")}`;
  byId("bar-as-playlist").hidden = !ids.length;
  byId("bar-queue-title").textContent = queue.title || t("Songs");
  if (queue.songs.length < 2) open(false);
  showTime();
  showSession();
}

function showTime() {
  if (!bar) return;
  const seek = byId("bar-seek");
  const long = Number.isFinite(audio.duration) ? audio.duration : (queue.song?.duration ?? 0);
  const now = audio.readyState ? audio.currentTime : start;
  seek.max = String(Math.max(1, Math.floor(long)));
  // Nobody's hand is taken away from where it drags.
  if (document.activeElement !== seek || !seek.matches(":active")) seek.value = String(Math.floor(now));
  seek.disabled = !queue.song || !canSound(queue.song);
  seek.setAttribute("aria-valuetext", t("%(time)s of %(length)s", { time: clock(now), length: clock(long) }));
  byId("bar-now").textContent = clock(now);
  byId("bar-long").textContent = long ? clock(long) : "";
}

function showSongs() {
  if (!bar || byId("bar-queue").hidden) return;
  const list = byId("bar-songs");
  list.replaceChildren(...queue.songs.map((song, place) => {
    const isNow = place === queue.at;
    const name = nameOf(song);
    const hear = make("button", { type: "button", class: "bar-song", disabled: !canSound(song), "aria-current": isNow ? "true" : null },
      make("b", {}, name), song.artist ? make("span", {}, ` ${song.artist}`) : null,
      canSound(song) ? null : make("span", { class: "fine" }, " ", song.broken ? t("cannot be played") : t("not on this server")));
    hear.addEventListener("click", () => {
      queue.at = place;
      begin();
    });
    const out = make("button", { type: "button", class: "bar-out", "aria-label": t("Take out %(name)s", { name }) }, "×");
    out.addEventListener("click", () => {
      takeOut(place);
      (list.querySelectorAll(".bar-out")[Math.min(place, queue.songs.length - 1)] ?? byId("bar-play")).focus();
    });
    return make("li", {}, hear, out);
  }));
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

function open(isOpen) {
  byId("bar-queue").hidden = !isOpen;
  byId("bar-list").setAttribute("aria-expanded", String(isOpen));
  showSongs();
}

function takeOut(place) {
  const wasIt = place === queue.at;
  const wasPlaying = isPlaying();
  queue.remove(place);
  if (wasIt) {
    const next = queue.from(queue.at, 1) ?? queue.from(queue.at, -1);
    if (next === null) return quit();
    queue.at = next;
    load(0);
    if (wasPlaying) sound();
  }
  changed();
}

// The keys of headphones and keyboards

function showSession() {
  if (!navigator.mediaSession) return;
  const { song } = queue;
  navigator.mediaSession.metadata = song
    ? new MediaMetadata({ title: nameOf(song), artist: song.artist ?? "", album: queue.title })
    : null;
  navigator.mediaSession.playbackState = song ? (isPlaying() ? "playing" : "paused") : "none";
}

function showPosition() {
  if (!navigator.mediaSession?.setPositionState || !Number.isFinite(audio.duration)) return;
  navigator.mediaSession.setPositionState({
    duration: audio.duration, playbackRate: 1, position: Math.min(audio.currentTime, audio.duration),
  });
}

const OFFSET = 10;

for (const [action, act] of Object.entries({
  play: () => resume(),
  pause: () => stop(),
  stop: () => stop(),
  previoustrack: () => previous(),
  nexttrack: () => next(),
  seekbackward: ({ seekOffset }) => seek(audio.currentTime - (seekOffset ?? OFFSET)),
  seekforward: ({ seekOffset }) => seek(audio.currentTime + (seekOffset ?? OFFSET)),
  seekto: ({ seekTime }) => seek(seekTime),
})) {
  try {
    navigator.mediaSession?.setActionHandler(action, act);
  } catch {
    // This browser does not know that key.
  }
}

// What sounds

let start = 0; // where the song begins that is not loaded yet

function load(time) {
  const url = queue.song?.audio;
  if (!url) return;
  start = time;
  if (audio.getAttribute("src") !== url) audio.src = url;
  audio.currentTime = time;
}

/** Let the song sound; tells whether it does. */
async function sound() {
  document.dispatchEvent(new CustomEvent("earmark:playing", { detail: audio }));
  channel?.postMessage("playing");
  try {
    await audio.play();
    return true;
  } catch (error) {
    // Something else was asked for meanwhile; or the song is broken, which its own event tells.
    if (error.name === "NotAllowedError") say(t("Press play to go on: your browser lets no page sound by itself."));
    return error.name === "AbortError";
  }
}

function changed() {
  show();
  showSongs();
  save();
}

let left = false; // the page: what it kept last holds

function save() {
  if (!left) keep(queue, audio.readyState ? audio.currentTime : start, isPlaying());
}

/** Begin with the song that stands in the queue. */
function begin(time = 0) {
  load(time);
  changed();
  return sound();
}

export function stop() {
  audio.pause();
}

function resume() {
  if (!queue.song) return;
  if (!canSound(queue.song)) {
    queue.at = queue.from(queue.at, 1) ?? queue.from(0, 1) ?? queue.at;
    begin();
  } else {
    say("");
    sound();
  }
}

function seek(time) {
  if (!queue.song || !Number.isFinite(time)) return;
  const last = Number.isFinite(audio.duration) ? audio.duration : Infinity;
  start = Math.min(Math.max(0, time), last);
  audio.currentTime = start;
  showTime();
  showPosition();
  save();
}

function next() {
  if (queue.go(1)) begin();
}

function previous() {
  if (audio.currentTime > AT_THE_START || !queue.go(-1)) seek(0);
  else begin();
}

function quit() {
  wanted += 1;
  stop();
  audio.removeAttribute("src");
  queue = new Queue();
  say("");
  changed();
}

/** Play songs one after another. */
export function playAll(songs, title, at = 0) {
  wanted += 1;
  queue = new Queue({ songs, title });
  const first = queue.from(at, 1) ?? queue.from(0, 1);
  const { silent } = queue;
  if (!songs.length) return quit();
  if (first === null) {
    audio.pause();
    audio.removeAttribute("src");
    say(songs.length === 1
      ? t("This song cannot be heard: its file is not on this server.")
      : t("None of these %(count)s songs can be heard: their files are not on this server.", { count: songs.length }));
    changed();
    if (songs.length > 1) open(true);
    return false;
  }
  queue.at = first;
  say(silent ? tn(
    "%(num)s of these %(count)s songs cannot be heard, since its file is not on this server; it is skipped.",
    "%(num)s of these %(count)s songs cannot be heard, since their files are not on this server; they are skipped.",
    silent, { count: songs.length }) : "");
  return begin();
}

/** Hear one track by its address, or stop it; what stood in the queue stays behind it. */
export async function hear(url, { name = "", from = 0, stays = true } = {}) {
  if (queue.song?.audio === url && !queue.song.broken) {
    if (isPlaying()) return stop();
    if (audio.getAttribute("src") === url) return resume();
  }
  wanted += 1;
  const mine = wanted;
  const id = trackOf(url);
  say("");
  queue.between({ id, audio: url, name, stays });
  const { song } = queue;
  begin(from);
  try {
    const { title, artist, name: track, duration } = await askJson(`api/v1/tracks/${id}`);
    Object.assign(song, { title, artist, track, duration });
    if (mine === wanted) changed();
  } catch {
    // What its button calls it must do.
  }
}

/** The songs of a list of the page. */
export const songsOf = (list) => [...list.querySelectorAll("[data-song]")].map((row) => JSON.parse(row.dataset.song));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (!button) return;
  const list = button.closest("[data-queue]");
  if (list && !(queue.song?.audio === button.dataset.play && !queue.song.once)) {
    const rows = [...list.querySelectorAll("[data-song]")];
    playAll(songsOf(list), list.dataset.queue, rows.indexOf(button.closest("[data-song]")));
    return;
  }
  const [before, after] = t("Play %(name)s", { name: "\0" }).split("\0");
  hear(button.dataset.play, {
    name: (button.getAttribute("aria-label") ?? "").slice(before.length, after ? -after.length : undefined),
    from: Number(button.dataset.from ?? 0),
    // Where songs are judged one after another, none sounds on while the next is looked at.
    stays: button.closest("[data-keys]") === null,
  });
});

// More like this

async function like(field, value) {
  wanted += 1;
  const mine = wanted;
  say(t("Looking for songs like it…"));
  try {
    const list = askJson(`api/v1/lists/similar?${field}=${encodeURIComponent(value)}&n=${LIKE_IT}`);
    const about = askJson(field === "song" ? `api/v1/tracks/${value}` : `api/v1/jobs/${value}`);
    const [{ tracks }, it] = await Promise.all([list, about]);
    if (mine !== wanted) return;
    const songs = tracks.map(({ track_id: id, track, title, artist, audio: url, duration }) => ({ id, track, title, artist, audio: url, duration }));
    const name = it.title ?? it.name;
    if (field === "song") songs.unshift({ id: it.id, track: it.name, title: it.title, artist: it.artist, audio: it.audio, duration: it.duration });
    playAll(songs, t("Like %(name)s", { name }));
  } catch (error) {
    if (mine === wanted) say(error.message);
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "like" || !event.submitter?.value) return;
  event.preventDefault();
  like(event.submitter.name, event.submitter.value);
});

// The bar itself

const volume = byId("bar-volume");

function loudness(level, muted) {
  audio.volume = level;
  audio.muted = muted;
  volume.value = String(Math.round(level * 100));
  volume.setAttribute("aria-valuetext", muted ? t("muted") : percent(level));
  byId("bar-mute").setAttribute("aria-pressed", String(muted));
  try {
    localStorage.setItem(VOLUME, JSON.stringify({ level, muted }));
  } catch {
    // Storage is forbidden: the next page is as loud as ever.
  }
}

function lastLoudness() {
  try {
    const { level, muted } = JSON.parse(localStorage.getItem(VOLUME) ?? "{}");
    return [level >= 0 && level <= 1 ? level : 1, muted === true];
  } catch {
    return [1, false];
  }
}

if (bar) {
  loudness(...lastLoudness());
  byId("bar-play").addEventListener("click", () => (isPlaying() ? stop() : resume()));
  byId("bar-next").addEventListener("click", next);
  byId("bar-previous").addEventListener("click", previous);
  byId("bar-close").addEventListener("click", () => {
    quit();
    byId("main").focus({ preventScroll: true });
  });
  byId("bar-list").addEventListener("click", () => open(byId("bar-queue").hidden));
  byId("bar-seek").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("bar-mute").addEventListener("click", () => loudness(audio.volume, !audio.muted));
  volume.addEventListener("input", () => loudness(Number(volume.value) / 100, false));
  // Within the bar only, so that no key is taken from a page, a browser or a screen reader.
  bar.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      k: () => (isPlaying() ? stop() : resume()), n: next, p: previous,
      m: () => loudness(audio.volume, !audio.muted), Escape: () => open(false),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
    if (event.key === "Escape") byId("bar-list").focus();
  });
  // The page ends above the bar, however high that is.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--bar", `${bar.hidden ? 0 : bar.offsetHeight}px`);
  }).observe(bar);
}

audio.addEventListener("play", changed);
audio.addEventListener("pause", changed);
audio.addEventListener("timeupdate", showTime);
audio.addEventListener("durationchange", () => {
  showTime();
  showPosition();
});
audio.addEventListener("ended", () => {
  // What was put between ends by itself; so does the last.
  if (!queue.song?.once && queue.go(1)) begin();
  else {
    load(0);
    changed();
  }
});
audio.addEventListener("error", () => {
  const { song } = queue;
  if (!song || audio.getAttribute("src") !== song.audio) return;
  song.broken = true;
  for (const button of document.querySelectorAll(`[data-play="${CSS.escape(song.audio)}"]`)) {
    button.disabled = true;
    button.title = t("This browser cannot play it");
  }
  const name = nameOf(song);
  say(queue.songs.length > 1 ? t("%(name)s cannot be played here; it is skipped.", { name }) : t("%(name)s cannot be played here.", { name }));
  if (!song.once && queue.go(1)) begin();
  else {
    stop();
    changed();
  }
});

// Another source of sound started: in this page, or in another tab.
document.addEventListener("earmark:playing", (event) => {
  if (event.detail !== audio) stop();
});
const channel = "BroadcastChannel" in window ? new BroadcastChannel("earmark-player") : null;
channel?.addEventListener("message", stop);

// From page to page

function goOn() {
  const kept = restore();
  ({ queue } = kept);
  if (!queue.song) return show();
  load(kept.time);
  changed();
  if (kept.playing && canSound(queue.song)) sound();
}

addEventListener("pagehide", () => {
  const leaving = queue.songs.findIndex((song) => song.once && song.stays === false);
  const isIt = leaving >= 0 && leaving === queue.at;
  const playing = isPlaying() && !isIt;
  const time = isIt || !audio.readyState ? start : audio.currentTime;
  if (leaving >= 0) queue.remove(leaving);
  keep(queue, isIt ? 0 : time, playing);
  left = true;
  audio.pause();
});
// A page that comes back as it was left may not be the one that played last.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  left = false;
  goOn();
});
if (bar) goOn();
