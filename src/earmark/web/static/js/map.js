// The map: every track a point, drawn on a canvas; by pointer, touch or keyboard.

import { askJson, genreClass, make } from "./common.js";
import { drawLines, drawNames, drawPath, regions } from "./map_layers.js";
import { MapPath, pathOfAddress } from "./map_path.js";
import { findable } from "./map_search.js";
import { hear as hearTrack, stop, sync } from "./player.js";

const byId = (id) => document.getElementById(id);
const canvas = byId("map-canvas");
const card = byId("map-card");
const context = canvas.getContext("2d");
const MOST_ROWS = 500;
const LABEL_HEIGHT = 17;
const LONGEST_LABEL = 32;
const NEIGHBORS = 8;
const NEAR = 3; // how far the map is drawn in at least to show one track

// One shape for each color class, so that color is never alone.
const SHAPES = [
  "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-6L5.5 4.5H-5.5Z", "M0-6.5L5 0L0 6.5L-5 0Z",
  "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M0 6L-5.5-4.5H5.5Z", "M-6-3L-3-6L0-3L3-6L6-3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0Z",
  "M0-6.5L1.8-2L6.5-2L2.8 1L4.2 6L0 3.2L-4.2 6L-2.8 1L-6.5-2L-1.8-2Z", "M-6-2.2H6V2.2H-6Z", "M-2.2-6H2.2V6H-2.2Z",
  "M0-6L5.2-3V3L0 6L-5.2 3V-3Z", "M-5 5A7.5 7.5 0 0 1 5-5A7.5 7.5 0 0 1-5 5Z",
];
const shapePaths = SHAPES.map((d) => new Path2D(d));
const shapeOf = (className) => Number(/^g(\d+)$/.exec(className)?.[1] ?? 0);

let points = [];
let byNumber = new Map();
let names = [];
let hidden = new Set();
let chosen = null;
// What the pointer rests on: named at its place, while the card keeps what was chosen.
let pointed = null;
// The nearest tracks of what was chosen, by its number; null while they are asked for.
const neighbors = new Map();
let pathFrom = null;
let view = { x: 0, y: 0, zoom: 1 };
let colors = {};

for (const label of document.querySelectorAll(".map-genres label")) {
  label.querySelector("path").setAttribute("d", SHAPES[shapeOf(label.className)]);
}

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  colors = {
    ink: read("--ink"), sheet: read("--sheet"), soft: read("--soft"), ember: read("--ember"), onEmber: read("--on-ember"),
    "g-none": read("--field"),
  };
  for (let i = 0; i < SHAPES.length; i += 1) colors[`g${i}`] = read(`--g${i}`);
}

// Places: from the map's own [-1, 1] to the canvas.

function size() {
  return { width: canvas.clientWidth, height: canvas.clientHeight };
}

function toScreen(point) {
  const { width, height } = size();
  const scale = view.zoom * 0.46;
  return [
    width / 2 + (point.x - view.x) * scale * width,
    height / 2 - (point.y - view.y) * scale * height,
  ];
}

const visible = () => points.filter((point) => !hidden.has(point.genre));

function draw() {
  const ratio = devicePixelRatio || 1;
  const { width, height } = size();
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const grow = Math.min(1.6, 0.8 + view.zoom * 0.15) * (points.length > 3000 ? 0.7 : 1);
  const paint = (point, scale) => {
    const [x, y] = toScreen(point);
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) return;
    context.save();
    context.translate(x, y);
    context.scale(scale, scale);
    context.fillStyle = colors[point.className];
    context.strokeStyle = colors.sheet;
    context.lineWidth = 1.2;
    const path = shapePaths[shapeOf(point.className)];
    context.fill(path);
    context.stroke(path);
    context.restore();
  };
  const screen = { toScreen, width, height, colors };
  const near = (chosen && neighbors.get(chosen.id)) ?? [];
  const others = near.map(({ track_id: id }) => byNumber.get(id)).filter((point) => point && !hidden.has(point.genre));
  if (chosen) drawLines(context, chosen, others, screen);
  for (const point of visible()) if (!point.dropped) paint(point, grow);
  const regionNames = drawNames(context, names, screen);
  canvas.dataset.names = regionNames.map((box) => box.genre).join("\n");
  canvas.dataset.lines = others.length;
  drawPath(context, path.stops, screen);
  const own = visible().filter((point) => point.dropped);
  for (const point of own) ring(point);
  if (chosen) {
    const [x, y] = toScreen(chosen);
    paint(chosen, grow * 1.5);
    if (chosen.dropped) ring(chosen);
    context.beginPath();
    context.arc(x, y, 15, 0, 2 * Math.PI);
    context.strokeStyle = colors.ink;
    context.lineWidth = 2;
    context.stroke();
  }
  const labels = regionNames.map(({ x, y, half }) => ({ left: x - half, width: 2 * half, y: y + 5 }));
  for (const point of own) label(point, labels);
  if (pointed && pointed !== chosen && !pointed.dropped) label(pointed, labels);
}

