"""Names for the labels of a ``my.dat``, as a person writes them or as known recordings tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from earmark.errors import ImportFormatError

GTZAN = (
    "blues", "classical", "country", "disco", "hiphop",
    "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip
"""What ``gtzan`` stands for: its ten genres in alphabetical order."""

BLOCK = 100
"""Tracks a genre in GTZAN."""


def parse(text: str, labels: Sequence[int]) -> dict[int, str]:
    """Name the labels of a file as a person asked for.

    Parameters
    ----------
    text
        ``gtzan``; or names in the order of the labels, such as ``blues,jazz``; or names by label,
        such as ``1=blues,3=jazz``.
    labels
        Of every row.

    Returns
    -------
    The name of each label that occurs. Names in order stand for 1, 2, 3, … (0, 1, 2, … where a
    label is 0). Where labels go beyond the names, but there are as many names as different labels,
    they stand for those in rising order.

    Raises
    ------
    ImportFormatError
        A label has no name, or two have the same without having been asked to.
    """
    present = sorted(set(labels))
    shown = ", ".join(map(str, present[:20])) + (", …" if len(present) > 20 else "")
    if text.strip().casefold() == "gtzan":
        names = list(GTZAN)
    else:
        names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ImportFormatError(f"--genres {text!r} has an empty name")
    if any("=" in name for name in names):
        named = _by_label(text, names)
    else:
        if len(set(names)) < len(names):
            twice = next(name for name, count in Counter(names).items() if count > 1)
            raise ImportFormatError(
                f"--genres has {twice} twice; to join labels on purpose write, for instance, "
                f"1={twice},2={twice}"
            )
        first = 0 if present[0] == 0 else 1
        named = dict(enumerate(names, start=first))
        if not set(present) <= set(named) and len(names) == len(present):
            named = dict(zip(present, names, strict=True))
    missing = [label for label in present if label not in named]
    if missing:
        raise ImportFormatError(
            f"--genres names {len(names)} genres, but the labels are {shown}: nothing names label "
            f"{missing[0]}; write, for instance, {missing[0]}=NAME"
        )
    return {label: named[label] for label in present}


def _by_label(text: str, names: Sequence[str]) -> dict[int, str]:
    named: dict[int, str] = {}
    for name in names:
        label, _, genre = name.partition("=")
        try:
            number = int(label)
        except ValueError:
            number = None
        if number is None or not genre.strip() or number in named:
            raise ImportFormatError(
                f"--genres {text!r}: {name!r} is not of the form 1=blues, or a label comes twice"
            )
        named[number] = genre.strip()
    return named


def odd_labels(labels: Sequence[int]) -> list[str]:
    """Say what is odd about the labels of a file: missing numbers, and sizes that stand out."""
    sizes = Counter(labels)
    notes: list[str] = []
    low, high = min(sizes), max(sizes)
    if high - low < 1000:
        missing = [label for label in range(min(low, 1), high) if label not in sizes]
        if missing:
            noun = "label" if len(missing) == 1 else "labels"
            notes.append(f"no rows have {noun} {', '.join(map(str, missing))}")
    usual, times = Counter(sizes.values()).most_common(1)[0]
    if times > len(sizes) / 2 and usual > 1:
        for label in sorted(sizes):
            if sizes[label] != usual:
                note = f"label {label} has {sizes[label]} rows where others have {usual}"
                if label == labels[-1] and sizes[label] < usual - 1:
                    note += "; the run that wrote the file seems to have stopped there"
                notes.append(note)
    return notes


def is_ten_blocks(labels: Sequence[int]) -> bool:
    """Tell whether rows come in ten blocks of 100, one a label, as from GTZAN."""
    blocks = [(label, len(list(rows))) for label, rows in groupby(labels)]
    return len({label for label, _ in blocks}) == len(blocks) == len(GTZAN) and all(
        size == BLOCK for _, size in blocks
    )


def gtzan_names(labels: Sequence[int], genres: Mapping[int, str]) -> list[str]:
    """Name rows in ten blocks of 100 as GTZAN does, such as ``blues.00042``."""
    return [f"{genres[label]}.{row % BLOCK:05}" for row, label in enumerate(labels)]


def numbered_names(labels: Sequence[int | str]) -> list[str]:
    """Name rows by label and number within it, from 0, such as ``3.00042``."""
    seen: Counter[int | str] = Counter()
    names = []
    for label in labels:
        names.append(f"{label}.{seen[label]:05}")
        seen[label] += 1
    return names
