// The path on the map: from one track to another, or a list that another page leads here with. The address
// of the page holds it.

import { askJson, make } from "./common.js";
import { playAll } from "./player.js";
import { t, tn } from "./texts.js";

const SONGS = 12;
const MOST = 200;

/** Which tracks the address of the page names. */
export function pathOfAddress() {
  const found = /^#path=([\d,]+)$/.exec(location.hash)?.[1] ?? "";
  return found.split(",").filter(Boolean).slice(0, MOST).map(Number);
}

export class MapPath {
  /**
   * place   the element that shows the path
   * tracks  knows what tracks are called, and where their points are
   * changed is called when it is to be drawn anew
   * go      shows a point
   */
  constructor(place, { tracks, changed, go }) {
    Object.assign(this, { place, tracks, changed, go });
    this.find = (id) => tracks.points.find(id);
    this.songs = [];
    this.turn = 0;
  }

  /** The points of the path that are on the map, with their numbers on the path. */
  get stops() {
    return this.songs
      .map((song, i) => ({ point: this.find(song.id), number: i + 1 }))
      .filter(({ point }) => point);
  }

  /** Find the way from one track to another. */
  async between(start, end) {
    this.turn += 1;
    const mine = this.turn;
    this.say(t("Looking for a path…"));
    try {
      const { tracks } = await askJson(`api/v1/lists/path?start=${start.id}&end=${end.id}&n=${SONGS}`);
      await this.tracks.place(tracks.map((song) => song.track_id));
      if (mine !== this.turn) return;
      this.use(tracks.map(({ track_id: id, ...song }) => ({ id, ...song })));
      this.place.querySelector("h2")?.focus();
    } catch (error) {
      if (mine === this.turn) this.say(error.message);
    }
  }

  /** Show the tracks of these numbers. */
  async show(ids) {
    this.turn += 1;
    const mine = this.turn;
    try {
      const songs = await this.tracks.known(ids);
      if (mine === this.turn) this.use(songs);
    } catch (error) {
      if (mine === this.turn) this.say(error.message);
    }
  }

  use(songs) {
    this.songs = songs.map(({ id, track, title, artist, audio, duration }) => ({ id, track, title, artist, audio, duration }));
    const ids = songs.map((song) => song.id).join(",");
    history.replaceState(history.state, "", songs.length ? `#path=${ids}` : location.pathname + location.search);
    this.render();
    this.changed();
  }

  say(line) {
    this.place.hidden = !line;
    this.place.replaceChildren(make("p", { class: "fine", role: "status" }, line));
  }

  render() {
    const { songs, place } = this;
    place.hidden = !songs.length;
    if (!songs.length) return place.replaceChildren();
    const nameOf = (song) => song.title ?? song.track;
    const title = t("From %(first)s to %(last)s", { first: nameOf(songs[0]), last: nameOf(songs.at(-1)) });
    const button = (words, act, kind = "quiet") => {
      const made = make("button", { type: "button", class: kind }, words);
      made.addEventListener("click", act);
      return made;
    };
    const away = songs.length - this.stops.length;
    place.replaceChildren(
      make("h2", { tabindex: "-1" }, tn("Path of %(num)s song", "Path of %(num)s songs", songs.length)),
      away ? make("p", { class: "fine" }, tn(
        "%(num)s of them is not on the map, which shows labelled tracks only, and of very many a part.",
        "%(num)s of them are not on the map, which shows labelled tracks only, and of very many a part.", away)) : "",
      make("p", { class: "map-path-ways" },
        songs.some((song) => song.audio) ? button(t("Play"), () => playAll(songs, title), "button second") : make("span", { class: "fine" }, t("None of these songs can be heard here.")),
        make("a", { href: `${place.dataset.playlist}?list=${songs.map((song) => song.id).join(",")}` }, t("Change or save")),
        button(t("Take away"), () => {
          this.turn += 1;
          this.use([]);
          document.getElementById("map-canvas").focus({ preventScroll: true });
        })),
      make("ol", {}, ...songs.map((song) => make("li", {},
        this.find(song.id) ? button(nameOf(song), () => this.go(this.find(song.id)), "map-name") : nameOf(song),
        song.artist ? make("span", { class: "fine" }, ` ${song.artist}`) : null))),
    );
  }
}