function ring(point) {
  const [x, y] = toScreen(point);
  context.beginPath();
  context.arc(x, y, 10, 0, 2 * Math.PI);
  context.fillStyle = colors[point.className];
  context.fill();
  context.strokeStyle = colors.ink;
  context.lineWidth = 3;
  context.stroke();
}

// A name beside a point, above or below the names that stand there already.
function label(point, labels) {
  const [x, y] = toScreen(point);
  const name = point.title ?? point.track;
  const text = name.length > LONGEST_LABEL ? `${name.slice(0, LONGEST_LABEL - 1)}…` : name;
  const before = x > size().width * 0.6;
  const shift = before ? -16 : 16;
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = before ? "right" : "left";
  const { width } = context.measureText(text);
  const box = { left: before ? x + shift - width : x + shift, width, y: y + 4 };
  const overlaps = (other) => Math.abs(other.y - box.y) < LABEL_HEIGHT
    && box.left < other.left + other.width && other.left < box.left + box.width;
  for (let turn = 1; labels.some(overlaps) && turn < 40; turn += 1) {
    box.y = y + 4 + LABEL_HEIGHT * Math.ceil(turn / 2) * (turn % 2 ? 1 : -1);
  }
  labels.push(box);
  context.lineWidth = 4;
  context.strokeStyle = colors.sheet;
  context.strokeText(text, x + shift, box.y);
  context.fillStyle = colors.ink;
  context.fillText(text, x + shift, box.y);
}

// What is shown of one point

function ownWords({ genre, unsure }) {
  return unsure ? `your song; not sure, perhaps ${genre}` : `your song, classified as ${genre}`;
}

const hint = card.firstElementChild;

const nameOf = (point) => point.title ?? point.track;

// A path begins at one track and ends at another.
function pathButton(point) {
  const ends = pathFrom && pathFrom !== point;
  const button = make("button", { type: "button", class: "quiet" }, ends ? `Path from ${nameOf(pathFrom)} to here` : "Path from here…");
  if (pathFrom === point) button.replaceChildren("Now choose where it ends");
  button.disabled = pathFrom === point;
  button.addEventListener("click", () => {
    if (ends) {
      path.between(pathFrom, point);
      pathFrom = null;
    } else pathFrom = point;
    choose(point);
    // The arrow keys go on to the other end.
    canvas.focus({ preventScroll: true });
  });
  return button;
}

function nearList(point) {
  const found = neighbors.get(point.id);
  if (!found?.length) return null;
  return make("div", {}, make("p", { class: "map-near-head" }, "Nearest"),
    make("ol", { class: "map-near" }, ...found.map((one) => {
      const other = byNumber.get(one.track_id);
      if (!other) return make("li", {}, one.title ?? one.track);
      const button = make("button", { type: "button", class: "map-name" }, nameOf(other));
      button.addEventListener("click", () => visit(other));
      return make("li", {}, button);
    })));
}

async function findNeighbors(point) {
  if (!point.id || neighbors.has(point.id)) return;
  neighbors.set(point.id, null);
  try {
    neighbors.set(point.id, (await askJson(`api/v1/tracks/${point.id}/similar?k=${NEIGHBORS}`)).neighbors);
  } catch {
    // Without them the card says what it can; the next time they are asked for again.
    neighbors.delete(point.id);
  }
  if (chosen !== point) return;
  const list = nearList(point);
  if (list) card.append(list);
  draw();
}

