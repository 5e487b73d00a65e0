// @ts-check
// The map: every track a point, drawn on a canvas; by pointer, touch or keyboard.

import { ask, genreClass } from "./common.js";
import { Card } from "./map_card.js";
import { Cloud } from "./map_cloud.js";
import { Grid } from "./map_grid.js";
import { drawLines, drawNames, drawPath, regions } from "./map_layers.js";
import { Levels } from "./map_levels.js";
import { MapPath, pathOfAddress } from "./map_path.js";
import { nameOf, Points } from "./map_points.js";
import { Search } from "./map_search.js";
import { drawShape, outline, RADIUS, readColors } from "./map_shapes.js";
import { Table } from "./map_table.js";
import { Tracks } from "./map_tracks.js";
import { listen } from "./map_hands.js";
import { View } from "./map_view.js";
import { hear, stop } from "./player.js";
import { percent, t } from "./texts.js";

const LABEL_HEIGHT = 17;
const LONGEST_LABEL = 32;
const NEAR = 3; // how far the map is drawn in at least to show one track
const MANY = 3000; // of more points each is drawn smaller
const MOST_NAMED = 200; // of so few points in sight the names are asked for before somebody points at them
const REST = 150; // milliseconds, after which the pointer or the map is taken to rest

/** @typedef {import("./map_points.js").Point} Point */

/** @template {Element} T @param {string} id @param {new () => T} kind @returns {T} */
function byId(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no #${id}`);
}

