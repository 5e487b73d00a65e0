// One track sounds at a time; every [data-play] button starts and stops its own.

const player = document.getElementById("player");
let current = null;

function show(button, playing) {
  button?.setAttribute("aria-pressed", String(playing));
}

export function stop() {
  player.pause();
  show(current, false);
  current = null;
}

/** Let another button stand for what sounds, if that is this address. */
export function adopt(url, button) {
  if (current === null || player.paused || player.getAttribute("src") !== url) return;
  current = button;
  show(button, true);
}

/** Play an address; returns false if it cannot be played. */
export async function play(url, button = null, from = 0) {
  document.dispatchEvent(new CustomEvent("earmark:playing", { detail: player }));
  show(current, false);
  current = button;
  show(button, true);
  if (player.getAttribute("src") !== url) player.src = url;
  player.currentTime = from;
  try {
    await player.play();
    return true;
  } catch (error) {
    if (error.name === "AbortError") return true;
    stop();
    return false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-play]");
  if (!button) return;
  if (button === current) return stop();
  if (!(await play(button.dataset.play, button, Number(button.dataset.from ?? 0)))) {
    button.disabled = true;
    button.title = "This browser cannot play it";
  }
});
// Another source of sound started.
document.addEventListener("earmark:playing", (event) => {
  if (event.detail !== player) stop();
});
player.addEventListener("ended", stop);
