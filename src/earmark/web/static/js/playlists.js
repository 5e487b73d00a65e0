// @ts-check
// Songs as playlists: one for each genre, several of them in one archive.

const text = new TextEncoder();

/** @typedef {{ path: string, title?: string | null, artist?: string | null, duration?: number }} Entry */

/** One line, whatever a tag holds. @param {string} words */
const oneLine = (words) => words.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();

/**
 * A playlist in extended M3U, which lies where the songs' folder lies.
 * @param {Entry[]} entries
 */
export function toM3u(entries) {
  const lines = ["#EXTM3U"];
  for (const { path, title, artist, duration } of entries) {
    const name = title ? (artist ? `${artist} - ${title}` : title) : /** @type {string} */ (path.split("/").at(-1));
    // A line that begins with # would be a remark.
    const place = oneLine(path);
    lines.push(`#EXTINF:${Math.round(duration ?? -1)},${oneLine(name)}`, place.startsWith("#") ? `./${place}` : place);
  }
  return `${lines.join("\n")}\n`;
}

/** A name that every system takes for a file. @param {string} genre */
export const fileName = (genre) =>
  oneLine(genre).replace(/[<>:"/\\|?*]/g, "_").replace(/^\.+|[. ]+$/g, "").slice(0, 80) || "songs";

const TABLE = Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** @param {Uint8Array} bytes */
function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * A ZIP archive of small texts, as they are (APPNOTE.TXT, 4.3: method 0, names in UTF-8).
 * @param {[name: string, content: string][]} files
 */
export function toZip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [title, content] of files) {
    const name = text.encode(title);
    const body = text.encode(content);
    // Version, flags, method, time and date (1 January 1980), checksum, sizes, lengths of names.
    const shared = [[20, 2], [0x0800, 2], [0, 2], [0, 2], [0x21, 2], [checksum(body), 4],
      [body.length, 4], [body.length, 4], [name.length, 2], [0, 2]];
    const local = numbers([[0x04034b50, 4], ...shared]);
    parts.push(local, name, body);
    directory.push(numbers([[0x02014b50, 4], [20, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), name);
    offset += local.length + name.length + body.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([[0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Numbers as bytes, the lowest first. @param {number[][]} fields value and bytes of each */
function numbers(fields) {
  const bytes = [];
  for (const [value, size] of fields) {
    for (let place = 0; place < size; place += 1) bytes.push((value >>> (8 * place)) & 0xff);
  }
  return new Uint8Array(bytes);
}

/**
 * Playlists of songs by genre: their names and contents, genres in order.
 * @param {[genre: string, entry: Entry][]} songs
 * @returns {[name: string, content: string][]}
 */
export function byGenre(songs) {
  /** @type {Map<string, Entry[]>} */
  const genres = new Map();
  for (const [genre, entry] of songs) genres.set(genre, [...(genres.get(genre) ?? []), entry]);
  const taken = new Set();
  return [...genres].sort(([a], [b]) => a.localeCompare(b)).map(([genre, entries]) => {
    let name = fileName(genre);
    // Two genres may differ only in what no file's name may hold, or in their case.
    while (taken.has(name.toLowerCase())) name = `${name}_`;
    taken.add(name.toLowerCase());
    return [`${name}.m3u8`, toM3u(entries)];
  });
}
