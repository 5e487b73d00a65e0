// @ts-check
// All points of the map as one picture: written pixel by pixel, which is quicker than a path for each.

import { sprite } from "./map_shapes.js";

/** @typedef {import("./map_grid.js").Scale} Scale */

export class Cloud {
  /** @param {import("./map_points.js").Points} points */
  constructor(points) {
    this.points = points;
    /** @type {ImageData | null} */
    this.image = null;
    /** What the picture shows, in words; the same words need no new picture. */
    this.shows = "";
    this.look = "";
    /** @type {ReturnType<typeof sprite>[]} */
    this.sprites = [];
  }

  /**
   * Draw the first points of an order onto the whole canvas.
   * @param {CanvasRenderingContext2D} context
   * @param {Uint32Array} rows @param {number} count
   * @param {Scale} scale @param {number} grow how large a point is
   * @param {import("./map_shapes.js").Colors} colors @param {string} state other words, when what is shown changes
   */
  draw(context, rows, count, scale, grow, colors, state) {
    const { width, height } = context.canvas;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    const shows = [width, height, ratio, count, scale.across, scale.up, scale.left, scale.top, grow, state].join(" ");
    if (shows !== this.shows || !this.image) {
      this.shows = shows;
      this.paint(width, height, rows, count, scale, grow * ratio, ratio, colors, state);
    }
    if (this.image) context.putImageData(this.image, 0, 0);
  }

  /**
   * @param {number} width @param {number} height @param {Uint32Array} rows @param {number} count
   * @param {Scale} scale @param {number} size @param {number} ratio
   * @param {import("./map_shapes.js").Colors} colors @param {string} state
   */
  paint(width, height, rows, count, scale, size, ratio, colors, state) {
    if (this.image?.width !== width || this.image.height !== height) this.image = new ImageData(width, height);
    const pixels = new Uint32Array(this.image.data.buffer);
    pixels.fill(0);
    const look = `${size} ${state}`;
    if (look !== this.look) {
      this.look = look;
      this.sprites = this.points.classNames.map((name) => sprite(name, colors, size));
    }
    const { xs, ys, codes } = this.points;
    const [across, up, left, top] = [scale.across * ratio, scale.up * ratio, scale.left * ratio, scale.top * ratio];
    const { sprites } = this;
    for (let i = 0; i < count; i += 1) {
      const row = rows[i];
      const x = Math.floor(left + xs[row] * across);
      const y = Math.floor(top - ys[row] * up);
      const { reach, dx, dy, colors: shape } = sprites[codes[row]];
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue;
      if (x >= reach && y >= reach && x < width - reach && y < height - reach) {
        const at = y * width + x;
        for (let j = 0; j < shape.length; j += 1) pixels[at + dy[j] * width + dx[j]] = shape[j];
      } else {
        for (let j = 0; j < shape.length; j += 1) {
          const [px, py] = [x + dx[j], y + dy[j]];
          if (px >= 0 && py >= 0 && px < width && py < height) pixels[py * width + px] = shape[j];
        }
      }
    }
  }
}
