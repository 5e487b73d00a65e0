"""The same recording twice in a library: by content, and by how near the vectors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors import METRICS

SURROUNDINGS = 10
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
        for rounding. ``"likely"``: they are much nearer than anything around them; the same
        recording in another encoding or mastering, or another piece of it.
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
        The surest first: content, exact, likely; these by distance.
    """
    pairs: dict[tuple[int, int], Copy] = {}
    for i, j, distance in _near(vectors, metric):
        # Rounding may hide that the distance of equal vectors is 0.
        exact = distance < METRICS[metric].near_zero or np.array_equal(vectors[i], vectors[j])
        pairs[i, j] = Copy(i, j, distance, "exact" if exact else "likely")
    first_of: dict[str, int] = {}
    for row, content in enumerate(hashes):
        if content is None:
            continue
        first = first_of.setdefault(content, row)
        if first != row:
            known = pairs.get((first, row))
            pairs[first, row] = Copy(first, row, known.distance if known else 0.0, "content")
    order = {"content": 0, "exact": 1, "likely": 2}

    def place(copy: Copy) -> tuple[float, ...]:
        # The distance of exact copies is rounding.
        distance = copy.distance if copy.how == "likely" else 0.0
        return (order[copy.how], distance, copy.first, copy.second)

    return sorted(pairs.values(), key=place)


def _near(vectors: NDArray[np.floating], metric: str) -> list[tuple[int, int, float]]:
    """Return pairs that are much nearer than their surroundings, or at distance 0."""
    n = len(vectors)
    if n < 2:
        return []
    measure = METRICS[metric]
    index = measure.index(vectors)
    scale = np.zeros(n)
    # The nearest is left out, since it may be the copy that is looked for.
    width = min(SURROUNDINGS + 1, n - 1)
    for rows in blocks(n) if width > 1 else []:
        distances = index.distances(vectors[rows])
        distances[np.arange(len(rows)), rows] = np.inf
        near = np.sort(np.partition(distances, width - 1, axis=1)[:, :width], axis=1)
        scale[rows] = np.median(near[:, 1:], axis=1)
    root = np.sqrt(scale) * np.sqrt(measure.likely_share)
    pairs = []
    for rows in blocks(n):
        start = int(rows[0])
        distances = index.distances(vectors[rows])[:, start:]
        limit = np.maximum(root[rows][:, None] * root[None, start:], measure.near_zero)
        pairs += [
            (start + int(i), start + int(j), float(distances[i, j]))
            for i, j in np.argwhere(distances < limit)
            if i < j
        ]
    return pairs
