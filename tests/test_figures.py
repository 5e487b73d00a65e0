"""Figures of the documentation are what commands print.

A page names the command before a paragraph or table of figures, in a comment that its readers do
not see: ``<!-- printed by: earmark evaluate reference -->``. Here these commands are run.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from earmark import open_library
from earmark.listen import hash_file
from earmark.neighbors import count_artists
from support.skips import skip

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

MARK = re.compile(r"^<!-- printed by: (.+?) -->\n\n?((?:.+\n)+)", re.MULTILINE)
SHARE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?%")
FIGURE = re.compile(r"(?<![\w.,:])(\d+\.\d+)(?![\w.])|" + SHARE.pattern)

LEVEL = re.compile(r"\b95 ?% (?:interval|\|)")
"""A share that names a kind of interval, and measures nothing."""

SLACK = 0.3
"""Points by which another processor may move a figure."""

WHOLE = {
    # Of published systems, by their authors, and of what was judged once.
    "accuracy.md": {"77", "77.24", "79", "84", "86", "80", "92"},
    "README.md": set(),
    # What similarity means, told by examples.
    "more-like-this.md": {"99", "50"},
    # Without certain clips of GTZAN, whose recordings cannot be passed on.
    "reference-library.md": {"82.6", "83.2"},
}
"""Pages all of whose shares are printed, but for these."""


def marked(page: Path) -> list[tuple[str, str]]:
    """Return the commands that a page names, each with the figures that it prints."""
    return MARK.findall(page.read_text("utf-8"))


DATA = "../shared/data"
"""Recordings that are not in the repository; what asks them takes minutes."""


def all_commands() -> list[Any]:
    """Return each command once, marked as long where it asks recordings that are not here."""
    commands = sorted({command for page in PAGES for command, _ in marked(page)})
    return [pytest.param(c, marks=[pytest.mark.soak] if DATA in c else []) for c in commands]


def printed_by(command: str) -> str:
    """Run a command of the documentation; of a page, return its text."""
    program, *arguments = shlex.split(command)
    if program.endswith(".md"):
        return (ROOT / program).read_text("utf-8")
    found = {"earmark": ["-m", "earmark"], "python": []}[program]
    done = subprocess.run(
        [sys.executable, *found, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def figures(text: str) -> list[str]:
    """Return the shares, and the numbers with a point, of a text."""
    return [share or number for number, share in FIGURE.findall(LEVEL.sub(" ", text))]


def missing(block: str, printed: str) -> list[str]:
    """Return the figures of a block that are not printed, rounded as they are there."""
    found = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", printed)]
    return [
        figure
        for figure in figures(block)
        if not any(
            abs(float(figure) - number) <= 0.5 * 10.0 ** -len(figure.partition(".")[2]) + SLACK
            for number in found
        )
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", all_commands())
def test_figures_are_those_that_the_command_prints(
    command: str, soak: bool, request: pytest.FixtureRequest
) -> None:
    asked = command
    if DATA in command:
        if not soak:
            skip(f"{command} takes minutes", "make soak")
        asked = command.replace(DATA, str(request.getfixturevalue("shared_data")))
    printed = printed_by(asked)
    blocks = [
        (page.name, block) for page in PAGES for named, block in marked(page) if named == command
    ]
    for page, block in blocks:
        assert figures(block), f"{page}: no figure after the mark of {command}"
        for line in block.splitlines():
            # Where the command prints the table itself, a row is that of the same name.
            name = line.split("|")[1] if line.startswith("|") else "no table"
            rows = [row for row in printed.splitlines() if row.startswith(f"|{name}|")]
            assert missing(line, "\n".join(rows) or printed) == [], f"{page}: {line}"


@pytest.mark.parametrize("name", WHOLE)
def test_no_figure_stands_without_the_command_that_prints_it(name: str) -> None:
    (page,) = (page for page in PAGES if page.name == name)
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    left = SHARE.findall(LEVEL.sub(" ", MARK.sub("", text)))
    assert set(left) == WHOLE[name]


def test_a_figure_that_is_not_printed_is_found() -> None:
    assert missing("so 83.8 % of all", "accuracy 83.8%") == []
    assert missing("so 84 % of all, 95 % interval", "accuracy 83.8%") == []
    assert missing("so 85.1 % and 0.56", "accuracy 83.8%, log loss 1.21") == ["85.1", "0.56"]


def test_what_was_measured_once_is_of_the_library_that_ships() -> None:
    # Where it is not: python benchmarks/robustness.py ../shared/data --write, and docs/accuracy.md
    # has the same tables.
    measured = (ROOT / "benchmarks" / "robustness.md").read_text("utf-8")
    assert hash_file(ROOT / "src" / "earmark" / "data" / "reference.earmark") in measured
    tables = re.findall(r"(?:^\|.*\n)+", measured, re.MULTILINE)
    page = (ROOT / "docs" / "accuracy.md").read_text("utf-8")
    assert len(tables) == 3
    assert [table for table in tables if table not in page] == []


def test_the_reference_library_is_as_its_page_says() -> None:
    page = (ROOT / "docs" / "reference-library.md").read_text("utf-8")
    cells = r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$"
    rows = re.findall(cells, page, re.MULTILINE)
    size = (ROOT / "src" / "earmark" / "data" / "reference.earmark").stat().st_size
    assert f"{size / 1e6:.1f} MB" in page
    with open_library("reference", read_only=True) as library:
        counted, sources = [], Counter()
        for genre in sorted(library.genres()):
            tracks = library.tracks(genre=genre, limit=library.count())
            sources.update((track.source, genre) for track in tracks)
            other = sum(track.source != "GTZAN" for track in tracks)
            whole = sum((track.duration or 0) > 10 for track in tracks)
            artists = count_artists(track.artist for track in tracks)
            told = (len(tracks), other, whole, artists)
            counted.append((genre, *map(str, told)))
        assert f"embeddings of {library.count()} recordings" in page
    assert rows == counted
    # Every track says where it came from, and so does the page.
    with open_library("gtzan", read_only=True) as library:
        assert sum(n for (source, _), n in sources.items() if source == "GTZAN") == library.count()
    table = re.findall(r"^\| ([\w.-]+/[\w.-]+) \| ([a-z0-9, ]+) \|$", page, re.MULTILINE)
    named = {
        (source, genre): int(count)
        for source, told in table
        for genre, count in re.findall(r"(\w+) (\d+)", told)
    }
    assert named == {key: n for key, n in sources.items() if key[0] != "GTZAN"}
