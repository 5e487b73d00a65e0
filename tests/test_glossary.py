"""The glossary names places that exist, and each word once."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "glossary.md"

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| ")
][2:]


def test_every_row_says_what_others_call_it() -> None:
    assert len(ROWS) > 20
    assert all(len(row) == 3 and all(row) for row in ROWS)
    words = [row[0].casefold() for row in ROWS]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace(" ", "-"))
def test_the_place_exists(row: list[str]) -> None:
    place = re.fullmatch(r"`(earmark[\w.]*)`", row[2])
    assert place is not None, row[2]
    assert pkgutil.resolve_name(place[1]) is not None
