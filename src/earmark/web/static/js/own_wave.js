// @ts-check
// The waveform of a file, decoded by the browser itself, before the server has drawn anything.

/** Points of a waveform. */
const PEAKS = 600;

/** In Hz; enough to see where a song is loud. */
const RATE = 8000;

/** Larger files would take long, and much memory, in bytes; what is not compressed is ten times as large. */
const LARGEST = 16 * 2 ** 20;
const LARGEST_PLAIN = 10 * LARGEST;

/** Return how loud equal parts of samples are: the largest of each. @param {Float32Array} samples */
export function peaksOf(samples) {
  const count = Math.min(PEAKS, samples.length);
  const peaks = new Array(count).fill(0);
  for (let at = 0; at < samples.length; at += 1) {
    const part = Math.floor((at * count) / samples.length);
    const loud = Math.abs(samples[at]);
    if (loud > peaks[part]) peaks[part] = loud;
  }
  return peaks;
}

/**
 * Return how loud a file is over time, in [0, 1]; null where this browser cannot decode it.
 * @param {File} file
 * @returns {Promise<number[] | null>}
 */
export async function ownWave(file) {
  const isPlain = /\.(wav|aiff?|au)$/i.test(file.name);
  if (file.size > (isPlain ? LARGEST_PLAIN : LARGEST)) return null;
  try {
    const context = new OfflineAudioContext(1, 1, RATE);
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    return sound.length ? peaksOf(sound.getChannelData(0)) : null;
  } catch {
    // The server reads more kinds of files, and draws it then.
    return null;
  }
}
