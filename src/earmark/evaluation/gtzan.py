"""What is known about GTZAN: its artists, and the split that keeps them apart.

Libraries of the GTZAN clips are common, most of them without artists. Their tracks have names of
their own (``blues.00042``), so what is known about them can be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

GENRES = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
MOST_CLIPS = 1_000
ARTISTS_SOURCE = "Sturm's index of GTZAN's contents (arXiv:1306.1461)"
FAULT_FILTERED_SOURCE = "Kereliuk, Sturm and Larsen 2015"

_NAME = re.compile(rf"(?:^|[/\\])({'|'.join(GENRES)})\.(\d{{5}})(?:\.\w{{1,5}})?$")


@cache
def _facts() -> dict[str, Any]:
    text = resources.files("earmark.evaluation").joinpath("gtzan.json").read_text("utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def _numbers(ranges: str) -> Iterator[int]:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def clip_name(name: str) -> str | None:
    """Return the GTZAN name that a track's name stands for, None where it is no such name.

    >>> clip_name("blues/blues.00029.wav")
    'blues.00029'
    """
    found = _NAME.search(name)
    return f"{found[1]}.{found[2]}" if found else None


def is_gtzan(names: Sequence[str]) -> bool:
    """Whether most of the tracks, and at least twenty, are named as GTZAN's clips are."""
    known = sum(clip_name(name) is not None for name in names)
    return known >= 20 and 2 * known > len(names)


@cache
def artists() -> dict[str, str]:
    """Return the artist of each clip that has a known one, by the clip's name."""
    return {
        f"{genre}.{number:05}": artist
        for genre, ranges in _facts()["artists"].items()
        for artist, numbers in ranges.items()
        for number in _numbers(numbers)
    }


@cache
def fault_filtered() -> dict[str, tuple[str, ...]]:
    """Return the clips of ``train`` (443), ``valid`` (197) and ``test`` (290), without faults.

    No artist is in two of them. Copies, distorted clips and those with wrong labels are in none.
    """
    return {
        part: tuple(
            f"{genre}.{number:05}" for genre, ranges in held.items() for number in _numbers(ranges)
        )
        for part, held in _facts()["fault_filtered"].items()
    }
