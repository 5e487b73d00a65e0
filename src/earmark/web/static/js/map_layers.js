// @ts-check
// What is drawn over the points of the map: names of genres, lines to neighbors, a path.

const NAME_FONT = "700 15px system-ui, sans-serif";
const NUMBER_FONT = "700 11px system-ui, sans-serif";
const NAME_HEIGHT = 20;
const LONGEST = 28;
const MOST_NAMES = 40;

/** @typedef {import("./map_points.js").Point} Point */

/** The middle of numbers, which are sorted in place. @param {Float32Array} values */
const median = (values) => values.sort()[Math.floor(values.length / 2)];

/** Where the names of genres stand: in the middle of their tracks, those of most tracks first. @param {import("./map_points.js").Points} points */
export function regions({ count, genres, codes, xs, ys }) {
  const sizes = new Uint32Array(genres.length);
  for (let row = 0; row < count; row += 1) sizes[codes[row]] += 1;
  const places = Array.from(sizes, (size) => ({ x: new Float32Array(size), y: new Float32Array(size) }));
  const next = new Uint32Array(genres.length);
  for (let row = 0; row < count; row += 1) {
    const code = codes[row];
    places[code].x[next[code]] = xs[row];
    places[code].y[next[code]] = ys[row];
    next[code] += 1;
  }
  return genres
    .map((genre, code) => ({ genre, count: sizes[code], x: median(places[code].x), y: median(places[code].y) }))
    .sort((a, b) => b.count - a.count);
}

/**
 * What is drawn on: its size in pixels, its colors, and where a place of the map lies on it.
 * @typedef {{toScreen: (place: {x: number, y: number}) => [number, number], width: number, height: number,
 *   colors: import("./map_shapes.js").Colors}} Screen
 */

/**
 * Write names of genres; one that would lie on another is moved up or down. Returns their boxes.
 * @param {CanvasRenderingContext2D} context @param {{genre: string, x: number, y: number}[]} names @param {Screen} screen
 */
export function drawNames(context, names, { toScreen, width, height, colors }) {
  /** @type {{genre: string, x: number, y: number, half: number}[]} */
  const boxes = [];
  context.font = NAME_FONT;
  context.textAlign = "center";
  for (const name of names.slice(0, MOST_NAMES)) {
    const [x, middle] = toScreen(name);
    if (x < 0 || middle < 0 || x > width || middle > height) continue;
    const text = name.genre.length > LONGEST ? `${name.genre.slice(0, LONGEST - 1)}…` : name.genre;
    const half = context.measureText(text).width / 2 + 4;
    const place = Math.min(Math.max(x, half), width - half);
    let y = middle;
    const overlaps = (/** @type {{x: number, y: number, half: number}} */ box) => Math.abs(box.y - y) < NAME_HEIGHT && Math.abs(box.x - place) < box.half + half;
    for (let turn = 1; boxes.some(overlaps) && turn < 12; turn += 1) {
      y = middle + NAME_HEIGHT * Math.ceil(turn / 2) * (turn % 2 ? 1 : -1);
    }
    boxes.push({ genre: name.genre, x: place, y, half });
    context.lineWidth = 5;
    context.lineJoin = "round";
    context.strokeStyle = colors.sheet;
    context.strokeText(text, place, y + 5);
    context.fillStyle = colors.ink;
    context.fillText(text, place, y + 5);
  }
  return boxes;
}

/**
 * Draw lines from a point to others.
 * @param {CanvasRenderingContext2D} context @param {Point} from @param {Point[]} others @param {Screen} screen
 */
export function drawLines(context, from, others, { toScreen, colors }) {
  const [x, y] = toScreen(from);
  context.strokeStyle = colors.soft;
  context.lineWidth = 1.5;
  for (const other of others) {
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...toScreen(other));
    context.stroke();
  }
}

/**
 * Draw a path: a line through its points, with their numbers.
 * @param {CanvasRenderingContext2D} context @param {{point: Point, number: number}[]} stops @param {Screen} screen
 */
export function drawPath(context, stops, { toScreen, colors }) {
  if (!stops.length) return;
  const places = stops.map(({ point }) => toScreen(point));
  const line = (/** @type {number} */ width, /** @type {string} */ color) => {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.lineJoin = "round";
    context.beginPath();
    for (const place of places) context.lineTo(...place);
    context.stroke();
  };
  line(6, colors.sheet);
  line(2.5, colors.ember);
  context.font = NUMBER_FONT;
  context.textAlign = "center";
  for (const [i, [x, y]] of places.entries()) {
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.fillStyle = colors.ember;
    context.fill();
    context.strokeStyle = colors.sheet;
    context.lineWidth = 1.5;
    context.stroke();
    context.fillStyle = colors.onEmber;
    context.fillText(String(stops[i].number), x, y + 4);
  }
}
