// What all modules share.

import { t } from "./texts.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** The path below which the application lives, with a slash at its end. */
export const base = meta("base");
export let csrf = meta("csrf-token");

/** Endings of names that look like sound, with their dots. */
export const endings = new Set(meta("sound-endings").split(" "));

/** Whether a problem says that the server was started again since this page was loaded. */
export const isOutOfDate = (problem) => problem?.type === "urn:earmark:problem:page-out-of-date";

let renewing = null;

/**
 * Ask the server for the secret that this page sends along; it has a new one after each start.
 *
 * Once for all that ask at a time: each page that is fetched without a cookie gets another one.
 */
export function renewSecret() {
  renewing ??= fetchSecret().finally(() => { renewing = null; });
  return renewing;
}

async function fetchSecret() {
  const page = await fetch(base, { headers: { Accept: "text/html" } })
    .then((answer) => answer.text())
    .catch(lost);
  const fresh = new DOMParser().parseFromString(page, "text/html");
  csrf = fresh.querySelector("meta[name='csrf-token']")?.content ?? csrf;
  for (const field of document.querySelectorAll("input[name='csrf_token']")) field.value = csrf;
}

/** Make an element: tag, attributes (null leaves one out), children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function makeSvg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Fetch with the page's secret; returns the answer, or throws an Error with the problem's line. */
export async function ask(path, options = {}) {
  const answer = await send(path, options);
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  if (isOutOfDate(problem) && !options.again) {
    await renewSecret();
    return ask(path, { ...options, again: true });
  }
  const line = problem?.detail ?? t("The server answered %(status)s.", { status: answer.status });
  throw Object.assign(new Error(line), { status: answer.status });
}

/** Fetch JSON with the page's secret. */
export const askJson = async (path, options = {}) => whole(await ask(path, options), "json");

/** The body of an answer, as "json" or "text"; a server may end between its head and its body. */
const whole = (answer, kind) => answer[kind]().catch(lost);

/** The server does not answer at all; it may come back. */
export const away = () =>
  Object.assign(new Error(t("The server does not answer. Is it still running?")), { isAway: true });

/** What a connection that breaks comes to; what was called off stays that. @param {Error} error @returns {never} */
export function lost(error) {
  throw error.name === "TypeError" ? away() : error;
}

function send(path, { method = "GET", json, headers = {}, again, ...rest }) {
  return fetch(base + path, {
    method,
    headers: {
      Accept: "application/json",
      ...(method === "GET" ? {} : { "X-CSRF-Token": csrf }),
      ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: json === undefined ? undefined : JSON.stringify(json),
    ...rest,
  }).catch(lost);
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Classes of genres' colors, as the server gave them: with the page, and again with each answer,
// because a genre may have been taught since.
const colors = new Map();

export function learnColors(root = document) {
  for (const item of root.querySelectorAll(".genre-colors li")) colors.set(item.textContent, item.className);
}

learnColors();

export const genreClass = (genre) => colors.get(genre) ?? "g-none";

/** Fetch the answer of a job as the part of the page that shows it; its colors are known then. */
export async function askAnswer(jobId, signal) {
  const html = await whole(await ask(`answers/${jobId}`, { signal, headers: { Accept: "text/html" } }), "text");
  const part = document.createElement("template");
  part.innerHTML = html;
  learnColors(part.content);
  return part.content;
}

export const knowsColor = (genre) => colors.has(genre);
