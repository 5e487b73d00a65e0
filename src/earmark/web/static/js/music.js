// The page of the server's folder of music: classify all of it, and find the answers again.

import { askJson } from "./common.js";
import "./player.js";
import { Kept } from "./kept.js";
import { Many } from "./many.js";

const trouble = document.getElementById("trouble");
const start = document.getElementById("classify-all");
const { folder } = document.getElementById("music").dataset;
const place = document.getElementById("many");
const many = new Many(place, new Kept("music"));

if (start) {
  start.hidden = false;
  start.addEventListener("click", async () => {
    start.disabled = true;
    trouble.hidden = true;
    try {
      const query = new URLSearchParams({ folder });
      const { below } = await askJson(`api/v1/music?${query}`);
      // Not awaited: songs of other folders may join while these are heard.
      many.addPaths(below);
      place.scrollIntoView({ block: "nearest" });
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    } finally {
      start.disabled = false;
    }
  });
}

many.restore();
