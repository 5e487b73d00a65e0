"""Which tracks belong together, so that none of them may vote for another.

Tracks of one artist, and copies of one recording, are one group. An evaluation that lets a group
stand on both sides measures how well artists are recognized, not genres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from earmark.neighbors.metrics import METRICS, Float
from earmark.neighbors.search import QUERIES_A_BLOCK, Indices


def fold_artist(artist: str | None) -> str | None:
    """Return an artist's name without differences of case and spacing; None if there is no name."""
    folded = " ".join((artist or "").casefold().split())
    return folded or None


def group_tracks(
    artists: Sequence[str | None], duplicates: Iterable[tuple[int, int]] = ()
) -> Indices:
    """Give every track the number of its group.

    Parameters
    ----------
    artists
        The artist of each of n tracks, None where unknown: such a track is a group of its own.
    duplicates
        Pairs of track indices that are copies of one recording.

    Returns
    -------
    The group of each track [n], numbered from 0 in the order of their first tracks. Tracks that are
    linked by artist or as duplicates, directly or through others, have the same number.
    """
    parent = list(range(len(artists)))

    def root(track: int) -> int:
        while parent[track] != track:
            parent[track] = parent[parent[track]]
            track = parent[track]
        return track

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    first_of: dict[str, int] = {}
    for track, artist in enumerate(artists):
        folded = fold_artist(artist)
        if folded is not None:
            join(first_of.setdefault(folded, track), track)
    for one, other in duplicates:
        join(one, other)
    number: dict[int, int] = {}
    groups = [number.setdefault(root(track), len(number)) for track in range(len(artists))]
    return np.array(groups, dtype=np.intp)


def find_duplicates(vectors: Float, metric: str) -> list[tuple[int, int, float]]:
    """Find copies of one recording by their features.

    Parameters
    ----------
    vectors
        Vectors [n, d].
    metric
        A name in ``METRICS``, whose ``near_zero`` says how near is the same.

    Returns
    -------
    (i, j, distance) with i < j, sorted.
    """
    measure = METRICS[metric]
    if len(vectors) == 0:
        return []
    index = measure.index(vectors)
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(vectors), QUERIES_A_BLOCK):
        distances = index.distances(vectors[start : start + QUERIES_A_BLOCK])
        for row, column in np.argwhere(distances < measure.near_zero):
            if start + row < column:
                pairs.append((int(start + row), int(column), float(distances[row, column])))
    return sorted(pairs)
