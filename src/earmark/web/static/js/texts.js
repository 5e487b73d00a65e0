// @ts-check
// What is said, in the language of the page: its texts, and its numbers.
//
// Texts stand in the scripts in English. For other languages the page loads a script before all modules
// that tells what each is called there.

/** @type {Record<string, string | string[]>} */
const translations = /** @type {any} */ (globalThis).earmarkTexts ?? {};

export const language = document.documentElement.lang || "en";

/** The reader's own form of the language, such as en-GB: it decides how times are written. */
export const region = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;

const PLACE = /%%|%\((\w+)\)s/g;

/** @typedef {string | number} Value */

/** Put values into the places of a text. @param {string} text @param {Record<string, Value>} values */
const fill = (text, values) => text.replace(PLACE, (_, name) => (name ? String(values[name]) : "%"));

/** The form of a text for so many. @param {string} one @param {string} many @param {number} count */
function form(one, many, count) {
  const [single, several] = [translations[one] ?? [one, many]].flat();
  return count === 1 ? single : (several ?? single);
}

/**
 * A text, with values in the places that look like %(name)s.
 * @param {string} message
 * @param {Record<string, Value>} [values]
 */
export const t = (message, values = {}) => fill(form(message, message, 1), values);

/**
 * A text that counts something; it says how many where it has %(num)s.
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Record<string, Value>} [values]
 */
export const tn = (one, many, count, values = {}) => fill(form(one, many, count), { num: count, ...values });

/**
 * A text in whose places elements stand, as what can be appended.
 * @param {string} message
 * @param {Record<string, Value | Node>} values
 * @returns {(string | Node)[]}
 */
export function parts(message, values) {
  return form(message, message, 1).split(PLACE).map((part, i) => {
    if (i % 2 === 0) return part ?? "";
    const value = part === undefined ? "%" : values[part];
    return value instanceof Node ? value : String(value);
  });
}

const share = new Intl.NumberFormat(language, { style: "percent" });

/** A share as percent; nothing that may happen is 0%, nothing unsure 100%. @param {number} part */
export function percent(part) {
  if (part > 0 && part < 0.005) return `<${share.format(0.01)}`;
  if (part >= 0.995 && part < 1) return `>${share.format(0.99)}`;
  return share.format(part);
}

/** A number with so many digits behind the point. @param {number} value @param {number} digits */
export const number = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
