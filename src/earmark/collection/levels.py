"""At which level of a folder tree the genres lie, where that is clearly not the first."""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from earmark import extraction
from earmark.collection.labelled_files import Collection
from earmark.errors import CollectionError, WorkerError
from earmark.workers import Limits, WorkerPool

DEEPEST = 4
"""Levels that are looked at."""

SHARED = 0.5
"""Folders that have this share of their sub-folders in common hold the same genres."""

LIKE_ARTISTS = 0.5
"""Folders are no genres where this share of them is called like the artists in it."""

LEAST_FOLDERS, ASKED = 3, 12
"""Folders of which a file is asked for its tags, at least and at most."""


def check(named: str | os.PathLike[str], root: Path, files: Sequence[Path]) -> None:
    """Refuse a folder whose genres clearly lie below its first sub-folders.

    Parameters
    ----------
    named
        The folder as the user named it.
    root
        The folder.
    files
        Its sound files.

    Raises
    ------
    CollectionError
        With the command that takes the genres from the right level.
    """
    ways = [path.relative_to(root).parts for path in files]
    alone = _one_folder(ways)
    if alone:
        inner = Path(named, *ways[0][:alone])
        count = len({way[alone] for way in ways if len(way) > alone + 1})
        raise CollectionError(
            f"{named}: all its music lies in {PurePath(*ways[0][:alone])}, which holds {count} "
            f"folders; if these are the genres, build {_quoted(inner)}, or give --genre-level "
            f"{alone + 1}; if not, give --genre-level 1"
        )
    if _same_folders(ways):
        raise CollectionError(
            f"{named}: its folders hold folders of the same names; if these are the genres, give "
            "--genre-level 2; if not, give --genre-level 1"
        )


def _one_folder(ways: Sequence[tuple[str, ...]]) -> int:
    """Return how many folders all files share on their way, where several begin there; else 0."""
    for depth in range(1, DEEPEST):
        if len({way[:depth] for way in ways}) > 1 or any(len(way) <= depth for way in ways):
            return 0
        below = {way[depth] for way in ways if len(way) > depth + 1}
        beside = any(len(way) == depth + 1 for way in ways)
        if beside:
            return 0
        if len(below) > 1:
            return depth
    return 0


def _same_folders(ways: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether folders, such as train and test, hold folders of the same names."""
    inside: dict[str, set[str]] = defaultdict(set)
    for way in ways:
        if len(way) < 3:
            return False
        inside[way[0]].add(way[1].casefold())
    if len(inside) < 2:
        return False
    common, every = set.intersection(*inside.values()), set.union(*inside.values())
    return len(common) > 1 and len(common) >= SHARED * len(every)


def check_folders_are_genres(collection: Collection, *, limits: Limits | None = None) -> None:
    """Refuse a collection whose genres are called like the artists of their files.

    A worker process reads the tags of a few files.

    Parameters
    ----------
    collection
        From `scan_folder`.
    limits
        What it may take.

    Raises
    ------
    CollectionError
        The folders are those of artists, and no genres.
    """
    first: dict[str, str] = {}
    for file in collection.files:
        if file.genre is not None:
            first.setdefault(file.genre, file.path)
    step = max(1, len(first) // ASKED)
    chosen = list(first.items())[::step][:ASKED]
    if len(chosen) < LEAST_FOLDERS:
        return
    try:
        with WorkerPool(1, limits=limits) as pool:
            artists = pool.call(
                extraction.artists, [path for _, path in chosen], name=collection.source
            ).result()
    except WorkerError:
        # A file that breaks the worker is told of when its turn comes.
        return
    alike = [
        label
        for (label, _), artist in zip(chosen, artists, strict=True)
        if artist is not None and _folded(artist) == _folded(label)
    ]
    if len(alike) > LIKE_ARTISTS * len(chosen):
        raise CollectionError(
            f"{collection.source}: its folders are called like the artists of their songs "
            f"({', '.join(alike[:2])}, …), but a folder a genre is needed; list the songs with "
            "their genres in a --manifest, give --genre-level 2 if genres lie below, or "
            "--genre-level 1 if these are genres all the same"
        )


def _folded(name: str) -> str:
    return "".join(mark for mark in name.casefold() if mark.isalnum())


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
