"""From what a person asks for to a split of their library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.errors import EvaluationError
from earmark.evaluation import gtzan
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.sources import LeaveOneSourceOut
from earmark.evaluation.splits import (
    ArtistKFold,
    KFold,
    LeaveOneArtistOut,
    LeaveOneOut,
    ListedSplit,
    RandomSplit,
    Split,
)
from earmark.tables import read_text
from earmark.words import plural

SPLITS = (
    "random",
    "k-fold",
    "leave-one-out",
    "artist-k-fold",
    "leave-one-artist-out",
    "leave-one-source-out",
    "files",
    "fault-filtered",
)
RANDOM_REPEATS = 30
GENRES_TOLD = 5
"""Of a list of genres, in a note."""


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """A split, as asked for.

    Attributes
    ----------
    name
        One of ``SPLITS``; None: leave-one-artist-out where artists are known, else leave-one-out.
    test_size, repeats, seed, folds
        Where the split knows them; ``repeats`` None: 30 for random, else 1.
    train, test
        Files with names of tracks, for ``files``.
    """

    name: str | None = None
    test_size: float = 0.15
    repeats: int | None = None
    seed: int = 0
    folds: int = 10
    train: Path | None = None
    test: Path | None = None


@dataclass(frozen=True, slots=True)
class ChosenSplit:
    """A split of a certain library, with what there is to say about it."""

    split: Split
    notes: tuple[str, ...] = ()


def choose_split(data: EvaluationSet, request: SplitRequest) -> ChosenSplit:
    """Make the split that was asked for.

    Raises
    ------
    EvaluationError
        There is no such split, or it cannot be made of these tracks.
    """
    name = request.name
    if name is None:
        name = "files" if request.train or request.test else default_split(data)
    if name == "random":
        return ChosenSplit(
            RandomSplit(request.test_size, request.repeats or RANDOM_REPEATS, request.seed)
        )
    if name == "k-fold":
        return ChosenSplit(KFold(request.folds, request.repeats or 1, request.seed))
    if name == "artist-k-fold":
        return ChosenSplit(ArtistKFold(request.folds, request.repeats or 1, request.seed))
    if name == "leave-one-out":
        return ChosenSplit(LeaveOneOut())
    if name == "leave-one-artist-out":
        return ChosenSplit(LeaveOneArtistOut(), _of_one_artist(data))
    if name == "leave-one-source-out":
        if data.n_sources < 2:
            raise EvaluationError(
                f"{data.source}: says of its tracks no source, or the same one; a list for "
                "earmark build may have a column source"
            )
        return ChosenSplit(LeaveOneSourceOut(data.source_codes))
    if name == "files":
        if request.train is None or request.test is None:
            raise EvaluationError("the split by files needs both lists: --train A.txt --test B.txt")
        lists = [
            (str(file), read_text(file, EvaluationError).splitlines())
            for file in (request.train, request.test)
        ]
        return _listed(data, lists, "given lists", "files")
    if name == "fault-filtered":
        return fault_filtered(data)
    raise EvaluationError(f"there is no split {name}; there are {', '.join(SPLITS)}")


def _of_one_artist(data: EvaluationSet) -> tuple[str, ...]:
    """Tell of the genres that nobody votes for as soon as an artist is left out."""
    if not data.n_artists or len(data.genre_names) == 1:
        return ()
    alone = [
        genre
        for number, genre in enumerate(data.genre_names)
        if len(np.unique(data.groups[data.labels == number])) == 1
    ]
    if not alone:
        return ()
    names = ", ".join(alone[:GENRES_TOLD]) + (", …" if len(alone) > GENRES_TOLD else "")
    count = len(alone)
    return (
        f"{count} {plural(count, 'genre has', 'genres have')} tracks by one artist only ({names}); "
        "when that artist is left out nothing votes for it, so those tracks count as wrong",
    )


def default_split(data: EvaluationSet) -> str:
    """Name the split that is used when none is asked for."""
    return "leave-one-artist-out" if data.n_artists else "leave-one-out"


def fault_filtered(data: EvaluationSet) -> ChosenSplit:
    """Return GTZAN's fault-filtered split, for libraries of GTZAN's tracks.

    Raises
    ------
    EvaluationError
        The tracks are not GTZAN's, or none of the test part is there.
    """
    if not data.is_gtzan:
        raise EvaluationError(
            f"{data.source}: the fault-filtered split is one of GTZAN, and these tracks are not "
            "named as GTZAN's (blues.00042)"
        )
    parts = gtzan.fault_filtered()
    lists = [(f"fault-filtered {part}", parts[part]) for part in ("train", "test")]
    return _listed(data, lists, "GTZAN fault-filtered", "fault-filtered")


def _listed(
    data: EvaluationSet, lists: Sequence[tuple[str, Sequence[str]]], title: str, name: str
) -> ChosenSplit:
    sides, notes = [], []
    for source, lines in lists:
        rows, missing = data.find(lines, source)
        sides.append(rows)
        if not len(rows) and not missing:
            raise EvaluationError(
                f"{source}: is empty; write the name of a track on each line, such as "
                f"{data.names[0]}"
            )
        if not len(rows):
            count = len(missing)
            which = plural(count, "track, which is not", "tracks, none of which is")
            raise EvaluationError(f"{source}: names {count} {which} in {data.source}")
        if missing:
            shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            notes.append(
                f"{source}: {len(missing)} of {len(missing) + len(rows)} tracks are not in the "
                f"library ({shown})"
            )
    both = np.intersect1d(sides[0], sides[1])
    if len(both):
        files = " and ".join(source for source, _ in lists)
        more = f" and {len(both) - 1:,} more are" if len(both) > 1 else " is"
        raise EvaluationError(
            f"{files}: {data.names[both[0]]}{more} on both lists; what is asked must not be "
            "learned from"
        )
    split = ListedSplit(sides[0], sides[1], title, name)
    leaking = split.leaking(data.groups)
    if len(leaking):
        shown = ", ".join(data.names[i] for i in leaking[:3]) + (", …" if len(leaking) > 3 else "")
        told = plural(len(leaking), "track to learn from was", "tracks to learn from were")
        notes.append(
            f"{len(leaking)} {told} left out, since their artist (or a copy) is asked: {shown}"
        )
    return ChosenSplit(split, tuple(notes))
