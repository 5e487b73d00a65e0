// A song from the microphone.

const LONGEST = 60;

/** Whether this browser and this address allow recording (it takes HTTPS or this computer). */
export const canRecord = Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

export class Recorder {
  #recorder = null;
  #timer = null;

  get active() {
    return this.#recorder !== null;
  }

  /** Start; tick(seconds) counts, done(file) gets the recording. */
  async start(tick, done) {
    const stream = await navigator.mediaDevices.getUserMedia({
      // Made for speech, these would change the music.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const type = ["audio/webm;codecs=opus", "audio/mp4", ""].find(
      (kind) => !kind || MediaRecorder.isTypeSupported(kind));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const parts = [];
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      clearInterval(this.#timer);
      this.#recorder = null;
      stream.getTracks().forEach((track) => track.stop());
      const kind = recorder.mimeType || "audio/webm";
      const name = `Recording ${new Date().toTimeString().slice(0, 5)}.${kind.includes("mp4") ? "m4a" : "webm"}`;
      done(new File(parts, name, { type: kind }));
    }, { once: true });
    const began = performance.now();
    recorder.start(500);
    this.#recorder = recorder;
    tick(0);
    this.#timer = setInterval(() => {
      const seconds = (performance.now() - began) / 1000;
      tick(seconds);
      if (seconds >= LONGEST) this.stop();
    }, 250);
  }

  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }
}
