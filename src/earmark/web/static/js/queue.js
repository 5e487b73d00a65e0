// The songs that the player plays: which they are, where it stands among them, and what is kept of that
// for the next page of this tab. Nothing here makes a sound.

const KEPT = "earmark-queue";

/** Whether a song can be heard here: its sound is on this server, and the browser could play it. */
export const canSound = (song) => Boolean(song.audio) && !song.broken;

export class Queue {
  constructor({ songs = [], at = 0, title = "" } = {}) {
    this.songs = songs;
    this.at = Math.min(Math.max(0, at), Math.max(0, songs.length - 1));
    this.title = title;
  }

  get song() {
    return this.songs[this.at] ?? null;
  }

  /** The place of the next song that can be heard, from a place on in steps of 1 or -1; null: none. */
  from(place, step) {
    for (let i = place; i >= 0 && i < this.songs.length; i += step) if (canSound(this.songs[i])) return i;
    return null;
  }

  /** Go to the next (1) or the one before (-1) that can be heard; tells whether there is one. */
  go(step) {
    const place = this.from(this.at + step, step);
    if (place === null) return false;
    this.at = place;
    return true;
  }

  /** Put a song between, that is heard by itself: it replaces the last such one. */
  between(song) {
    const before = this.songs.findIndex((one) => one.once);
    let place = this.songs.length ? this.at + 1 : 0;
    if (before >= 0) {
      this.songs.splice(before, 1);
      if (before < place) place -= 1;
    }
    this.songs.splice(place, 0, { ...song, once: true });
    this.at = place;
  }

  /** Take a song out; that which is heard stays the same unless it is taken out itself. */
  remove(place) {
    this.songs.splice(place, 1);
    if (place < this.at || this.at >= this.songs.length) this.at = Math.max(0, this.at - 1);
  }

  /** How many songs cannot be heard here. */
  get silent() {
    return this.songs.filter((song) => !canSound(song)).length;
  }
}

/** What this tab kept: {queue, time, playing}. */
export function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (Array.isArray(kept?.songs)) {
      return { queue: new Queue(kept), time: Number(kept.time) || 0, playing: kept.playing === true };
    }
  } catch {
    // Storage is forbidden, or holds something else.
  }
  return { queue: new Queue(), time: 0, playing: false };
}

export function keep(queue, time, playing) {
  try {
    if (queue.songs.length) {
      const { songs, at, title } = queue;
      sessionStorage.setItem(KEPT, JSON.stringify({ songs, at, title, time, playing }));
    } else sessionStorage.removeItem(KEPT);
  } catch {
    // Storage is full or forbidden: the next page begins in silence.
  }
}