/** Choose a point and bring it into the middle, near enough to see what lies around it. */
function visit(point) {
  if (hidden.has(point.genre)) {
    for (const box of document.querySelectorAll(".map-genres input")) if (box.value === point.genre) box.click();
  }
  const target = Math.max(view.zoom, NEAR);
  view = { x: point.x, y: point.y, zoom: target };
  choose(point);
  canvas.focus({ preventScroll: true });
  canvas.scrollIntoView({ block: "nearest" });
}

function choose(point) {
  chosen = point;
  card.className = `map-card ${point ? `chosen ${point.className}` : ""}`;
  if (point) {
    const lines = [
      make("p", {}, make("b", {}, point.title ?? point.track)),
      point.artist ? make("p", {}, point.artist) : null,
      make("p", { class: "fine" }, point.dropped ? ownWords(point) : point.genre),
      make("p", { class: "map-ways" },
        point.audio
          ? make("button", { type: "button", class: "play", "data-play": point.audio, "aria-label": `Play ${point.title ?? point.track}` })
          : null,
        point.id ? make("button", { class: "quiet like", form: "like", name: "song", value: point.id }, "More like this") : null),
      point.id ? pathButton(point) : null,
      point.id ? nearList(point) : null,
    ];
    card.replaceChildren(...lines.filter(Boolean));
    // What goes on sounding while others are looked at can be stopped here, too.
    sync();
  } else {
    card.replaceChildren(hint);
  }
  draw();
  if (point) findNeighbors(point);
}

function nearest(x, y, within) {
  let best = null;
  let least = within;
  for (const point of visible()) {
    const [px, py] = toScreen(point);
    const far = Math.hypot(px - x, py - y) - (point.dropped ? 6 : 0);
    if (far < least) [best, least] = [point, far];
  }
  return best;
}

// Arrow keys: the nearest point that lies in that direction.
function step(dx, dy) {
  const from = chosen ?? visible()[0];
  if (!chosen) return choose(from);
  const [x, y] = toScreen(from);
  let best = null;
  let least = Infinity;
  for (const point of visible()) {
    if (point === from) continue;
    const [px, py] = toScreen(point);
    const along = (px - x) * dx + (py - y) * dy;
    const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    if (along <= 0.5) continue;
    const cost = along + 2.5 * aside;
    if (cost < least) [best, least] = [point, cost];
  }
  if (best) choose(best);
}

// Hear a point, or stop it where it sounds.
function hear(point) {
  if (point?.audio) hearTrack(point.audio, { name: point.title ?? point.track });
}

function zoom(factor, x = size().width / 2, y = size().height / 2) {
  const { width, height } = size();
  const old = view.zoom;
  view.zoom = Math.min(40, Math.max(1, old * factor));
  const moved = 1 / 0.46 * (1 / old - 1 / view.zoom);
  view.x += ((x - width / 2) / width) * moved;
  view.y -= ((y - height / 2) / height) * moved;
  if (view.zoom === 1) view = { x: 0, y: 0, zoom: 1 };
  draw();
}

function drag(dx, dy) {
  const { width, height } = size();
  view.x -= dx / (width * 0.46 * view.zoom);
  view.y += dy / (height * 0.46 * view.zoom);
  draw();
}

// One finger or the mouse drags (a finger that goes up or down scrolls the page, as the style
// sheet says), two fingers drag and pinch.
const fingers = new Map();
let press = null;

