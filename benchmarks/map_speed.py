"""The map of very many tracks in a real browser: bytes, and milliseconds a frame.

    python benchmarks/map_speed.py [--tracks 100000] [--frames 200] [--ratio 1]

Makes mixtures of the tracks of the reference library, serves them with ``earmark serve``, and drags
the map in headless Chromium without a graphics card (``--disable-gpu``), so all is drawn by the
processor. A frame is what the page does from the move of the mouse to the picture being handed on
(``handler``), and the time between two pictures (``shown``; the screen's own is 16.7 ms).

The peer, in the same page and run, is how the map was drawn before: an object a track from JSON, a
path on the canvas for each, and a look at all of them for what is pointed at.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import requests
from playwright.sync_api import Page, sync_playwright

from earmark.library import Track, new_library, open_library
from earmark.library.fitting import refit
from served import served

BATCH = 20_000
ARTISTS = 8_000
SIZE = {"width": 1280, "height": 900}
PEER_FRAMES = 10

WATCH = """
() => {
    window.handled = [];
    window.shown = [];
    let began = 0;
    addEventListener("pointermove", () => { began = performance.now(); }, true);
    addEventListener("pointermove", () => handled.push(performance.now() - began));
    let last = 0;
    const next = (now) => {
        if (last) shown.push(now - last);
        last = now;
        requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
}
"""

HITS = """
async (count) => {
    const script = document.querySelector("script[src*='map.js']").src;
    const { Points } = await import(script.replace("map.js", "map_points.js"));
    const { Grid } = await import(script.replace("map.js", "map_grid.js"));
    const base = document.querySelector("meta[name=base]").content;
    const body = await (await fetch(`${base}api/v1/map/points`)).arrayBuffer();
    let began = performance.now();
    const points = new Points(body);
    const read = performance.now() - began;
    began = performance.now();
    const grid = new Grid(points.xs, points.ys);
    const sorted = performance.now() - began;
    const scale = { across: 400, up: 290, left: 435, top: 315 };
    began = performance.now();
    for (let i = 0; i < count; i += 1) {
        grid.nearest(scale, (i * 37) % 870, (i * 53) % 630, 14, () => true);
    }
    return { read, sorted, hit: (performance.now() - began) / count };
}
"""

PEER = """
async (frames) => {
    const script = document.querySelector("script[src*='map.js']").src;
    const { Points } = await import(script.replace("map.js", "map_points.js"));
    const { outline, readColors } = await import(script.replace("map.js", "map_shapes.js"));
    const base = document.querySelector("meta[name=base]").content;
    const columns = new Points(await (await fetch(`${base}api/v1/map/points`)).arrayBuffer());
    const told = (row) => ({
        id: columns.ids[row],
        x: Number(columns.xs[row].toFixed(5)), y: Number(columns.ys[row].toFixed(5)),
        genre: columns.genres[columns.codes[row]], track: `track ${String(row).padStart(7, "0")}`,
        artist: `artist ${row % 8000}`, title: `title ${row}`, audio: null,
    });
    const text = JSON.stringify(Array.from(columns.ids, (_, row) => told(row)));
    let began = performance.now();
    const points = JSON.parse(text);
    const read = performance.now() - began;
    for (const [row, point] of points.entries()) {
        point.className = columns.classNames[columns.codes[row]];
    }
    const colors = readColors();
    const paths = new Map(columns.classNames.map((name) => [name, new Path2D(outline(name))]));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [870, 630];
    document.body.append(canvas);
    const context = canvas.getContext("2d");
    let moved = 0;
    const place = (point) => [435 + moved + point.x * 400, 315 - point.y * 290];
    const drawn = [];
    for (let frame = 0; frame < frames; frame += 1) {
        moved = frame;
        began = performance.now();
        context.clearRect(0, 0, 870, 630);
        for (const point of points) {
            const [x, y] = place(point);
            if (x < -20 || y < -20 || x > 890 || y > 650) continue;
            context.save();
            context.translate(x, y);
            context.scale(0.665, 0.665);
            context.fillStyle = colors[point.className];
            context.strokeStyle = colors.sheet;
            context.lineWidth = 1.2;
            const path = paths.get(point.className);
            context.fill(path);
            context.stroke(path);
            context.restore();
        }
        // What was only noted so far is drawn when it is looked at.
        context.getImageData(0, 0, 1, 1);
        drawn.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    began = performance.now();
    for (let i = 0; i < 50; i += 1) {
        let least = 14;
        for (const point of points) {
            const [x, y] = place(point);
            const far = Math.hypot(x - ((i * 37) % 870), y - ((i * 53) % 630));
            if (far < least) least = far;
        }
    }
    const hit = (performance.now() - began) / 50;
    canvas.remove();
    return { bytes: new TextEncoder().encode(text).length, read, drawn, hit };
}
"""


def fill(path: Path, count: int) -> None:
    """Fill a library with mixtures of the tracks of the reference library."""
    with open_library("reference", read_only=True) as reference:
        known, spec = reference.snapshot(), reference.spec
    rng = np.random.default_rng(0)
    with new_library(path, spec) as library:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            one, other = rng.integers(len(known), size=(2, len(numbers)))
            share = rng.random((len(numbers), 1)).astype(np.float32) / 2
            vectors = known.vectors[one] * (1 - share) + known.vectors[other] * share
            tracks = [
                Track(
                    name=f"track {number:07}",
                    genre=known.genres[row],
                    artist=f"artist {number % ARTISTS}",
                    title=f"title {number}",
                    content_hash=f"{number:064x}",
                    duration=180.0,
                )
                for number, row in zip(numbers, one, strict=True)
            ]
            library.add(tracks, vectors.astype(np.float32))
        refit(library)


def said(name: str, times: list[float]) -> None:
    """Print the median and the 95th percentile of times in milliseconds."""
    print(
        f"  {name:<44} {np.median(times):8.2f} ms at the median,"
        f" {np.percentile(times, 95):8.2f} ms at the 95th percentile of {len(times)}",
        flush=True,
    )


def asked(url: str) -> tuple[bytes, float]:
    """Return what the server answers, as it is, and how long that took."""
    began = time.perf_counter()
    answer = requests.get(url, timeout=600, headers={"Accept-Encoding": "identity"})
    answer.raise_for_status()
    return answer.content, time.perf_counter() - began


def measure_server(url: str, server: psutil.Process) -> None:
    """Ask for the points and print sizes and times."""

    def worked() -> float:
        times = server.cpu_times()
        return float(times.user + times.system)

    while requests.get(f"{url}/api/v1/ready", timeout=60).status_code != 200:
        time.sleep(0.05)
    before = worked()
    body, first = asked(f"{url}/api/v1/map/points")
    processor = worked() - before
    again = [1e3 * asked(f"{url}/api/v1/map/points")[1] for _ in range(20)]
    chart, took = asked(f"{url}/api/v1/map")
    count = chart.count(b'"track":')
    packed = len(gzip.compress(body)) / 1e6
    print(f"  points as bytes: {len(body) / 1e6:.2f} MB; gzip would make it {packed:.2f} MB")
    print(f"  first request, which makes the map: {first:.2f} s, processor {processor:.2f} s")
    said("each further request", again)
    print(
        f"  JSON of {count} tracks, the most it tells of: {len(chart) / 1e6:.2f} MB, {took:.2f} s"
    )


def dragged(page: Page, frames: int, *, press: bool) -> tuple[list[float], list[float]]:
    """Move the mouse over the map; return the times of the page's work and between pictures."""
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    if press:
        page.mouse.down()
    page.evaluate("() => { handled.length = 0; shown.length = 0; }")
    for i in range(frames):
        page.mouse.move(x + 150 * np.sin(i / 15), y + 100 * np.sin(i / 11))
    found = page.evaluate("() => [handled.slice(), shown.slice()]")
    if press:
        page.mouse.up()
    return found[0], found[1]


def measure_page(page: Page, url: str, frames: int) -> None:
    """Open the map, drag it, zoom it, point at tracks; print the times."""
    began = time.perf_counter()
    page.goto(f"{url}/map")
    page.locator("#map-canvas[data-ready]").wait_for()
    print(f"  page ready, from its address to all points: {time.perf_counter() - began:.2f} s")
    page.evaluate(WATCH)
    page.wait_for_timeout(2000)
    idle = page.evaluate("() => shown.slice(5)")
    said("between two pictures, nothing to do", idle)
    for clicks, name in ((0, "all in sight"), (3, "drawn nearer"), (5, "a small part in sight")):
        for _ in range(clicks):
            page.locator("#map-in").click()
        handled, shown = dragged(page, frames, press=True)
        said(f"drag, {name}: handler", handled)
        said(f"drag, {name}: shown", shown)
    page.locator("#map-all").click()
    handled, _ = dragged(page, frames, press=False)
    said("pointing, all in sight: handler", handled)
    found = page.evaluate(HITS, 10_000)
    print(
        f"  bytes read {found['read']:.1f} ms, sorted into cells {found['sorted']:.1f} ms;"
        f" what is pointed at {1e3 * found['hit']:.1f} us"
    )
    peer = page.evaluate(PEER, PEER_FRAMES)
    print(f"  peer: {peer['bytes'] / 1e6:.1f} MB of JSON, read {peer['read']:.0f} ms;", end=" ")
    print(f"what is pointed at {1e3 * peer['hit']:.0f} us")
    said("peer: a path for each track: frame", peer["drawn"])


def main() -> None:
    """Make a library, serve it, measure, end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--ratio", type=float, default=1, help="pixels of the screen to one of CSS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "many.earmark"
        fill(library, given.tracks)
        window = f"{SIZE['width']} x {SIZE['height']} at {given.ratio:g}"
        print(f"{given.tracks} tracks, a window of {window}", flush=True)
        own = {"EARMARK_UPLOADS": folder, "EARMARK_RATE": "0"}
        silent = subprocess.DEVNULL
        with served("--library", library, environment=own, stderr=silent) as (address, process):
            url = address.rstrip("/")
            measure_server(url, psutil.Process(process))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                page = browser.new_page(viewport=SIZE, device_scale_factor=given.ratio)
                page.set_default_timeout(120_000)
                measure_page(page, url, given.frames)
                browser.close()


if __name__ == "__main__":
    main()
