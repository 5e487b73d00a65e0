// @ts-check
// What a point looks like: one shape for each color class, so that color is never alone.

const SHAPES = [
  "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-6L5.5 4.5H-5.5Z", "M0-6.5L5 0L0 6.5L-5 0Z",
  "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M0 6L-5.5-4.5H5.5Z", "M-6-3L-3-6L0-3L3-6L6-3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0Z",
  "M0-6.5L1.8-2L6.5-2L2.8 1L4.2 6L0 3.2L-4.2 6L-2.8 1L-6.5-2L-1.8-2Z", "M-6-2.2H6V2.2H-6Z", "M-2.2-6H2.2V6H-2.2Z",
  "M0-6L5.2-3V3L0 6L-5.2 3V-3Z", "M-5 5A7.5 7.5 0 0 1 5-5A7.5 7.5 0 0 1-5 5Z",
];
const PATHS = SHAPES.map((d) => new Path2D(d));
/** Of the round shape; the others are as large. */
export const RADIUS = 5;
const EDGE = 1.2;
const REACH = 7.5; // of the largest shape with its edge, from its middle

/** The number of the shape of a color class. @param {string} className */
const shapeOf = (className) => Number(/^g(\d+)$/.exec(className)?.[1] ?? 0);

/** How the shape of a color class is written in SVG. @param {string} className */
export const outline = (className) => SHAPES[shapeOf(className)];

/** @typedef {Record<string, string>} Colors what is drawn in which color, by name */

/** The colors of the page as it is now. @returns {Colors} */
export function readColors() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  /** @type {Colors} */
  const colors = {
    ink: read("--ink"), sheet: read("--sheet"), soft: read("--soft"), ember: read("--ember"), onEmber: read("--on-ember"),
    "g-none": read("--field"),
  };
  for (let i = 0; i < SHAPES.length; i += 1) colors[`g${i}`] = read(`--g${i}`);
  return colors;
}

/**
 * Draw a shape at a place.
 * @param {CanvasRenderingContext2D} context @param {string} className @param {Colors} colors
 * @param {number} x @param {number} y @param {number} scale
 */
export function drawShape(context, className, colors, x, y, scale) {
  context.save();
  context.translate(x, y);
  context.scale(scale, scale);
  context.fillStyle = colors[className];
  context.strokeStyle = colors.sheet;
  context.lineWidth = EDGE;
  const path = PATHS[shapeOf(className)];
  context.fill(path);
  context.stroke(path);
  context.restore();
}

/**
 * A shape as pixels on the ground of the map, all of them opaque.
 * @param {string} className @param {Colors} colors @param {number} scale in pixels of the screen
 * @returns {{reach: number, dx: Int8Array, dy: Int8Array, colors: Uint32Array}}
 */
export function sprite(className, colors, scale) {
  const reach = Math.ceil(REACH * scale);
  const side = 2 * reach + 1;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [side, side];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  drawShape(context, className, colors, reach + 0.5, reach + 0.5, scale);
  const covered = new Uint8Array(context.getImageData(0, 0, side, side).data.buffer);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = colors.sheet;
  context.fillRect(0, 0, side, side);
  const pixels = new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
  // What is covered by less than half belongs to what lies around.
  const shown = [...pixels.keys()].filter((i) => covered[4 * i + 3] > 127);
  return {
    reach,
    dx: Int8Array.from(shown, (i) => (i % side) - reach),
    dy: Int8Array.from(shown, (i) => Math.floor(i / side) - reach),
    colors: Uint32Array.from(shown, (i) => pixels[i]),
  };
}