const middle = () => {
  const [a, b] = [...fingers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
};

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  press = { x: event.offsetX, y: event.offsetY, moved: fingers.size > 1 };
});
canvas.addEventListener("pointermove", (event) => {
  const place = { x: event.offsetX, y: event.offsetY };
  if (fingers.size === 2 && fingers.has(event.pointerId)) {
    const before = middle();
    fingers.set(event.pointerId, place);
    const now = middle();
    zoom(before.apart > 0 ? now.apart / before.apart : 1, now.x, now.y);
    drag(now.x - before.x, now.y - before.y);
    press = { ...place, moved: true };
    return;
  }
  if (press) {
    const [dx, dy] = [place.x - press.x, place.y - press.y];
    if (press.moved || Math.hypot(dx, dy) > 5) {
      if (fingers.size === 1 && fingers.has(event.pointerId)) drag(dx, dy);
      press = { ...place, moved: true };
    }
    return;
  }
  const point = nearest(place.x, place.y, 14);
  if (point === pointed) return;
  pointed = point;
  draw();
});
canvas.addEventListener("pointerleave", () => {
  pointed = null;
  draw();
});
canvas.addEventListener("pointercancel", (event) => {
  fingers.delete(event.pointerId);
  press = null;
});
canvas.addEventListener("pointerup", (event) => {
  fingers.delete(event.pointerId);
  if (fingers.size) {
    const [left] = fingers.values();
    press = { ...left, moved: true };
    return;
  }
  const wasClick = press && !press.moved;
  press = null;
  if (!wasClick) return;
  const point = nearest(event.offsetX, event.offsetY, 24);
  if (!point) return choose(null);
  if (point !== chosen) choose(point);
  hear(point);
});
// Two fingers are the map's, not the page's.
canvas.addEventListener("touchmove", (event) => {
  if (event.touches.length > 1) event.preventDefault();
}, { passive: false });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const act = {
    ArrowRight: () => step(1, 0), ArrowLeft: () => step(-1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
    Enter: () => hear(chosen), " ": () => hear(chosen), "+": () => zoom(1.4), "-": () => zoom(1 / 1.4),
    "0": () => zoom(0), Escape: stop,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
byId("map-in").addEventListener("click", () => zoom(1.5));
byId("map-out").addEventListener("click", () => zoom(1 / 1.5));
byId("map-all").addEventListener("click", () => zoom(0));

for (const box of document.querySelectorAll(".map-genres input")) {
  box.addEventListener("change", () => {
    hidden = new Set([...document.querySelectorAll(".map-genres input:not(:checked)")].map((b) => b.value));
    if (chosen && hidden.has(chosen.genre)) chosen = null;
    names = regions(visible());
    fillTable();
    draw();
  });
}

function fillTable() {
  if (!document.querySelector(".map-table").open) return;
  const rows = visible().slice(0, MOST_ROWS).map((point) => make("tr", {},
    make("th", { scope: "row" }, point.title ?? point.track), make("td", {}, point.artist ?? ""),
    make("td", {}, point.genre), make("td", { class: "number" }, point.x.toFixed(2)),
    make("td", { class: "number" }, point.y.toFixed(2))));
  if (visible().length > MOST_ROWS) {
    rows.push(make("tr", {}, make("td", { colspan: "5" }, `… and ${visible().length - MOST_ROWS} more; choose fewer genres.`)));
  }
  document.querySelector("#map-rows tbody").replaceChildren(...rows);
}
document.querySelector(".map-table").addEventListener("toggle", fillTable);

function droppedSongs() {
  try {
    return JSON.parse(sessionStorage.getItem("earmark-songs") ?? "[]").map((song) => ({
      x: song.place[0], y: song.place[1], track: song.name, genre: song.genre, unsure: song.unsure, dropped: true,
    }));
  } catch {
    return [];
  }
}

async function load() {
  const loading = byId("map-loading");
  loading.hidden = false;
  try {
    const map = await askJson("api/v1/map");
    points = [...map.points, ...droppedSongs()];
    for (const point of points) point.className = genreClass(point.genre);
    byNumber = new Map(points.filter((point) => point.id).map((point) => [point.id, point]));
    names = regions(points);
    byId("map-share").textContent =
      `The two axes are the directions in which the library varies most: ${Math.round(100 * (map.share[0] + map.share[1]))}% of all its variance. Points far apart do differ; points that touch may still differ in ways not shown.`;
    loading.hidden = true;
    readColors();
    draw();
    const own = points.filter((point) => point.dropped).at(-1);
    const wanted = pathOfAddress();
    if (wanted.length) await path.show(wanted);
    else if (own) choose(own);
    canvas.dataset.ready = points.length;
  } catch (error) {
    loading.textContent = error.message;
  }
}

const path = new MapPath(byId("map-path"), { find: (id) => byNumber.get(id), changed: draw, go: visit });
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#path=")) path.show(pathOfAddress());
});
findable(byId("map-find"), byId("map-found"), byId("map-found-count"), { all: () => points, choose: visit });

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColors();
  draw();
});
new ResizeObserver(draw).observe(canvas);
readColors();
load();
