// A song from the microphone.

import { t } from "./texts.js";

const LONGEST = 60;

/** Whether this browser and this address allow recording (it takes HTTPS or this computer). */
export const canRecord = Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

export class Recorder {
  #recorder = null;
  #turn = 0;
  #parts = [];

  get active() {
    return this.#recorder !== null;
  }

  /** Start; tick(seconds) counts, done(file) gets the recording unless it is called off. */
  async start(tick, done) {
    const turn = (this.#turn += 1);
    const stream = await navigator.mediaDevices.getUserMedia({
      // Made for speech, these would change the music.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const end = () => stream.getTracks().forEach((track) => track.stop());
    // Called off while the browser asked whether it may.
    if (turn !== this.#turn) return end();
    const type = ["audio/webm;codecs=opus", "audio/mp4", ""].find(
      (kind) => !kind || MediaRecorder.isTypeSupported(kind));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const parts = (this.#parts = []);
    const began = performance.now();
    const timer = setInterval(() => {
      if (turn !== this.#turn) return;
      const seconds = (performance.now() - began) / 1000;
      tick(seconds);
      if (seconds >= LONGEST) this.stop();
    }, 250);
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      clearInterval(timer);
      end();
      if (turn !== this.#turn) return;
      this.#recorder = null;
      done(asFile(parts, recorder.mimeType));
    }, { once: true });
    recorder.start(500);
    this.#recorder = recorder;
    tick(0);
  }

  /** What was recorded so far, as a file of its own. */
  soFar() {
    return asFile(this.#parts, this.#recorder?.mimeType);
  }

  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  /** Stop, and throw away what was recorded. */
  cancel() {
    this.#turn += 1;
    this.stop();
    this.#recorder = null;
  }
}

/** Parts that begin with the first one are a whole file: it has no length in its head. */
function asFile(parts, kind = "") {
  const ending = kind.includes("mp4") ? "m4a" : "webm";
  const name = `${t("Recording %(time)s", { time: new Date().toTimeString().slice(0, 5) })}.${ending}`;
  return new File(parts, name, { type: kind || "audio/webm" });
}
