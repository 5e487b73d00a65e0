// @ts-check
// What a pointer, fingers, a wheel and keys do to the map.

const CLICK = 5; // pixels; what moves farther is no click
const STEP = 1.4;

/**
 * One finger or the mouse drags (a finger that goes up or down scrolls the page, as the style sheet says),
 * two fingers drag and pinch.
 * @param {HTMLCanvasElement} canvas
 * @param {object} to
 * @param {(factor: number, x?: number, y?: number) => void} to.zoom
 * @param {(dx: number, dy: number) => void} to.drag
 * @param {(x: number | null, y?: number) => void} to.point
 * @param {(x: number, y: number) => void} to.click
 * @param {(dx: number, dy: number) => void} to.step
 * @param {() => void} to.hear
 * @param {() => void} to.stop
 */
export function listen(canvas, { zoom, drag, point, click, step, hear, stop }) {
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  /** @type {{x: number, y: number, moved: boolean} | null} */
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
    if (!press) return point(place.x, place.y);
    const [dx, dy] = [place.x - press.x, place.y - press.y];
    if (press.moved || Math.hypot(dx, dy) > CLICK) {
      if (fingers.size === 1 && fingers.has(event.pointerId)) drag(dx, dy);
      press = { ...place, moved: true };
    }
  });
  canvas.addEventListener("pointerleave", () => point(null));
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
    if (wasClick) click(event.offsetX, event.offsetY);
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
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowRight: () => step(1, 0), ArrowLeft: () => step(-1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
      Enter: hear, " ": hear, "+": () => zoom(STEP), "-": () => zoom(1 / STEP), "0": () => zoom(0), Escape: stop,
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
