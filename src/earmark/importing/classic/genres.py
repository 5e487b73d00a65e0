"""Names for the labels of a ``my.dat``, as a person writes them or as known recordings tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from earmark.errors import ImportFormatError
from earmark.evaluation import gtzan

GTZAN = gtzan.GENRES
"""What ``gtzan`` stands for: its ten genres in alphabetical order."""

BLOCK = 100
"""Tracks a genre in GTZAN."""


# One name with what ends it: blues, 1=blues, "R&B, soul" or 1="R&B, soul".
_ITEM = re.compile(
    r"""(?P<item>\s*(?:(?P<label>[^",=]*)=\s*)?+"""
    r"""(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",][^,]*)?)\s*)(?P<end>,|\Z)"""
)


@dataclass(frozen=True, slots=True)
class _Item:
    """One part of what a person wrote: a name, and what stands before its ``=``."""

    text: str
    label: str | None
    name: str


def to_text(named: Mapping[int, str]) -> str:
    """Write the names of labels as `parse` reads them, such as ``1="R&B, soul",2=rock``."""
    return ",".join(f"{label}={_quoted(name)}" for label, name in named.items())


def _quoted(name: str) -> str:
    if "," not in name and '"' not in name and name == name.strip():
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def parse(text: str, labels: Sequence[int], notes: list[str] | None = None) -> dict[int, str]:
    """Name the labels of a file as a person asked for.

    Parameters
    ----------
    text
        ``gtzan``; or names in the order of the labels, such as ``blues,jazz``; or names by label,
        such as ``1=blues,3=jazz``. A name with a comma stands in quotes, ``1="R&B, soul"``; a quote
        within those is written twice.
    labels
        Of every row.
    notes
        Is told of names for labels that no row has.

    Returns
    -------
    The name of each label that occurs. Names in order stand for 1, 2, 3, … (0, 1, 2, … where a
    label is 0). Where labels go beyond the names, but there are as many names as different labels,
    they stand for those in rising order.

    Raises
    ------
    ImportFormatError
        A label has no name, two have the same without having been asked to, or there are more names
        than labels.
    """
    present = sorted(set(labels))
    items = _items(text)
    if text.strip().casefold() == "gtzan":
        items = [_Item(name, None, name) for name in GTZAN]
    names = [item.name for item in items]
    if not all(item.name.strip() or item.label is not None for item in items):
        raise ImportFormatError(f"--genres {text!r} has an empty name")
    if any(item.label is not None for item in items):
        named = _by_label(text, items)
        unused = [label for label in named if label not in present]
        if unused and notes is not None:
            notes.append(f"--genres names {_labels(unused)}, which no row has")
    else:
        named = _in_order(names, present)
    missing = [label for label in present if label not in named]
    if missing:
        raise ImportFormatError(
            f"--genres names {len(names)} genres, but the labels are {_shown(present)}: nothing "
            f"names label {missing[0]}; write, for instance, {missing[0]}=NAME"
        )
    return {label: named[label] for label in present}


def _items(text: str) -> list[_Item]:
    items: list[_Item] = []
    position, more = 0, True
    while more:
        found = _ITEM.match(text, position)
        if found is None:
            raise ImportFormatError(
                f"--genres {text!r}: a name in quotes ends with a quote and is followed by a "
                'comma, as in 1="R&B, soul",2=jazz'
            )
        quoted = found["quoted"]
        name = (found["plain"] or "").strip() if quoted is None else quoted.replace('""', '"')
        items.append(_Item(found["item"].strip(), found["label"], name))
        position, more = found.end(), found["end"] == ","
    return items


def _in_order(names: Sequence[str], present: Sequence[int]) -> dict[int, str]:
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ImportFormatError(
            f"--genres has {twice} twice; to join labels on purpose write, for instance, "
            f"1={twice},2={twice}"
        )
    first = 0 if present[0] == 0 else 1
    named = dict(enumerate(names, start=first))
    if not set(present) <= set(named):
        return dict(zip(present, names, strict=True)) if len(names) == len(present) else named
    # A run that was stopped early lacks the last labels. Where the names are those of GTZAN it is
    # plain what each label stands for; of other names one may be there by mistake.
    surplus = [name for label, name in named.items() if label > present[-1]]
    if surplus and tuple(names) != GTZAN:
        raise ImportFormatError(
            f"--genres names {len(names)} genres, but the labels are {_shown(present)}: no row has "
            f"a label for {surplus[0]!r}; leave out what is too many, or name labels by number, "
            "such as 1=NAME"
        )
    return named


def _by_label(text: str, items: Sequence[_Item]) -> dict[int, str]:
    named: dict[int, str] = {}
    for item in items:
        try:
            number = None if item.label is None else int(item.label)
        except ValueError:
            number = None
        if number is None or not item.name.strip() or number in named:
            raise ImportFormatError(
                f"--genres {text!r}: {item.text!r} is not of the form 1=blues, or a label comes "
                'twice; a name with a comma needs quotes, as in 1="R&B, soul"'
            )
        named[number] = item.name
    return named


def _shown(present: Sequence[int]) -> str:
    return ", ".join(map(str, present[:20])) + (", …" if len(present) > 20 else "")


def _labels(numbers: Sequence[int]) -> str:
    return f"label{'' if len(numbers) == 1 else 's'} {_shown(numbers)}"


def odd_labels(labels: Sequence[int]) -> list[str]:
    """Say what is odd about the labels of a file: missing numbers, and sizes that stand out."""
    sizes = Counter(labels)
    notes: list[str] = []
    low, high = min(sizes), max(sizes)
    if high - low < 1000:
        missing = [label for label in range(min(low, 1), high) if label not in sizes]
        if missing:
            notes.append(f"no rows have {_labels(missing)}")
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
