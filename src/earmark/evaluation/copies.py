"""The same recording twice in a library: by content, and by how near the vectors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors import METRICS, find_duplicates

# Two recordings nearer than this part of the usual distance between nearest neighbors seem to be
# one recording in two forms. Of GTZAN under the divergence this is 1.64: of the 1,000 clips the 12
# further pairs below it are all two clips of one song, and so is everything up to 2.2.
LIKELY_SHARE = 0.15
BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class Copy:
    """Two rows that are one recording, ``first`` < ``second``.

    Attributes
    ----------
    distance
        Between their vectors.
    how
        ``"content"``: the files have the same bytes. ``"exact"``: the vectors are at distance 0 but
        for rounding. ``"likely"``: they are much nearer than neighbors are; the same song in
        another mastering or excerpt.
    """

    first: int
    second: int
    distance: float
    how: str


def blocks(n: int) -> list[NDArray[np.intp]]:
    """Part rows 0 … n − 1 into blocks that keep a distance matrix small."""
    return [np.arange(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def find_copies(
    vectors: NDArray[np.floating], metric: str, hashes: Sequence[str | None]
) -> list[Copy]:
    """Find pairs of tracks that are, or seem to be, one recording.

    Parameters
    ----------
    vectors
        Vectors [n, d].
    metric
        A name in ``METRICS``.
    hashes
        Content hash of each track's file [n], None where unknown.

    Returns
    -------
    list[Copy]
        The surest first: content, exact, likely; then by distance.
    """
    pairs: dict[tuple[int, int], Copy] = {}
    for i, j, distance in _likely(vectors, metric):
        # Rounding may hide that the distance of equal vectors is 0.
        same = np.array_equal(vectors[i], vectors[j])
        pairs[i, j] = Copy(i, j, distance, "exact" if same else "likely")
    for i, j, distance in find_duplicates(vectors, metric):
        pairs[i, j] = Copy(i, j, distance, "exact")
    first_of: dict[str, int] = {}
    for row, content in enumerate(hashes):
        if content is None:
            continue
        first = first_of.setdefault(content, row)
        if first != row:
            known = pairs.get((first, row))
            pairs[first, row] = Copy(first, row, known.distance if known else 0.0, "content")
    order = {"content": 0, "exact": 1, "likely": 2}
    return sorted(pairs.values(), key=lambda c: (order[c.how], c.distance, c.first, c.second))


def _likely(vectors: NDArray[np.floating], metric: str) -> list[tuple[int, int, float]]:
    """Return pairs much nearer than nearest neighbors usually are, with their distance."""
    if len(vectors) < 3:
        return []
    index = METRICS[metric].index(vectors)
    nearest = []
    for rows in blocks(len(vectors)):
        distances = index.distances(vectors[rows])
        distances[np.arange(len(rows)), rows] = np.inf
        nearest.append(distances.min(axis=1))
    limit = LIKELY_SHARE * float(np.median(np.concatenate(nearest)))
    pairs = []
    for rows in blocks(len(vectors)):
        distances = index.distances(vectors[rows])
        pairs += [
            (int(rows[i]), int(j), float(distances[i, j]))
            for i, j in np.argwhere(distances < limit)
            if rows[i] < j
        ]
    return pairs
