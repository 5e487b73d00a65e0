// @ts-check
// The picture card of an answer: what was said of which song, and how sure that is.

const [WIDTH, HEIGHT, EDGE] = [1200, 630, 80];
const SANS = "system-ui, sans-serif";
const MOST_BARS = 4;

/** What an element says, in one line. @param {Element | null} element */
const words = (element) => (element?.textContent ?? "").trim().replace(/\s+/g, " ");

/** Cut a line so that it is not wider than allowed. @param {CanvasRenderingContext2D} pen @param {string} line @param {number} widest */
function cut(pen, line, widest) {
  if (pen.measureText(line).width <= widest) return line;
  const letters = [...line];
  while (letters.length && pen.measureText(`${letters.join("")}…`).width > widest) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}

/** Break words into at most so many lines. @param {CanvasRenderingContext2D} pen @param {string} text @param {number} widest @param {number} most */
function broken(pen, text, widest, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.length === most || !lines.at(-1) || pen.measureText(longer).width <= widest) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => cut(pen, line, widest));
}

/**
 * Draw the card of an answer; returns it as PNG.
 * @param {HTMLElement} article
 * @returns {Promise<Blob>}
 */
export function card(article) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("no canvas");
  const style = getComputedStyle(article);
  /** @param {string} name */
  const color = (name) => style.getPropertyValue(name).trim();
  const serif = color("--serif");
  const widest = WIDTH - 2 * EDGE;
  /** @param {string} line @param {number} y @param {string} font @param {string} fill */
  const write = (line, y, font, fill) => {
    [pen.font, pen.fillStyle] = [font, fill];
    pen.fillText(cut(pen, line, widest), EDGE, y);
  };
  pen.fillStyle = color("--paper");
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  // The corner that is turned down, as on the page.
  pen.fillStyle = color("--ember");
  pen.beginPath();
  pen.moveTo(WIDTH - EDGE, 0);
  pen.lineTo(WIDTH, EDGE);
  pen.lineTo(WIDTH - EDGE, EDGE);
  pen.fill();
  const name = article.querySelector(".file-name")?.cloneNode(true);
  if (name instanceof Element) for (const length of name.querySelectorAll(".fine")) length.remove();
  write(words(/** @type {Element | null} */ (name)), 118, `30px ${SANS}`, color("--soft"));
  pen.font = `68px ${serif}`;
  let y = 200;
  for (const line of broken(pen, words(article.querySelector(".sentence")), widest, 2)) {
    write(line, y, pen.font, color("--ink"));
    y += 78;
  }
  write(words(article.querySelector(".sure p")), y - 12, `28px ${SANS}`, color("--soft"));
  y += 40;
  for (const row of [...article.querySelectorAll(".odds tbody tr")].slice(0, MOST_BARS)) {
    const share = Number.parseFloat(row.querySelector("rect.fill")?.getAttribute("width") ?? "0") / 100;
    pen.font = `28px ${SANS}`;
    pen.fillStyle = color("--ink");
    pen.fillText(cut(pen, words(row.querySelector("th")), 240), EDGE, y);
    pen.fillStyle = color("--rail");
    pen.fillRect(EDGE + 260, y - 20, 560, 20);
    pen.fillStyle = getComputedStyle(row).getPropertyValue("--genre").trim();
    pen.fillRect(EDGE + 260, y - 20, 560 * share, 20);
    pen.fillStyle = color("--ink");
    pen.fillText(words(row.querySelector("td span")), EDGE + 845, y);
    y += 46;
  }
  write("Earmark", HEIGHT - 36, `34px ${serif}`, color("--ember"));
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png");
  });
}
