// The picture of a song: its loudness, what each segment sounds like, and a place to click.

import { clock, genreClass, make, makeSvg } from "./common.js";
import { percent, t } from "./texts.js";

const BAR_WIDTH = 4.6; // in CSS pixels

/** Neighboring segments of one genre as one. */
function merge(timeline) {
  const merged = [];
  for (const segment of timeline) {
    const last = merged.at(-1);
    if (last && last.genre === segment.genre && Math.abs(last.stop - segment.start) < 0.01) {
      const [a, b] = [last.stop - last.start, segment.stop - segment.start];
      last.confidence = (last.confidence * a + segment.confidence * b) / (a + b);
      last.stop = segment.stop;
    } else merged.push({ ...segment });
  }
  return merged;
}

function drawing(peaks, timeline, duration, width) {
  const svg = makeSvg("svg", {
    class: "wave-form", viewBox: "0 0 600 100", preserveAspectRatio: "none", "aria-hidden": "true",
  });
  const bars = Math.min(Math.max(40, Math.floor(width / BAR_WIDTH)), peaks.length);
  const loudest = Math.max(...peaks, 0.05);
  const paths = new Map();
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar * peaks.length) / bars);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
    const height = Math.max(1, (Math.max(...peaks.slice(from, to)) / loudest) * 46);
    const x = ((bar + 0.5) * 600) / bars;
    const time = ((bar + 0.5) * duration) / bars;
    const genre = timeline.find((s) => s.start <= time && time < s.stop)?.genre ?? "";
    const line = `M${x.toFixed(1)} ${(50 - height).toFixed(1)}V${(50 + height).toFixed(1)}`;
    paths.set(genre, (paths.get(genre) ?? "") + line);
  }
  for (const [genre, d] of paths) svg.append(makeSvg("path", { d, class: genreClass(genre) }));
  return svg;
}

/** Keep the room of a picture that is to come, so that nothing below it moves when it does. */
export function waitFor(place, words = t("Its picture is being drawn…")) {
  place.hidden = false;
  place.replaceChildren(make("h3", {}, t("What each part sounds like")),
    make("div", { class: "wave-room fine" }, make("span", { class: "wave-told", role: "status" }, words)));
}

/** Draw how loud a song is into the room of its picture, as long as no genres are known. */
export function sketch(place, peaks) {
  const room = place.querySelector(".wave-room");
  if (!room || !peaks || room.querySelector("svg")) return;
  room.classList.add("sketched");
  room.prepend(drawing(peaks, [], 1, place.clientWidth));
}

/** Build the picture of a result into an element; url is where the browser can play the song. */
export function picture(place, result, url) {
  const { duration } = result.prediction;
  const timeline = merge(result.timeline ?? []);
  const audio = make("audio", { preload: "metadata" });
  const at = (time) => timeline.find((s) => s.start <= time && time < s.stop);
  const playhead = make("div", { class: "playhead", hidden: true });
  const line = make("div", { class: "wave-line", "aria-hidden": "true" });
  let end = 0;
  for (const segment of timeline) {
    if (segment.start > end + 0.01) line.append(gap(segment.start - end));
    const part = make("span", {
      class: `segment ${genreClass(segment.genre)}${segment.confidence < 0.4 ? " unsure" : ""}`,
      title: `${clock(segment.start)}–${clock(segment.stop)} ${segment.genre}, ${percent(segment.confidence)}`,
    }, (segment.stop - segment.start) / duration > 0.05 ? segment.genre : "");
    part.style.flexGrow = segment.stop - segment.start;
    line.append(part);
    end = segment.stop;
  }
  if (duration > end + 0.01) line.append(gap(duration - end));
  const stage = make("div", {
    class: "wave-stage", role: "slider", tabindex: "0", "aria-label": t("Place in the song"),
    "aria-valuemin": "0", "aria-valuemax": Math.round(duration), "aria-valuenow": "0",
  }, drawing(result.waveform ?? [], timeline, duration, place.parentElement.clientWidth), line, playhead);
  const button = make("button", { type: "button", class: "play", "aria-label": t("Play the song") });
  const now = make("span", { class: "wave-now" });
  const tools = make("div", { class: "wave-tools" }, url ? button : "", now,
    result.place ? make("a", { class: "map-link", href: mapLink() }, t("See it on the map")) : "");
  place.replaceChildren(make("h3", {}, result.prediction?.unlike ? t("What each part is nearest to") : t("What each part sounds like")), stage, tools, audio,
    table(timeline));
  place.hidden = false;
  describe(0);

  function gap(length) {
    const part = make("span", { class: "segment g-none", title: t("too quiet to say") });
    part.style.flexGrow = length;
    return part;
  }

  function describe(time) {
    const genre = at(time)?.genre;
    let words = t("too quiet to say");
    if (genre) words = result.prediction?.unlike ? t("nearest to %(genre)s", { genre }) : t("sounds like %(genre)s", { genre });
    now.textContent = t("%(time)s of %(length)s, %(words)s", { time: clock(time), length: clock(duration), words });
    stage.setAttribute("aria-valuenow", Math.round(time));
    stage.setAttribute("aria-valuetext", `${clock(time)}, ${words}`);
    playhead.hidden = time === 0 && audio.paused;
    playhead.style.left = `${(100 * Math.min(time, duration)) / duration}%`;
  }

  async function start(time) {
    describe(time);
    if (!url) return;
    document.dispatchEvent(new CustomEvent("earmark:playing", { detail: audio }));
    if (!audio.getAttribute("src")) audio.src = url;
    audio.currentTime = time;
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") {
        now.textContent = t("This browser cannot play this kind of file.");
        button.hidden = true;
      }
    }
  }

  stage.addEventListener("click", (event) => {
    const box = stage.getBoundingClientRect();
    start(Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)) * duration);
  });
  stage.addEventListener("keydown", (event) => {
    const time = audio.currentTime || Number(stage.getAttribute("aria-valuenow"));
    const step = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 30, PageDown: -30 };
    const target = {
      Home: 0, End: Math.max(0, duration - 5), Enter: time, " ": time,
    }[event.key] ?? (event.key in step ? time + step[event.key] : undefined);
    if (target === undefined) return;
    event.preventDefault();
    if ((event.key === " " || event.key === "Enter") && !audio.paused) audio.pause();
    else start(Math.min(Math.max(0, target), Math.max(0, duration - 0.1)));
  });
  button.addEventListener("click", () => (audio.paused ? start(audio.currentTime) : audio.pause()));
  for (const name of ["play", "pause", "ended"]) {
    audio.addEventListener(name, () => {
      button.setAttribute("aria-pressed", String(!audio.paused));
      button.setAttribute("aria-label", audio.paused ? t("Play the song") : t("Pause the song"));
    });
  }
  audio.addEventListener("timeupdate", () => describe(audio.currentTime));
  document.addEventListener("earmark:playing", (event) => {
    if (event.detail !== audio) audio.pause();
  });
}

function mapLink() {
  return document.querySelector("nav a[href$='/map']").href;
}

function table(timeline) {
  const body = make("tbody");
  for (const segment of timeline) {
    body.append(make("tr", {},
      make("td", {}, `${clock(segment.start)}–${clock(segment.stop)}`),
      make("td", {}, segment.genre), make("td", {}, percent(segment.confidence))));
  }
  // A table takes no notice of the size that is set for it, so it lies in something that does.
  return make("div", { class: "visually-hidden" }, make("table", {},
    make("caption", {}, t("Genres over time")),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, t("Time")),
      make("th", { scope: "col" }, t("Genre")), make("th", { scope: "col" }, t("Probability")))), body));
}
