"""The end of every import: tracks and vectors of another format become a library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.library import ExtractorSpec, Track, new_library
from earmark.library.fitting import refit


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    tracks
        How many tracks the new library has.
    genres
        How many of each genre.
    metric
        How they are compared.
    notes
        What was odd, one line each, without the file's name.
    left_out
        How many rows could not be used.
    """

    tracks: int
    genres: dict[str, int]
    metric: str
    notes: tuple[str, ...]
    left_out: int


def keep(
    target: str | os.PathLike[str],
    spec: ExtractorSpec,
    tracks: Sequence[Track],
    vectors: NDArray[np.floating],
    *,
    notes: Sequence[str],
    left_out: int,
    overwrite: bool,
) -> Imported:
    """Make a library of tracks and their vectors [n, d], and fit the vote to it: whole, or not.

    Raises
    ------
    LibraryExists
        ``target`` is there, and ``overwrite`` is not given.
    """
    with new_library(target, spec, overwrite=overwrite) as library:
        library.add(tracks, vectors)
        genres = library.genres()
        if genres:
            refit(library)
    return Imported(len(tracks), genres, spec.similarity, tuple(notes), left_out)
