// What is drawn over and under the points of the map: names of genres, lines to neighbors, a path.

const NAME_FONT = "700 15px system-ui, sans-serif";
const NUMBER_FONT = "700 11px system-ui, sans-serif";
const NAME_HEIGHT = 20;
const LONGEST = 28;
const MOST_NAMES = 40;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Where the names of genres stand: in the middle of their tracks, those of most tracks first. */
export function regions(points) {
  const byGenre = new Map();
  for (const point of points) {
    if (point.dropped) continue;
    if (!byGenre.has(point.genre)) byGenre.set(point.genre, []);
    byGenre.get(point.genre).push(point);
  }
  return [...byGenre]
    .map(([genre, some]) => ({
      genre, count: some.length, x: median(some.map((point) => point.x)), y: median(some.map((point) => point.y)),
    }))
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_NAMES);
}

/** Write names of genres; one that would lie on another is moved up or down. Returns their boxes. */
export function drawNames(context, names, { toScreen, width, height, colors }) {
  const boxes = [];
  context.font = NAME_FONT;
  context.textAlign = "center";
  for (const name of names) {
    const [x, middle] = toScreen(name);
    if (x < 0 || middle < 0 || x > width || middle > height) continue;
    const text = name.genre.length > LONGEST ? `${name.genre.slice(0, LONGEST - 1)}…` : name.genre;
    const half = context.measureText(text).width / 2 + 4;
    const place = Math.min(Math.max(x, half), width - half);
    let y = middle;
    const overlaps = (box) => Math.abs(box.y - y) < NAME_HEIGHT && Math.abs(box.x - place) < box.half + half;
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

/** Draw lines from a point to others. */
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

/** Draw a path: a line through its points, with their numbers. */
export function drawPath(context, stops, { toScreen, colors }) {
  if (!stops.length) return;
  const places = stops.map(({ point }) => toScreen(point));
  const line = (width, color) => {
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
