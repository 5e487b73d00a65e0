"""Candidates for the nearest tracks: lower bounds of their ranks, and the smallest of these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.neighbors.arrays import Float, Float64, Indices

# Errors of inner products below this are of products that single precision can hold.
_SURELY_FINITE = 1e30


class Excluded:
    """The tracks that are not to be found, sorted by row."""

    def __init__(self, exclude: Sequence[Indices]) -> None:
        sizes = [len(rows) for rows in exclude]
        numbers = np.repeat(np.arange(len(exclude)), sizes)
        rows = np.concatenate([*exclude, np.empty(0, np.intp)]).astype(np.intp)
        order = np.argsort(rows, kind="stable")
        self._numbers, self._rows = numbers[order], rows[order]

    def apply(self, scores: Float, start: int) -> None:
        """Put them infinitely far, in the scores [q, b] of the rows from ``start`` on."""
        first, last = np.searchsorted(self._rows, [start, start + scores.shape[1]])
        scores[self._numbers[first:last], self._rows[first:last] - start] = np.inf

    def only(self, number: int) -> Excluded:
        """Return those of one query."""
        return Excluded([self._rows[self._numbers == number]])


def lower_bounds(prepared: Float, keys: Float, out: Float | None = None) -> Float:
    """Return the lower bounds [q, b] of the ranks of queries [q, m + 1] and keys [m + 1, b].

    They are put where there is room for them, ``out`` [at least q × b], or into a new array.
    """
    shape = len(prepared), keys.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        room = None if out is None else out[: shape[0] * shape[1]].reshape(shape)
        bounds: Float = np.matmul(prepared, keys, out=room)
        # No sum is beyond the product of the lengths, which the last columns tell.
        largest = float(prepared[:, -1].min(initial=0)) * float(keys[-1].max(initial=0))
        if not largest > -_SURELY_FINITE and not np.isfinite(bounds).all():
            # Beyond what a key can hold: nothing is known of such a track.
            bounds[~np.isfinite(bounds)] = -np.inf
    return bounds


def nearest_first(ranks: Float64, rows: Indices, k: int) -> tuple[Float64, Indices]:
    """Return the k smallest ranks of each row [q, w] and their tracks; equal ones by track."""
    order = np.argsort(ranks, axis=1)
    nearest = np.take_along_axis(ranks, order, axis=1)
    most = nearest[:, : k + 1]
    if ((most[:, 1:] == most[:, :-1]) & (most[:, 1:] < np.inf)).any():
        order = np.lexsort((rows, ranks), axis=1)
    return nearest[:, :k], np.take_along_axis(rows, order[:, :k], axis=1)


def smallest(
    bounds: Float, rows: Indices, width: int, limits: Float
) -> tuple[Float, Indices, Float]:
    """Keep about ``width`` of the smallest bounds [q, w] and their rows.

    Returns
    -------
    Bounds and rows [q, at least width where there are so many], and the smaller of ``limits`` and
    what no bound that was left out is below.
    """
    n_queries, n_tracks = bounds.shape
    if n_tracks <= width:
        return np.array(bounds), np.array(rows), limits
    # Halve the rows, keeping the lesser of two tracks, as long as many more are left than needed.
    # Each number then stands for a track of its own, so ``width`` tracks are at most at the bound.
    least = bounds
    while least.shape[1] >= 4 * width:
        half = least.shape[1] // 2
        least = np.minimum(least[:, :half], least[:, half : 2 * half])
    limit = np.partition(least, width - 1, axis=1)[:, width - 1]
    near = np.flatnonzero(bounds <= limit[:, None])
    numbers, columns = np.divmod(near, n_tracks)
    if len(near) <= 8 * width * n_queries:
        kept, chosen = side_by_side(
            numbers, bounds[numbers, columns], rows[numbers, columns], n_queries
        )
        if kept.shape[1] <= 16 * width:
            return kept, chosen, np.minimum(limits, limit)
    # Very many equally far.
    order = np.argpartition(bounds, width - 1, axis=1)[:, :width]
    kept = np.take_along_axis(bounds, order, axis=1)
    return kept, np.take_along_axis(rows, order, axis=1), np.minimum(limits, kept.max(axis=1))


def side_by_side(
    numbers: Indices, bounds: Float, rows: Indices, n_queries: int
) -> tuple[Float, Indices]:
    """Put bounds and rows [p], sorted by their query's number, side by side [q, w]."""
    counts = np.bincount(numbers, minlength=n_queries)
    places = np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (n_queries, int(counts.max(initial=0)))
    padded, chosen = np.full(shape, np.inf, dtype=bounds.dtype), np.zeros(shape, dtype=np.intp)
    padded[numbers, places], chosen[numbers, places] = bounds, rows
    return padded, chosen
