"""The same recording twice in a library: by content, and by how near the vectors are.

This is the one place that says which tracks are the same recording; fitting, evaluation, audit and
the command line all ask it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from earmark.neighbors.all_pairs import AllPairs
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.metrics import METRICS, N_COORDINATES, Metric

SURROUNDINGS = 10
# Tracks that lie close together are put into boxes of at most so many.
_TRACKS_A_BOX = 128


@dataclass(frozen=True, slots=True)
class Copy:
    """Two rows that are one recording, ``first`` < ``second``.

    Attributes
    ----------
    distance
        Between their vectors.
    how
        ``"content"``: the files have the same content. ``"exact"``: the vectors are equal, or at
        distance 0 but for rounding. ``"likely"``: they are much nearer than anything around them;
        the same recording in another encoding or mastering, or another piece of it.
    """

    first: int
    second: int
    distance: float
    how: str


def codes_of(keys: Sequence[Hashable | None]) -> Indices:
    """Return a number for each different key [n], from 0; every None has one of its own.

    Examples
    --------
    >>> codes_of(["a", None, "a", None]).tolist()
    [0, 1, 0, 2]
    """
    number: dict[object, int] = {}
    return np.array(
        [
            number.setdefault(i if key is None else (key,), len(number))
            for i, key in enumerate(keys)
        ],
        dtype=np.intp,
    )


def find_copies(
    vectors: Float, similarity: str, contents: Indices, everyone: AllPairs | None = None
) -> list[Copy]:
    """Find pairs of tracks that are, or seem to be, one recording.

    Of several tracks that have the same content, or equal vectors, each is paired with the first.

    Parameters
    ----------
    vectors
        Vectors [n, d].
    similarity
        A name in ``METRICS``, which says how near is the same.
    contents
        A number for each track [n]; tracks of the same number are the same by content.
    everyone
        The same tracks, without weights, where all were compared with all anyway.

    Returns
    -------
    list[Copy]
        The surest first: content, exact, likely; these by distance.
    """
    pairs: dict[tuple[int, int], Copy] = {}
    first_of = _first_equal(vectors)
    different = np.unique(first_of)
    for second in np.flatnonzero(first_of != np.arange(len(vectors))).tolist():
        pairs[int(first_of[second]), second] = Copy(int(first_of[second]), second, 0.0, "exact")
    near_zero = METRICS[similarity].near_zero
    for i, j, distance in _near(vectors, different, similarity, everyone):
        pairs[i, j] = Copy(i, j, distance, "exact" if distance < near_zero else "likely")
    _, first, place = np.unique(contents, return_index=True, return_inverse=True)
    same = first[place]
    for second in np.flatnonzero(same != np.arange(len(contents))).tolist():
        known = pairs.get((int(same[second]), second))
        distance = known.distance if known else 0.0
        pairs[int(same[second]), second] = Copy(int(same[second]), second, distance, "content")
    order = {"content": 0, "exact": 1, "likely": 2}

    def place_of(copy: Copy) -> tuple[float, ...]:
        # The distance of exact copies is rounding.
        distance = copy.distance if copy.how == "likely" else 0.0
        return (order[copy.how], distance, copy.first, copy.second)

    return sorted(pairs.values(), key=place_of)


def _first_equal(vectors: Float) -> Indices:
    """Return the first row [n] whose vector is equal to that of each row."""
    if not len(vectors):
        return np.empty(0, dtype=np.intp)
    # Adding 0 makes 0 of −0, which is equal but has other bytes.
    rows = np.ascontiguousarray(vectors + 0.0)
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    number: dict[bytes, int] = {}
    return np.array(
        [number.setdefault(row.tobytes(), i) for i, row in enumerate(whole)], dtype=np.intp
    )


def _near(
    vectors: Float, rows: Indices, similarity: str, everyone: AllPairs | None
) -> list[tuple[int, int, float]]:
    """Return pairs of rows that are much nearer than what is around them.

    Two tracks seem to be one where their distance is below ``likely_share`` times the geometric
    mean of their surroundings: the median of the distances to the 2nd to 11th nearest of all
    tracks. The nearest is left out, since it may be the copy that is looked for.

    Pairs are looked for among boxes of tracks that lie close together, by what the surroundings can
    at most be; then the surroundings of the few that are found are computed.
    """
    n, measure = len(vectors), METRICS[similarity]
    if len(rows) < 2:
        return []
    if everyone is not None:
        return _near_of_all(everyone, rows, measure)
    some = vectors[rows]
    kind = measure.fit(some)
    coordinates = np.asarray(kind.coordinates(some), dtype=np.float64)
    boxes = _boxes(coordinates)
    order = np.concatenate([box.rows for box in boxes])
    index = BruteForce(kind, some[order], blocks=[len(box.rows) for box in boxes])
    width = min(SURROUNDINGS + 1, n - 1)
    at_most = np.concatenate([_at_most(index, number, width) for number in range(len(boxes))])
    # Not 0, since nothing may come of it times an unknown one.
    root = np.sqrt(np.maximum(at_most * measure.likely_share, 1e-300))
    one, other, distances = _close(index, boxes, coordinates[order], root, measure.near_zero)
    one, other = order[one], order[other]
    # What is there to be sure of: the surroundings of those tracks alone.
    asked = np.unique(np.concatenate([one, other]))
    around = np.zeros(len(rows))
    if width > 1 and len(asked):
        whole = BruteForce(kind, vectors)
        found, _ = whole.search(some[asked], width, [rows[[i]] for i in asked])
        around[asked] = np.median(found[:, 1:], axis=1)
    limits = np.maximum(
        measure.likely_share * np.sqrt(around[one] * around[other]), measure.near_zero
    )
    return sorted(
        (int(min(rows[i], rows[j])), int(max(rows[i], rows[j])), float(distance))
        for i, j, distance, limit in zip(one, other, distances, limits, strict=True)
        if distance < limit
    )


def _near_of_all(
    everyone: AllPairs, rows: Indices, measure: Metric
) -> list[tuple[int, int, float]]:
    """Return the same pairs, where all tracks were compared with all anyway."""
    width = min(SURROUNDINGS + 1, len(everyone) - 1)
    around = np.zeros(len(everyone))
    if width > 1:
        around = np.median(everyone.nearest(width)[0][:, 1:], axis=1)
    scales = np.sqrt(measure.likely_share * around)
    one, other, distances = everyone.within(scales, measure.near_zero)
    wanted = np.isin(one, rows) & np.isin(other, rows)
    return sorted(
        zip(one[wanted].tolist(), other[wanted].tolist(), distances[wanted].tolist(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Box:
    """Rows [m] that lie close together, and the corners [c] of what they lie in."""

    rows: Indices
    low: Float64
    high: Float64


def _boxes(coordinates: Float64) -> list[_Box]:
    """Part rows into boxes of about equally many, always along the longest side."""
    boxes: list[_Box] = []
    waiting = [np.arange(len(coordinates))]
    while waiting:
        rows = waiting.pop()
        inside = coordinates[rows]
        low, high = inside.min(axis=0), inside.max(axis=0)
        if len(rows) <= _TRACKS_A_BOX:
            boxes.append(_Box(rows, low, high))
            continue
        half = len(rows) // 2
        parted = rows[np.argpartition(inside[:, int(np.argmax(high - low))], half)]
        waiting += [parted[half:], parted[:half]]
    return boxes


def _at_most(index: BruteForce, number: int, width: int) -> Float64:
    """Return what the surroundings of each track of a box can at most be [m]: those in the box."""
    if width < 2:
        return np.zeros(len(index.blocks[number]))
    bounds, errors = index.bounds(index.prepared(number), number)
    highest = bounds.astype(np.float64) + errors
    if len(highest) <= width:
        return np.full(len(highest), np.inf)
    np.fill_diagonal(highest, np.inf)
    near = np.sort(np.partition(highest, width - 1, axis=1)[:, :width], axis=1)
    ranks = np.nan_to_num(np.median(near[:, 1:], axis=1), nan=np.inf, posinf=np.inf)
    return index.similarity.distances(np.maximum(ranks, 0.0))


def _close(
    index: BruteForce,
    boxes: list[_Box],
    coordinates: Float64,
    root: Float64,
    near_zero: float,
) -> tuple[Indices, Indices, Float64]:
    """Return all pairs that are nearer than the product of their roots, or than ``near_zero``."""
    found: list[tuple[Indices, Indices, Float64]] = []
    largest = np.maximum.reduceat(root, index.starts[:-1])
    lows = np.stack([box.low for box in boxes])
    highs = np.stack([box.high for box in boxes])
    for number, box in enumerate(boxes):
        radius = index.similarity.rank(np.maximum(largest[number] * largest[number:], near_zero))
        least = index.similarity.least_rank(box.low, box.high, lows[number:], highs[number:])
        near = number + np.flatnonzero(least <= _a_little_more(radius))
        points = slice(index.starts[number], index.starts[number + 1])
        left = np.ones((len(box.rows), len(near)), dtype=bool)
        # Of very many coordinates that would cost as much as it saves.
        if coordinates.shape[1] <= N_COORDINATES:
            for place, row in enumerate(range(points.start, points.stop)):
                point = coordinates[row]
                least = index.similarity.least_rank(point, point, lows[near], highs[near])
                radius = index.similarity.rank(np.maximum(root[row] * largest[near], near_zero))
                left[place] = least <= _a_little_more(radius)
        prepared = index.prepared(number)
        for place, other in enumerate(near.tolist()):
            some = np.flatnonzero(left[:, place])
            if len(some):
                found += _close_in(index, number, some, prepared[some], other, root, near_zero)
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    one, another, distances = zip(*found, strict=True)
    return np.concatenate(one), np.concatenate(another), np.concatenate(distances)


def _a_little_more(ranks: Float64) -> Float64:
    """Return ranks [n], and a little more for what coordinates are rounded by."""
    return ranks * (1 + 1e-6) + 1e-12


def _close_in(
    index: BruteForce,
    number: int,
    some: Indices,
    prepared: Float,
    other: int,
    root: Float64,
    near_zero: float,
) -> Iterator[tuple[Indices, Indices, Float64]]:
    """Yield the close pairs of some tracks [m] of a box and all of another one."""
    start, begin, end = index.starts[number], index.starts[other], index.starts[other + 1]
    limits = np.maximum(root[start + some, None] * root[begin:end], near_zero)
    bounds, _ = index.bounds(prepared, other)
    one, another = np.nonzero(bounds <= index.similarity.rank(limits))
    if number == other:
        one, another = one[some[one] < another], another[some[one] < another]
    if not len(one):
        return
    few, which = np.unique(one, return_inverse=True)
    exact = index.similarity.exact(index.blocks[number].vectors[some[few]])
    distances = index.similarity.distances(index.ranks(exact, which, begin + another))
    near = distances < limits[one, another]
    if near.any():
        yield start + some[one[near]], begin + another[near], distances[near]
