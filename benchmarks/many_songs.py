"""What a song costs in the page's table of several songs, beside the command line.

    python benchmarks/many_songs.py [SONGS]

Makes a folder of SONGS files (300: clips of 30 s, and one in 15 that is no sound), lets ``earmark
classify`` answer it, and then drops it onto the page of ``earmark serve`` with as many workers, in
a headless Chromium that reloads the page in the middle. The promise is 1.25 times the time of the
command. Needs the development tools and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
from playwright.sync_api import Page, sync_playwright

from earmark.testing import GENRES, RATE, make_song
from served import served

WORKERS = 2
BAD_EACH = 15
SECONDS = 30.0
PROMISE = 1.25
DONE = "() => document.querySelector('.many-state')?.textContent === 'All done.'"
SOME = "(count) => Number.parseInt(document.querySelector('.many-state')?.textContent) >= count"


def make_folder(folder: Path, songs: int) -> None:
    """Write the files, the bad ones spread among the others."""
    folder.mkdir()
    kinds = list(GENRES)
    for number in range(songs):
        if number % BAD_EACH == 0:
            (folder / f"{number:03}.mp3").write_text("no sound")
        else:
            sound = make_song(kinds[number % len(kinds)], 1000 + number, SECONDS)
            soundfile.write(folder / f"{number:03}.ogg", sound, RATE)


def in_the_page(page: Page, folder: Path, songs: int) -> tuple[float, int]:
    """Return the seconds until all are answered, and how many have an answer."""
    began = time.perf_counter()
    page.set_input_files("#folder", str(folder))
    page.wait_for_function(SOME, arg=songs // 2, timeout=0)
    page.reload()
    page.wait_for_function(DONE, timeout=0)
    return time.perf_counter() - began, page.locator(".many-songs td.number").count()


def main() -> None:
    """Measure both and print."""
    songs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "music"
        make_folder(folder, songs)
        # The server's workers are as nice, so that its pages come first.
        nice = ["nice", "-n", "5"]
        command = [*nice, sys.executable, "-m", "earmark", "classify", "--no-cache"]
        command += ["--library", "reference", "--jobs", str(WORKERS), "--brief", str(folder)]
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        alone = time.perf_counter() - began
        print(f"{songs} files, {WORKERS} workers", flush=True)
        print(
            f"  earmark classify   {alone:7.1f} s, {alone / songs * 1e3:6.0f} ms a file", flush=True
        )
        own = {"XDG_DATA_HOME": scratch, "EARMARK_LIBRARY": "reference"}
        with (
            served("--workers", str(WORKERS), environment=own) as (url, _),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium)
            page = browser.new_page()
            page.goto(url)
            took, answered = in_the_page(page, folder, songs)
            browser.close()
    print(f"  the page           {took:7.1f} s, {took / songs * 1e3:6.0f} ms a file")
    print(f"  {answered} answered, {songs - answered} with their reason")
    kept = "kept" if took <= PROMISE * alone else "broken"
    print(f"  ratio {took / alone:.2f}; the promise of {PROMISE} is {kept}")


if __name__ == "__main__":
    main()
