"""The sketches of the pages are those that their script draws, and light."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from support import scripts

DESIGN = Path(__file__).resolve().parent.parent / "docs" / "design"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return scripts.load("make_sketches")


def test_they_are_drawn_by_the_script(module: ModuleType) -> None:
    drawn = {name: module.draw(*page) for name, page in module.PAGES.items()}
    assert {file.stem: file.read_text("utf-8") for file in DESIGN.glob("*.svg")} == drawn


def test_the_page_shows_each_and_speaks_of_each_state(module: ModuleType) -> None:
    text = (DESIGN / "pages.md").read_text("utf-8")
    assert sorted(re.findall(r"\((\S+)\.svg\)", text)) == sorted(module.PAGES)
    told = re.findall(r"^- \*\*(.+?)\.\*\*", text, re.MULTILINE)
    states = [
        state.name
        for name, (_, all_of) in module.PAGES.items()
        if name != "phone"
        for state in all_of
    ]
    assert told == states


def test_they_are_light_and_have_no_background(module: ModuleType) -> None:
    for file in DESIGN.glob("*.svg"):
        root = ElementTree.parse(file).getroot()
        assert root.get("role") == "img"
        assert file.stat().st_size < 16_000
        # Gray and one color, on which no page's own background decides.
        colors = set(re.findall(r"#[0-9a-f]{6}", file.read_text("utf-8")))
        assert colors <= {module.GRAY, module.EMBER}
