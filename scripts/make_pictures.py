"""Take the pictures of the pages that README and documentation show.

`make_pictures.py` needs Chromium, and Playwright as the tests do. The song is that of `examples/`,
the answer that of the reference library; the table of many songs has songs that `earmark.testing`
makes. Run it again when a page has changed, and look at what it made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from earmark.testing import make_library, make_music

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SONG = ROOT / "examples" / "war_of_freedom.ogg"
DESKTOP, PHONE = (1200, 860), (390, 844)
PATIENCE = 60_000
"""Milliseconds that anything may take, on a machine that has other work."""


@contextmanager
def served(*options: str) -> Iterator[str]:
    """Give the address of a server with some options."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "earmark", "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_DATA_HOME": folder, "EARMARK_RATE": "0"},
        )
        try:
            found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
            if found is None:
                raise SystemExit("earmark serve does not start")
            yield found.group().rstrip("/")
        finally:
            server.terminate()
            server.communicate()


def answer(page: Page) -> None:
    """Have a song classified, with its picture."""
    page.goto("/")
    page.set_input_files("#file", str(SONG))
    expect(page.locator(".wave-stage")).to_be_visible()


def take(page: Page, name: str) -> None:
    """Take a picture of the whole page."""
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


def main() -> None:
    """Take all of them."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as made:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))

        def opened(url: str, size: tuple[int, int]) -> Page:
            viewport = {"width": size[0], "height": size[1]}
            return browser.new_context(
                base_url=url, viewport=viewport, reduced_motion="reduce"
            ).new_page()

        with served("--library", "reference") as url:
            page = opened(url, DESKTOP)
            answer(page)
            take(page, "web-answer")
            page.get_by_role("link", name="See it on the map").click()
            page.locator("#map-canvas[data-ready]").wait_for()
            take(page, "web-map")
            page = opened(url, PHONE)
            answer(page)
            take(page, "web-answer-phone")
        music = make_music(Path(made) / "music")
        library = Path(made) / "small.earmark"
        make_library(library, music).close()
        with served("--library", str(library), "--music", str(music)) as url:
            page = opened(url, DESKTOP)
            page.goto("/music?folder=hum")
            page.get_by_role("button", name="Classify all").click()
            expect(page.locator(".many-state")).to_have_text("All done.")
            page.get_by_role("button", name="Plan of tags").click()
            expect(page.locator(".tag-plan")).to_contain_text("would get")
            take(page, "web-music")
        browser.close()


if __name__ == "__main__":
    main()
