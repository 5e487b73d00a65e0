// @ts-check
// Which of very many points are drawn: those that would lie on others do not show.

const ALL = 5000; // so many are drawn as they are
const LEVELS = 4; // by factors of two; nearer than the last, all points are drawn

export class Levels {
  /**
   * Order the points that are shown, so that for each factor some first ones of them stand for all. Those
   * that are drawn at one factor are drawn at all nearer ones, and moving the map changes none.
   * @param {{xs: Float32Array, ys: Float32Array, codes: Uint8Array | Uint16Array | Uint32Array}} points
   * @param {(row: number) => boolean} shown
   * @param {{across: number, up: number}} unit pixels of the map's own unit, drawn farthest
   * @param {(zoom: number) => number} reach of a point from its middle, in pixels: of those that lie nearer to each other one is drawn
   */
  constructor({ xs, ys, codes }, shown, unit, reach) {
    /** Rows, the most important ones first. */
    this.rows = new Uint32Array(xs.length);
    let left = new Uint32Array(xs.length);
    let count = 0;
    for (let row = 0; row < xs.length; row += 1) if (shown(row)) left[count++] = row;
    left = left.subarray(0, count);
    /** How many of them are drawn at each level. */
    this.ends = [];
    let end = 0;
    const box = bounds(xs, ys, left);
    for (let level = 0; level < LEVELS && left.length > 0 && count > ALL; level += 1) {
      const zoom = 2 ** level;
      const across = (unit.across * zoom) / reach(zoom);
      const up = (unit.up * zoom) / reach(zoom);
      const columns = Math.floor((box.right - box.left) * across) + 1;
      const lines = Math.floor((box.high - box.low) * up) + 1;
      const taken = new Uint8Array(columns * lines);
      const cell = (/** @type {number} */ row) =>
        Math.floor((xs[row] - box.left) * across) + columns * Math.floor((ys[row] - box.low) * up);
      for (let i = 0; i < end; i += 1) taken[cell(this.rows[i])] = 1;
      let rest = 0;
      for (let i = 0; i < left.length; i += 1) {
        const row = left[i];
        const at = cell(row);
        if (taken[at]) left[rest++] = row;
        else {
          taken[at] = 1;
          this.rows[end++] = row;
        }
      }
      left = left.subarray(0, rest);
      this.ends.push(end);
    }
    this.rows.set(left, end);
    this.rows = this.rows.subarray(0, end + left.length);
    // The columns in the same order: what is read one after the other is read quickly.
    this.xs = Float32Array.from(this.rows, (row) => xs[row]);
    this.ys = Float32Array.from(this.rows, (row) => ys[row]);
    this.codes = Uint32Array.from(this.rows, (row) => codes[row]);
  }

  /** How many of the rows are drawn at a factor. @param {number} zoom */
  drawn(zoom) {
    return this.ends[Math.ceil(Math.log2(zoom) - 1e-9)] ?? this.rows.length;
  }
}

/** @param {Float32Array} xs @param {Float32Array} ys @param {Uint32Array} rows */
function bounds(xs, ys, rows) {
  const box = { left: Infinity, low: Infinity, right: -Infinity, high: -Infinity };
  for (const row of rows) {
    box.left = Math.min(box.left, xs[row]);
    box.right = Math.max(box.right, xs[row]);
    box.low = Math.min(box.low, ys[row]);
    box.high = Math.max(box.high, ys[row]);
  }
  return box;
}
