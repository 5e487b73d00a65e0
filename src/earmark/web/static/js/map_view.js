// @ts-check
// Which part of the map is seen: from the map's own [-1, 1] to the canvas, and by which factor.

const SHARE = 0.46; // of the canvas, which the map reaches from its middle
const FARTHEST = 40;

export class View {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.x = 0;
    this.y = 0;
    this.zoom = 1;
  }

  get width() {
    return this.canvas.clientWidth;
  }

  get height() {
    return this.canvas.clientHeight;
  }

  /** What takes a place to the canvas: left + x * across, top - y * up, in CSS pixels. */
  get scale() {
    const { width, height } = this;
    const across = this.zoom * SHARE * width;
    const up = this.zoom * SHARE * height;
    return { across, up, left: width / 2 - this.x * across, top: height / 2 + this.y * up };
  }

  /** @param {{x: number, y: number}} place @returns {[number, number]} */
  toScreen({ x, y }) {
    const { across, up, left, top } = this.scale;
    return [left + x * across, top - y * up];
  }

  /** Draw nearer or farther; what lies at a place of the canvas stays there. @param {number} factor @param {number} [x] @param {number} [y] */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const { width, height } = this;
    const old = this.zoom;
    this.zoom = Math.min(FARTHEST, Math.max(1, old * factor));
    const moved = (1 / SHARE) * (1 / old - 1 / this.zoom);
    this.x += ((x - width / 2) / width) * moved;
    this.y -= ((y - height / 2) / height) * moved;
    if (this.zoom === 1) this.go({ x: 0, y: 0 }, 0);
  }

  /** Move what is seen by so many pixels. @param {number} dx @param {number} dy */
  drag(dx, dy) {
    const { across, up } = this.scale;
    this.x -= dx / across;
    this.y += dy / up;
  }

  /** Bring a place into the middle, drawn nearer by this factor at least. @param {{x: number, y: number}} place @param {number} nearest */
  go({ x, y }, nearest) {
    this.x = x;
    this.y = y;
    this.zoom = Math.max(this.zoom, nearest);
  }
}
