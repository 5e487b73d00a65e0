// @ts-check
// All points of the map as one picture: written pixel by pixel, which is quicker than a path for each.

import { sprite } from "./map_shapes.js";

/** @typedef {import("./map_grid.js").Scale} Scale */
/** @typedef {import("./map_levels.js").Levels} Levels */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Part of the picture, in its pixels */

export class Cloud {
  /** @param {string[]} classNames of the genres, by their codes */
  constructor(classNames) {
    this.classNames = classNames;
    /** @type {ImageData | null} */
    this.image = null;
    /** What the picture shows, in words, but for where its middle lies. */
    this.shows = "";
    this.left = 0;
    this.top = 0;
    this.look = "";
    /** @type {ReturnType<typeof sprite>[]} by genre */
    this.sprites = [];
  }

  /**
   * Draw the first ones of some points onto the whole canvas.
   * @param {CanvasRenderingContext2D} context
   * @param {Levels} points @param {number} count
   * @param {Scale} scale @param {number} grow how large a point is
   * @param {import("./map_shapes.js").Colors} colors @param {string} state other words, when what is shown changes
   */
  draw(context, points, count, scale, grow, colors, state) {
    const { width, height } = context.canvas;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    const [across, up] = [scale.across * ratio, scale.up * ratio];
    const [left, top] = [Math.round(scale.left * ratio), Math.round(scale.top * ratio)];
    this.dress(grow * ratio, colors, state);
    const shows = [width, height, count, across, up, this.look].join(" ");
    const [dx, dy] = [left - this.left, top - this.top];
    const slides = this.image && shows === this.shows && Math.abs(dx) < width && Math.abs(dy) < height;
    if (!this.image || this.image.width !== width || this.image.height !== height) this.image = new ImageData(width, height);
    Object.assign(this, { shows, left, top });
    const pixels = new Uint32Array(this.image.data.buffer);
    const whole = { left: 0, top: 0, right: width, bottom: height };
    for (const part of slides ? slide(pixels, width, height, dx, dy) : [whole]) {
      this.paint(pixels, width, part, points, count, across, up);
    }
    context.putImageData(this.image, 0, 0);
  }

  /** Have the shapes of the points as pixels. @param {number} size @param {import("./map_shapes.js").Colors} colors @param {string} state */
  dress(size, colors, state) {
    const look = `${size} ${state}`;
    if (look === this.look) return;
    this.look = look;
    this.sprites = this.classNames.map((name) => sprite(name, colors, size));
  }

  /**
   * Draw a part of the picture anew.
   * @param {Uint32Array} pixels @param {number} width @param {Part} part
   * @param {Levels} points @param {number} count @param {number} across @param {number} up
   */
  paint(pixels, width, part, { xs, ys, codes }, count, across, up) {
    for (let y = part.top; y < part.bottom; y += 1) pixels.fill(0, y * width + part.left, y * width + part.right);
    const { left, top, sprites } = this;
    for (let i = 0; i < count; i += 1) {
      const x = Math.floor(left + xs[i] * across);
      const y = Math.floor(top - ys[i] * up);
      const { reach, dx, dy, colors: shape } = sprites[codes[i]];
      if (x < part.left - reach || y < part.top - reach || x >= part.right + reach || y >= part.bottom + reach) continue;
      if (x >= part.left + reach && y >= part.top + reach && x < part.right - reach && y < part.bottom - reach) {
        const at = y * width + x;
        for (let j = 0; j < shape.length; j += 1) pixels[at + dy[j] * width + dx[j]] = shape[j];
      } else {
        for (let j = 0; j < shape.length; j += 1) {
          const px = x + dx[j];
          const py = y + dy[j];
          if (px >= part.left && py >= part.top && px < part.right && py < part.bottom) pixels[py * width + px] = shape[j];
        }
      }
    }
  }
}

/**
 * Move a picture within itself; returns the parts at its edges that are to be drawn anew.
 * @param {Uint32Array} pixels @param {number} width @param {number} height @param {number} dx @param {number} dy
 */
function slide(pixels, width, height, dx, dy) {
  const shift = dy * width + dx;
  if (shift > 0) pixels.copyWithin(shift, 0, pixels.length - shift);
  else if (shift < 0) pixels.copyWithin(0, -shift);
  /** @type {Part[]} */
  const parts = [];
  if (dx) parts.push({ left: dx > 0 ? 0 : width + dx, right: dx > 0 ? dx : width, top: 0, bottom: height });
  if (dy) parts.push({ left: 0, right: width, top: dy > 0 ? 0 : height + dy, bottom: dy > 0 ? dy : height });
  return parts;
}
