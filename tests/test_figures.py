"""Figures of the documentation are what commands print.

A page names the command before a paragraph or table of figures, in a comment that its readers do
not see: ``<!-- printed by: earmark evaluate reference -->``. Here these commands are run. What
something costs differs from machine to machine: of ``<!-- timed by: make bench -->`` only the
command is looked at. No share and no number with a point stands anywhere else, but for the few that
are named here, with the reason.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from earmark import open_library, parts
from earmark.audio import downmix
from earmark.features import probe
from earmark.importing.classic import recognize
from earmark.listen import hash_file
from earmark.neighbors import calibration, count_artists, novelty
from earmark.neighbors.metrics import METRICS
from earmark.prediction import LEAST_SHARE
from support.skips import skip

ROOT = Path(__file__).resolve().parent.parent
MADE = {
    "cli.md",  # by scripts/make_cli_page.py, as tests/cli/test_help.py checks
    "benchmarks.md",  # by make bench
}
"""Pages that a program writes."""

PAGES = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in MADE),
]

BLOCK = r"^<!-- {} by: (.+?) -->\n\n?((?:.+\n)+)"
MARK = re.compile(BLOCK.format("printed"), re.MULTILINE)
TIMED = re.compile(BLOCK.format("timed"), re.MULTILINE)
SHARE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?%(?!\d|[A-F]\d)")
FIGURE = re.compile(r"(?<![\w.,:])(\d+\.\d+)(?!\w|\.\d)|" + SHARE.pattern)

LEVEL = re.compile(r"\b95 ?%\s(?:intervals?\b|\|)")
"""A share that names a kind of interval, and measures nothing."""

VERSION = re.compile(
    r"\b(?:Apache|Earmark|Linux|NC-SA|NumPy|ONNX Runtime|pgvector|PostgreSQL|PyAV|Python|"
    r"python_speech_features|versions?)(?:\]\(\S+\))? \d[\d.]*(?: and \d[\d.]*)?"
)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)

SLACK = 0.3
"""Points by which another processor may move a figure."""

NETWORK = json.loads((ROOT / "src/earmark/data/msd_musicnn.json").read_text("utf-8"))

CONSTANTS: Mapping[str, Mapping[str, float]] = {
    "docs/audio.md": {"0.04": downmix._CANCELED},
    "docs/classic-file.md": {
        "80": 100 * recognize.MIN_AGREEMENT,
        "0.5": recognize.SAME_RECORDING,
        "0.6": recognize.MIN_SHIFT,
        "30": 100 * recognize.MAX_SPREAD,
    },
    "docs/evaluation.md": {
        "0.002": METRICS["gaussian-kl"].near_zero,
        "0.14": METRICS["gaussian-kl"].likely_share,
        "0.02": METRICS["cosine"].likely_share,
    },
    "docs/extractors.md": {"0.4": 100 * probe.RELATIVE},
    "docs/how-it-decides.md": {"90": 100 * calibration.COVERAGE, "88": 100 * novelty.KEPT},
    "docs/how-it-listens.md": {"0.1": NETWORK["segments"]["level"]},
    "docs/mixed-songs.md": {"15": 100 * LEAST_SHARE, "31": 100 * parts.WITHIN},
    # (n - 1) ** (1 / 10) of a path of 24 songs.
    "docs/more-like-this.md": {"1.37": 23**0.1},
}
"""Numbers of the method that pages tell, with those of the code."""

OTHERS: Mapping[str, set[str]] = {
    # Of published systems, by their authors, and of what was judged once.
    "docs/accuracy.md": {"77", "77.24", "79", "84", "86", "80", "92"},
    # Bounds of single decoders, and a warning as an example.
    "docs/audio.md": {"1.6", "12.3", "180.0", "0.1", "0.3"},
    # So many labels are swapped by tests/evaluation/test_auditing.py.
    "docs/evaluation.md": {"5"},
    # An example, and the size of somebody else's model.
    "docs/extractors.md": {"0.1", "1.3"},
    # A setting, as a row of the table above.
    "docs/how-it-listens.md": {"0.05"},
    # Examples of what similarity means, and of a sentence.
    "docs/more-like-this.md": {"99", "50"},
    "docs/mixed-songs.md": {"40", "35", "25"},
    # The size of the library, which another test here reads.
    "docs/reference-library.md": {"2.5"},
    # Versions of ID3, and of Earmark.
    "docs/tagging.md": {"2.2", "2.3", "2.4"},
    "docs/upgrading.md": {"1.0"},
    # What eight neighbors say that agree.
    "docs/teaching.md": {"100"},
    # The size of somebody else's script.
    "docs/web.md": {"1.5"},
}
"""Figures that measure nothing here, with the reason."""

CONSOLE = {"teaching.md"}
"""Pages that print what they speak of; tests/evaluation/test_docs.py runs their commands."""


def marked(page: Path) -> list[tuple[str, str]]:
    """Return the commands that a page names, each with the figures that it prints."""
    return MARK.findall(page.read_text("utf-8"))


DATA = "../shared/data"
"""Recordings that are not in the repository; what asks them takes minutes."""

MINUTES = {"python scripts/measure_unknown.py", "python benchmarks/label_songs.py"}
"""Commands that take as long without them."""


def takes_minutes(command: str) -> bool:
    """Whether a command is only run in the long form."""
    return DATA in command or command in MINUTES


def all_commands() -> list[Any]:
    """Return each command once, marked as long where it takes minutes."""
    commands = sorted({command for page in PAGES for command, _ in marked(page)})
    return [pytest.param(c, marks=[pytest.mark.soak] if takes_minutes(c) else []) for c in commands]


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
    if takes_minutes(command) and not soak:
        skip(f"{command} takes minutes", "make soak")
    if DATA in command:
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


def unmarked(text: str) -> str:
    """Return what a page says outside of paragraphs that are printed, timed, code or versions.

    Of those that are timed, the shares stay: a time is no share.
    """
    text = TIMED.sub(lambda match: " ".join(f"{n} %" for n in SHARE.findall(match[2])), text)
    return VERSION.sub(" ", CODE.sub(" ", MARK.sub("", text)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_figure_stands_without_the_command_that_prints_it(page: Path) -> None:
    text = page.read_text("utf-8")
    left = set(figures(unmarked(text)))
    if page.name in CONSOLE:
        shown = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        shares = " ".join(SHARE.findall(" ".join(shown)))
        left = {figure for figure in left if missing(f"{figure} %", shares)}
    name = str(page.relative_to(ROOT))
    assert left == OTHERS.get(name, set()) | set(constants().get(name, ()))


def test_constants_are_those_of_the_code() -> None:
    assert {
        (page, figure): value
        for page, known in constants().items()
        for figure, value in known.items()
        if abs(float(figure) - value) > 0.51 * 10.0 ** -len(figure.partition(".")[2])
    } == {}


def constants() -> dict[str, Mapping[str, float]]:
    """Return numbers that pages tell, with what they are in the code or by other figures."""
    return {**CONSTANTS, "docs/scaling-out.md": worked_out()}


def worked_out() -> dict[str, float]:
    """Return what docs/scaling-out.md works out, from what was measured there."""
    page = (ROOT / "docs" / "scaling-out.md").read_text("utf-8")

    def row(name: str) -> list[float]:
        (found,) = (line for line in page.splitlines() if line.startswith(f"| {name}"))
        cells = " ".join(found.split("|")[2:4])
        return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", cells)]

    kept, memory, in_database, query, look, hear, slowly, write = (
        row(name)
        for name in (
            "bytes in the file,",
            "bytes of memory,",
            "bytes in PostgreSQL",
            "one query, exact",
            "look at it first",
            "hear 4 minutes",
            "the same, the slower",
            "write it to a file",
        )
    )
    of_a_track = query[2] / 40_000  # ms
    megabytes = 5.8  # of a song, as both parts of the page say
    return {
        "6.0": kept[0] * 1e6 / 1e9,
        "3.3": memory[0] * 1e6 / 1e9,
        "2.6": sum(in_database) * 1e6 / 1e9,
        "0.95": of_a_track * 10e6 / 1e3,
        "9.5": of_a_track * 100e6 / 1e3,
        "5.8": megabytes,
        "0.044": look[0] / 1e3,
        "0.402": hear[0] / 1e3,
        "0.052": look[1] / 1e3,
        "0.908": slowly[1] / 1e3,
        "3.4": 50e6 * megabytes * 1e6 / 86_400 / 1e9,
        "0.22": write[0],
    }


@pytest.mark.parametrize(
    "command", sorted({c for page in PAGES for c, _ in TIMED.findall(page.read_text("utf-8"))})
)
def test_what_times_something_is_there(command: str) -> None:
    program, first, *options = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{first}(?: [\w-]+)*:", (ROOT / "Makefile").read_text("utf-8"), re.M)
    elif program == "earmark":
        printed = printed_by(f"earmark {first} --help")
        assert [o for o in options if o.startswith("--") and o not in printed] == []
    else:
        source = (ROOT / first).read_text("utf-8")
        assert [o for o in options if o.startswith("--") and f'"{o}"' not in source] == []


def test_a_figure_that_is_not_printed_is_found() -> None:
    assert missing("so 83.8 % of all", "accuracy 83.8%") == []
    assert missing("so 84 % of all, 95 % interval", "accuracy 83.8%") == []
    assert missing("It is 0.56.", "log loss 1.21") == ["0.56"]
    assert missing("so 85.1 % and 0.56", "accuracy 83.8%, log loss 1.21") == ["85.1", "0.56"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is right in 84 % of cases, by 0.56.\n", ["84", "0.56"]),
        ("<!-- printed by: x -->\n\nIt is 84 %,\nby 0.56.\n\nOr 3 %.\n", ["3"]),
        ("<!-- timed by: x -->\n\n| 1.2 s | 84 % |\n\nOr 3.4 s.\n", ["84", "3.4"]),
        ("`--size 0.15`, Python 3.11, a 95 % interval, ID 0.1.2\n", []),
        ("```\n84 %\n```\n", []),
    ],
)
def test_a_figure_outside_of_what_is_marked_is_found(text: str, left: list[str]) -> None:
    assert figures(unmarked(text)) == left


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
