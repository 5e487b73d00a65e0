// @ts-check
// Points sorted into cells, so that what is near a place is found without looking at all of them.

const SIDE = 128;

/** @typedef {{across: number, up: number, left: number, top: number}} Scale */

export class Grid {
  /** @param {Float32Array} xs @param {Float32Array} ys */
  constructor(xs, ys) {
    this.xs = xs;
    this.ys = ys;
    this.x = axis(xs);
    this.y = axis(ys);
    const cells = new Uint16Array(xs.length);
    /** Where the points of each cell begin in `rows`. */
    this.starts = new Uint32Array(SIDE * SIDE + 1);
    for (let i = 0; i < xs.length; i += 1) {
      cells[i] = this.x.cell(xs[i]) + SIDE * this.y.cell(ys[i]);
      this.starts[cells[i] + 1] += 1;
    }
    for (let i = 0; i < SIDE * SIDE; i += 1) this.starts[i + 1] += this.starts[i];
    this.rows = new Uint32Array(xs.length);
    const next = this.starts.slice();
    for (let i = 0; i < xs.length; i += 1) {
      this.rows[next[cells[i]]] = i;
      next[cells[i]] += 1;
    }
  }

  /**
   * Call back for each point of the cells that touch a box, until that returns true.
   * @param {number} left @param {number} low @param {number} right @param {number} high
   * @param {(row: number) => boolean | void} found
   */
  each(left, low, right, high, found) {
    const [first, last] = [this.x.cell(left), this.x.cell(right)];
    for (let line = this.y.cell(low); line <= this.y.cell(high); line += 1) {
      const stop = this.starts[line * SIDE + last + 1];
      for (let i = this.starts[line * SIDE + first]; i < stop; i += 1) if (found(this.rows[i])) return;
    }
  }

  /**
   * The point nearest to a place of the canvas, and how far it is, in pixels; -1 where none is that near.
   * @param {Scale} scale @param {number} px @param {number} py @param {number} within
   * @param {(row: number) => boolean} shown
   * @returns {[number, number]}
   */
  nearest({ across, up, left, top }, px, py, within, shown) {
    const [x, y] = [(px - left) / across, (top - py) / up];
    let [best, least] = [-1, within * within];
    this.each(x - within / across, y - within / up, x + within / across, y + within / up, (row) => {
      const dx = (this.xs[row] - x) * across;
      const dy = (this.ys[row] - y) * up;
      const far = dx * dx + dy * dy;
      if (far < least && shown(row)) [best, least] = [row, far];
    });
    return [best, Math.sqrt(least)];
  }

  /**
   * The points that are seen; null where they are more than so many.
   * @param {Scale} scale @param {number} width @param {number} height @param {number} most
   * @param {(row: number) => boolean} shown
   */
  seen({ across, up, left, top }, width, height, most, shown) {
    const [low, high] = [(top - height) / up, top / up];
    const [first, last] = [-left / across, (width - left) / across];
    /** @type {number[]} */
    const rows = [];
    let tooMany = false;
    this.each(first, low, last, high, (row) => {
      const [x, y] = [this.xs[row], this.ys[row]];
      if (x < first || x > last || y < low || y > high || !shown(row)) return false;
      tooMany = rows.push(row) > most;
      return tooMany;
    });
    return tooMany ? null : rows;
  }
}

/** The cells of an axis. @param {Float32Array} places */
function axis(places) {
  let [low, high] = [Infinity, -Infinity];
  for (const place of places) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  const step = high > low ? SIDE / (high - low) : 0;
  return { cell: (/** @type {number} */ place) => (step ? Math.min(SIDE - 1, Math.max(0, Math.floor((place - low) * step))) : 0) };
}