class MapPage {
  /** @param {HTMLElement} place @param {Points} points @param {Point[]} own songs of this visit */
  constructor(place, points, own) {
    this.canvas = byId("map-canvas", HTMLCanvasElement);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.points = points;
    this.own = own;
    this.colors = readColors();
    this.view = new View(this.canvas);
    this.tracks = new Tracks("api/v1/map/tracks", points);
    this.grid = new Grid(points.xs, points.ys);
    this.cloud = new Cloud(points.classNames);
    this.regions = regions(points);
    /** @type {Set<string>} genres */
    this.hidden = new Set();
    /** Which genres are shown, by their codes. */
    this.open = new Uint8Array(points.genres.length).fill(1);
    /** @type {Levels | null} made when it is drawn */
    this.levels = null;
    this.levelsFor = "";
    /** How often that was changed by which all points look. */
    this.changes = 0;
    /** @type {Point | null} */
    this.chosen = null;
    /** @type {Point | null} What the pointer rests on: named at its place, while the card keeps what was chosen. */
    this.pointed = null;
    this.resting = 0;
    this.card = new Card(byId("map-card", HTMLElement), {
      tracks: this.tracks,
      visit: (point) => this.visit(point),
      choose: (point) => {
        this.choose(point);
        // The arrow keys go on to the other end.
        this.canvas.focus({ preventScroll: true });
      },
      path: (start, end) => this.path.between(start, end),
    });
    this.path = new MapPath(byId("map-path", HTMLElement), {
      tracks: this.tracks, changed: () => this.draw(), go: (/** @type {Point} */ point) => this.visit(point),
    });
    this.table = new Table(
      /** @type {HTMLDetailsElement} */ (document.querySelector(".map-table")),
      (most) => this.firstShown(most),
      (some) => this.tracks.name(idsOf(some)),
    );
    new Search(byId("map-find", HTMLInputElement), byId("map-found", HTMLElement), byId("map-found-count", HTMLElement), {
      find: (words, most, signal) => this.find(words, most, signal), choose: (point) => this.visit(point),
    });
    listen(this.canvas, {
      zoom: (factor, x, y) => this.zoom(factor, x, y), drag: (dx, dy) => this.drag(dx, dy), point: (x, y) => this.pointAt(x, y),
      click: (x, y) => this.click(x, y), step: (dx, dy) => this.step(dx, dy), hear: () => this.hear(this.chosen), stop,
    });
    for (const [id, factor] of /** @type {[string, number][]} */ ([["map-in", 1.5], ["map-out", 1 / 1.5], ["map-all", 0]])) {
      byId(id, HTMLElement).addEventListener("click", () => this.zoom(factor));
    }
    for (const box of genreBoxes()) box.addEventListener("change", () => this.hideGenres());
    addEventListener("hashchange", () => {
      if (location.hash.startsWith("#path=")) this.path.show(pathOfAddress());
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.colors = readColors();
      this.changes += 1;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** @param {number} row */
  isShown = (row) => this.open[this.points.codes[row]] === 1;

  // Drawing

  /** By how much points grow. @param {number} zoom */
  size(zoom) {
    return Math.min(1.6, 0.8 + zoom * 0.15) * (this.points.count > MANY ? 0.7 : 1);
  }

  /** Which points are drawn, and how many of them at this factor. */
  get drawn() {
    const { width, height } = this.view;
    const wanted = `${width} ${height} ${[...this.hidden].join("\n")}`;
    if (!this.levels || this.levelsFor !== wanted) {
      const { across, up } = this.view.scale;
      const unit = { across: across / this.view.zoom, up: up / this.view.zoom };
      this.levels = new Levels(this.points, this.isShown, unit, (zoom) => RADIUS * this.size(zoom));
      this.levelsFor = wanted;
      this.changes += 1;
    }
    return { levels: this.levels, count: this.levels.drawn(this.view.zoom) };
  }

  draw() {
    const { canvas, context, view, colors, chosen } = this;
    const { width, height, scale } = view;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const grow = this.size(view.zoom);
    const { levels, count } = this.drawn;
    this.cloud.draw(context, levels, count, scale, grow, colors, String(this.changes));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const screen = { toScreen: (/** @type {{x: number, y: number}} */ place) => view.toScreen(place), width, height, colors };
    const shape = (/** @type {Point} */ point, /** @type {number} */ size) => {
      const [x, y] = view.toScreen(point);
      drawShape(context, point.className, colors, x, y, size);
    };
    const others = chosen ? this.card.near(chosen).filter((point) => !this.hidden.has(point.genre)) : [];
    if (chosen) drawLines(context, chosen, others, screen);
    for (const point of others) shape(point, grow);
    const names = drawNames(context, this.regions.filter(({ genre }) => !this.hidden.has(genre)), screen);
    this.say("names", names.map((box) => box.genre).join("\n"));
    this.say("lines", String(others.length));
    drawPath(context, this.path.stops, screen);
    const own = this.shownOwn();
    for (const point of own) this.ring(point);
    if (chosen) {
      const [x, y] = view.toScreen(chosen);
      shape(chosen, grow * 1.5);
      if (chosen.dropped) this.ring(chosen);
      context.beginPath();
      context.arc(x, y, 15, 0, 2 * Math.PI);
      context.strokeStyle = colors.ink;
      context.lineWidth = 2;
      context.stroke();
    }
    const labels = names.map(({ x, y, half }) => ({ left: x - half, width: 2 * half, y: y + 5 }));
    for (const point of own) this.label(point, labels);
    if (this.pointed?.named && this.pointed !== chosen && !this.pointed.dropped) this.label(this.pointed, labels);
  }

  /** Write on the canvas's element what it shows, for those who cannot see it drawn. @param {string} name @param {string} value */
  say(name, value) {
    if (this.canvas.dataset[name] !== value) this.canvas.dataset[name] = value;
  }

  /** @param {Point} point */
  ring(point) {
    const { context, colors } = this;
    const [x, y] = this.view.toScreen(point);
    context.beginPath();
    context.arc(x, y, 10, 0, 2 * Math.PI);
    context.fillStyle = colors[point.className];
    context.fill();
    context.strokeStyle = colors.ink;
    context.lineWidth = 3;
    context.stroke();
  }

  /** A name beside a point, above or below the names that stand there already. @param {Point} point @param {{left: number, width: number, y: number}[]} labels */
  label(point, labels) {
    const { context, colors } = this;
    const [x, y] = this.view.toScreen(point);
    const name = nameOf(point);
    const text = name.length > LONGEST_LABEL ? `${name.slice(0, LONGEST_LABEL - 1)}…` : name;
    const before = x > this.view.width * 0.6;
    const shift = before ? -16 : 16;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = before ? "right" : "left";
    const { width } = context.measureText(text);
    const box = { left: before ? x + shift - width : x + shift, width, y: y + 4 };
    const overlaps = (/** @type {typeof box} */ other) => Math.abs(other.y - box.y) < LABEL_HEIGHT
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

  // What is shown

  /** Songs of this visit whose genre is shown. */
  shownOwn() {
    return this.own.filter((point) => !this.hidden.has(point.genre));
  }

  hideGenres() {
    this.hidden = new Set(genreBoxes().filter((box) => !box.checked).map((box) => box.value));
    for (const [code, genre] of this.points.genres.entries()) this.open[code] = Number(!this.hidden.has(genre));
    if (this.chosen && this.hidden.has(this.chosen.genre)) this.chosen = null;
    this.table.fill();
    this.draw();
    this.rest();
  }

  /** The first points that are shown, and how many there are. @param {number} most */
  firstShown(most) {
    const points = [];
    const own = this.shownOwn();
    let total = own.length;
    for (let row = 0; row < this.points.count; row += 1) {
      if (!this.isShown(row)) continue;
      if (points.length < most) points.push(this.points.at(row));
      total += 1;
    }
    points.push(...own.slice(0, most - points.length));
    return { points, total };
  }

  /** Tracks and own songs with all of some words. @param {string} words @param {number} most @param {AbortSignal} signal */
  async find(words, most, signal) {
    const fold = (/** @type {string} */ text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const each = fold(words).split(/\s+/).filter(Boolean);
    const own = this.own.filter((point) => each.every((word) => fold(nameOf(point)).includes(word)));
    const { points, total } = await this.tracks.find(words, most, signal);
    return { points: [...points, ...own].slice(0, most), total: total + own.length };
  }

  /** Once nothing has moved for a moment: ask what the few points are called that are in sight. */
  rest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.nameSeen().catch(() => {}), REST);
  }

  async nameSeen() {
    const { width, height, scale } = this.view;
    const rows = this.grid.seen(scale, width, height, MOST_NAMED, this.isShown);
    if (rows) await this.tracks.name(rows.map((row) => this.points.ids[row]));
  }

  // What is chosen

  /** Choose a point and bring it into the middle, near enough to see what lies around it. @param {Point} point */
  visit(point) {
    if (this.hidden.has(point.genre)) {
      for (const box of genreBoxes()) if (box.value === point.genre) box.click();
    }
    this.view.go(point, NEAR);
    this.choose(point);
    this.rest();
    this.canvas.focus({ preventScroll: true });
    this.canvas.scrollIntoView({ block: "nearest" });
  }

  /** @param {Point | null} point */
  choose(point) {
    this.chosen = point;
    this.card.show(point);
    this.draw();
    if (!point) return;
    if (!point.named) this.nameChosen(point);
    this.card.findNear(point).then((came) => {
      if (!came || this.chosen !== point) return;
      this.card.addNear(point);
      this.draw();
    });
  }

  /** @param {Point} point */
  async nameChosen(point) {
    let trouble = "";
    try {
      await this.tracks.name(idsOf([point]));
    } catch (error) {
      trouble = /** @type {Error} */ (error).message;
    }
    if (this.chosen === point) this.card.show(point, trouble);
  }

  /** Hear a point, or stop it where it sounds. @param {Point | null} point */
  async hear(point) {
    if (!point) return;
    if (!point.named) await this.tracks.name(idsOf([point])).catch(() => {});
    if (point.audio && this.chosen === point) hear(point.audio, { name: nameOf(point) });
  }

  /** The point nearest to a place of the canvas. @param {number} x @param {number} y @param {number} within pixels */
  nearest(x, y, within) {
    let [row, least] = this.grid.nearest(this.view.scale, x, y, within, this.isShown);
    let best = row < 0 ? null : this.points.at(row);
    for (const point of this.shownOwn()) {
      const [px, py] = this.view.toScreen(point);
      const far = Math.hypot(px - x, py - y) - 6;
      if (far < least) [best, least] = [point, far];
    }
    return best;
  }

  /** Name what the pointer rests on. @param {number | null} x @param {number} [y] */
  pointAt(x, y = 0) {
    const point = x === null ? null : this.nearest(x, y, 14);
    if (point === this.pointed) return;
    this.pointed = point;
    this.draw();
    if (!point || point.named) return;
    setTimeout(async () => {
      if (this.pointed !== point) return;
      await this.tracks.name(idsOf([point])).catch(() => {});
      if (this.pointed === point) this.draw();
    }, REST / 3);
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    const point = this.nearest(x, y, 24);
    if (!point) return this.choose(null);
    if (point !== this.chosen) this.choose(point);
    this.hear(point);
  }

  /** Arrow keys: the nearest point that lies in that direction. @param {number} dx @param {number} dy */
  step(dx, dy) {
    const { xs, ys, count } = this.points;
    const from = this.chosen;
    const { across, up } = this.view.scale;
    let [best, least] = [-1, Infinity];
    let other = null;
    const own = this.shownOwn();
    if (!from) {
      for (let row = 0; row < count && best < 0; row += 1) if (this.isShown(row)) best = row;
    } else {
      const cost = (/** @type {number} */ x, /** @type {number} */ y) => {
        const [right, down] = [(x - from.x) * across, (from.y - y) * up];
        const along = right * dx + down * dy;
        return along <= 0.5 ? Infinity : along + 2.5 * (Math.abs(right * dy) + Math.abs(down * dx));
      };
      for (let row = 0; row < count; row += 1) {
        if (row === from.row || !this.isShown(row)) continue;
        const far = cost(xs[row], ys[row]);
        if (far < least) [best, least] = [row, far];
      }
      for (const point of own) {
        const far = point === from ? Infinity : cost(point.x, point.y);
        if (far < least) [other, least] = [point, far];
      }
    }
    const to = other ?? (best >= 0 ? this.points.at(best) : from ? null : own[0]);
    if (to) this.choose(to);
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  zoom(factor, x, y) {
    this.view.zoomBy(factor, x, y);
    this.draw();
    this.rest();
  }

  /** @param {number} dx @param {number} dy */
  drag(dx, dy) {
    this.view.drag(dx, dy);
    this.draw();
    this.rest();
  }

  /** Show what the page was opened for. */
  async begin() {
    this.draw();
    const own = this.own.at(-1);
    const wanted = pathOfAddress();
    if (wanted.length) await this.path.show(wanted);
    else if (own) this.choose(own);
    await this.nameSeen();
    this.say("ready", String(this.points.count + this.own.length));
  }
}

/** The numbers of those points that are tracks. @param {Point[]} points */
const idsOf = (points) => points.map(({ id }) => id).filter((id) => id !== null);

/** @returns {HTMLInputElement[]} */
const genreBoxes = () => [...document.querySelectorAll(".map-genres input")].filter((box) => box instanceof HTMLInputElement);

/** @returns {Point[]} */
function droppedSongs() {
  try {
    /** @type {{name: string, genre: string, unsure: boolean, place: [number, number]}[]} */
    const songs = JSON.parse(sessionStorage.getItem("earmark-songs") ?? "[]");
    return songs.map(({ name, genre, unsure, place: [x, y] }) => ({
      row: -1, id: null, x, y, track: name, genre, className: genreClass(genre), named: true, unsure, dropped: true,
    }));
  } catch {
    return [];
  }
}

/** Fetch the points and show them. @param {HTMLElement} place */
async function load(place) {
  const loading = byId("map-loading", HTMLElement);
  loading.hidden = false;
  try {
    const answer = await ask("api/v1/map/points", { headers: { Accept: "application/octet-stream" } });
    const points = new Points(await answer.arrayBuffer());
    const [across, up] = points.share;
    byId("map-share", HTMLElement).textContent =
      t("The two axes are the directions in which the library varies most: %(share)s of all its variance. Points far apart do differ; points that touch may still differ in ways not shown.", { share: percent(across + up) });
    loading.hidden = true;
    await new MapPage(place, points, droppedSongs()).begin();
  } catch (error) {
    loading.hidden = false;
    loading.textContent = /** @type {Error} */ (error).message;
  }
}

for (const label of document.querySelectorAll(".map-genres label")) {
  label.querySelector("path")?.setAttribute("d", outline(label.className));
}
load(byId("map", HTMLElement));
