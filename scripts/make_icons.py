"""Draw the icons of the web application again from its mark: `make_icons.py [FOLDER]`.

Needs Chromium and the development tools. A maskable icon keeps a margin, since phones cut it to
their own shape; `favicon.ico` is for whoever asks for that name without reading the page.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

STATIC = Path(__file__).resolve().parent.parent / "src" / "earmark" / "web" / "static"
PAPER = "#faf7f1"

# Of each icon: its size, the share of it that the mark fills, and what is behind it.
ICONS = {
    "icon-192.png": (192, 0.84, "none"),
    "icon-512.png": (512, 0.84, "none"),
    "maskable-512.png": (512, 0.58, PAPER),
    "apple-touch-icon.png": (180, 0.7, PAPER),
}


def draw(page: Page, mark: str, size: int, share: float, behind: str) -> bytes:
    """Return the mark in the middle of a square, as PNG."""
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(
        "<style>body{margin:0;display:grid;place-items:center;height:100vh;"
        f"background:{behind}}}svg{{width:{100 * share:g}vmin}}</style>{mark}"
    )
    return page.screenshot(omit_background=behind == "none")


def ico(png: bytes, size: int) -> bytes:
    """Return an icon file that holds one PNG."""
    header = struct.pack("<HHH", 0, 1, 1)
    return header + struct.pack("<BBBBHHII", size, size, 0, 0, 1, 32, len(png), 22) + png


def main() -> None:
    """Draw all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else STATIC / "icons"
    mark = (STATIC / "mark.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(color_scheme="light")
        for name, form in ICONS.items():
            (folder / name).write_bytes(draw(page, mark, *form))
        (folder / "favicon.ico").write_bytes(ico(draw(page, mark, 32, 1.0, "none"), 32))
        browser.close()


if __name__ == "__main__":
    main()
