// The page of playlists: find songs to start from, and put the list in order. The address of the page
// always holds the list as it is, so that going away, coming back and loading again lose nothing.

import { askJson, clock, make } from "./common.js";
import { playAll, songsOf } from "./player.js";
import { t, tn } from "./texts.js";

const byId = (id) => document.getElementById(id);
const FOUND = 8;
const PAUSE = 200; // milliseconds after the last key until it is looked for

// Songs to start from

const form = byId("make");
const seeds = byId("seeds");
const find = byId("find");
const found = byId("found");
let turn = 0;

function addSeed(track) {
  const name = track.title ?? track.name;
  const isThere = [...seeds.querySelectorAll("input[name='song']")].some((one) => one.value === String(track.id));
  if (!isThere) {
    seeds.append(make("li", {}, make("input", { type: "hidden", name: "song", value: track.id }),
      make("span", {}, make("b", {}, name), track.artist ? ` ${track.artist}` : ""), " ",
      make("button", { type: "button", class: "quiet", "data-out": true, "aria-label": t("Take out %(name)s", { name }) }, t("Take out"))));
  }
  find.value = "";
  found.replaceChildren();
  byId("found-count").textContent = isThere ? t("%(name)s is there already.", { name }) : t("%(name)s was added.", { name });
  find.focus();
}

async function lookFor() {
  turn += 1;
  const mine = turn;
  const words = find.value.trim();
  if (!words) {
    found.replaceChildren();
    byId("found-count").textContent = "";
    return;
  }
  try {
    const { tracks, pagination } = await askJson(`api/v1/tracks?per_page=${FOUND}&search=${encodeURIComponent(words)}`);
    if (mine !== turn) return;
    found.replaceChildren(...tracks.map((track) => {
      const button = make("button", { type: "button" }, make("b", {}, track.title ?? track.name),
        track.artist ? ` ${track.artist}` : "", track.genre ? make("span", { class: "fine" }, ` ${track.genre}`) : null);
      button.addEventListener("click", () => addSeed(track));
      return make("li", {}, button);
    }));
    const { total } = pagination;
    byId("found-count").textContent = total > FOUND
      ? t("The first %(count)s of %(total)s. Type more to find fewer.", { count: FOUND, total })
      : tn("%(num)s song found.", "%(num)s songs found.", total);
  } catch (error) {
    if (mine === turn) byId("found-count").textContent = error.message;
  }
}

let waiting = 0;
find.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(lookFor, PAUSE);
});
find.addEventListener("keydown", (event) => {
  const first = found.querySelector("button");
  if (event.key === "Enter") {
    // It would make the list; who looks for a song wants that song first.
    event.preventDefault();
    first?.click();
  } else if (event.key === "ArrowDown" && first) {
    event.preventDefault();
    first.focus();
  }
});
found.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!step) return;
  event.preventDefault();
  (document.activeElement.closest("li")[step]?.querySelector("button") ?? find).focus();
});
seeds.addEventListener("click", (event) => {
  if (!event.target.closest("[data-out]")) return;
  event.target.closest("li").remove();
  find.focus();
});
// Fields that say nothing make the address long.
form.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// The list

const list = byId("songs");
const note = byId("list-note");

function renewed() {
  const songs = songsOf(list);
  const ids = songs.map((song) => song.id).join(",");
  const address = new URL(location.href);
  address.searchParams.set("list", ids);
  // Commas may stand as they are.
  history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
  byId("made-count").textContent = tn("%(num)s song", "%(num)s songs", songs.length);
  byId("made-long").textContent = `, ${clock(songs.reduce((sum, song) => sum + (song.duration ?? 0), 0))}`;
  const map = byId("on-map");
  map.href = map.href.replace(/#.*/, `#path=${ids}`);
  const none = !songs.some((song) => song.audio);
  byId("play-all").disabled = none;
  byId("save").querySelector(".save button").disabled = none;
  bounds();
}

/** The first cannot go up, the last cannot go down. */
function bounds() {
  const rows = [...list.children];
  for (const row of rows) {
    row.querySelector("[data-move='-1']").disabled = row === rows[0];
    row.querySelector("[data-move='1']").disabled = row === rows.at(-1);
  }
}

const nameOf = (row) => row.querySelector("b").textContent;
const placeOf = (row) => [...list.children].indexOf(row) + 1;

function move(row, step, button) {
  const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(row);
  else other.after(row);
  renewed();
  // The button that was pressed may be disabled now.
  (button.disabled ? row.querySelector("[data-move]:not(:disabled)") : button)?.focus();
  row.scrollIntoView({ block: "nearest" });
  say(t("%(name)s is number %(place)s now.", { name: nameOf(row), place: placeOf(row) }));
}

function say(line, ...more) {
  note.replaceChildren(line, ...more);
}

/** Take rows out, and offer to put them back where they were. */
function takeOut(rows, line) {
  const before = [...list.children];
  for (const row of rows) row.remove();
  renewed();
  const back = make("button", { type: "button", class: "quiet" }, t("Put back"));
  back.addEventListener("click", () => {
    // What was moved meanwhile stays there; each comes back before the one that followed it.
    for (const row of [...rows].reverse()) {
      const next = before.slice(before.indexOf(row) + 1).find((other) => other.isConnected);
      if (next) next.before(row);
      else list.append(row);
    }
    renewed();
    say(t("Put back."));
    rows[0].querySelector("[data-out]").focus();
  });
  say(`${line} `, back);
}

/** The rows at the end that are beyond so many seconds. */
function beyond(seconds) {
  let sum = 0;
  return [...list.children].filter((row, place) => {
    sum += JSON.parse(row.dataset.song).duration ?? 0;
    return place > 0 && sum > seconds;
  });
}

// A row is dragged by its grip, with a mouse or a finger.
function dragging(row, grip) {
  grip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    const before = placeOf(row);
    const shift = ({ clientY }) => {
      const over = [...list.children].find((other) => {
        const box = other.getBoundingClientRect();
        return other !== row && clientY > box.top && clientY < box.bottom;
      });
      if (!over) return;
      // The other one moves: a row that is moved itself would lose the pointer.
      const { top, height } = over.getBoundingClientRect();
      if (placeOf(over) < placeOf(row)) {
        if (clientY < top + height / 2) row.after(over);
      } else if (clientY > top + height / 2) row.before(over);
    };
    const drop = () => {
      grip.removeEventListener("pointermove", shift);
      row.classList.remove("dragged");
      if (placeOf(row) === before) return;
      renewed();
      say(t("%(name)s is number %(place)s now.", { name: nameOf(row), place: placeOf(row) }));
    };
    grip.addEventListener("pointermove", shift);
    grip.addEventListener("lostpointercapture", drop, { once: true });
  });
}

if (list) {
  for (const row of list.children) {
    row.querySelector(".list-tools").hidden = false;
    const grip = row.querySelector("[data-grip]");
    grip.hidden = false;
    dragging(row, grip);
  }
  bounds();
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move], .list-tools [data-out]");
    if (!button) return;
    const row = button.closest("li");
    if (button.dataset.move) return move(row, Number(button.dataset.move), button);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    takeOut([row], t("%(name)s was taken out.", { name: nameOf(row) }));
    (next?.querySelector("[data-out]") ?? note.querySelector("button")).focus();
  });
  byId("play-all").addEventListener("click", () => playAll(songsOf(list), list.dataset.queue));
  const trim = byId("trim");
  trim.hidden = false;
  trim.addEventListener("submit", (event) => {
    event.preventDefault();
    const minutes = Number(byId("trim-minutes").value);
    const rows = beyond(60 * minutes);
    if (rows.length) takeOut(rows, tn("%(num)s song was cut off at the end.", "%(num)s songs were cut off at the end.", rows.length));
    else say(tn("It is not longer than %(num)s minute.", "It is not longer than %(num)s minutes.", minutes));
  });
  // The name of the list is that of what is played, too.
  byId("save").elements.title.addEventListener("input", (event) => { list.dataset.queue = event.target.value; });
}
