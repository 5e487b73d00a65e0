"""The k nearest of many tracks, for many queries at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.metrics import Float, Float64

Indices = NDArray[np.intp]

# So few that their distances to a few thousand tracks stay in a processor's cache.
QUERIES_A_BLOCK = 256
# For fewer queries than this, halving costs more than partitioning.
_FEW = 32


def exclude_tracks(distances: Float, excluded: Sequence[Indices]) -> None:
    """Put the tracks ``excluded[i]`` infinitely far from query i, in place."""
    for row, tracks in zip(distances, excluded, strict=True):
        row[tracks] = np.inf


def thin(rows: Indices, n: int) -> Indices:
    """Return at most n of the rows, evenly spread over them."""
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.intp)]


def nearest(distances: Float, k: int) -> tuple[Float64, Indices]:
    """Pick the k smallest of each row.

    Parameters
    ----------
    distances
        Distances [q, n]; infinite where a track may not vote.
    k
        How many; at most n are returned.

    Returns
    -------
    Distances and track indices, both [q, min(k, n)], nearest first; equal distances in the order of
    the tracks.
    """
    k = min(k, distances.shape[1])
    candidates, found = _candidates(distances, k)
    order = np.argsort(found, axis=1, kind="stable")[:, :k]
    rows = np.arange(len(distances))[:, None]
    return found[rows, order].astype(np.float64), candidates[rows, order]


def _candidates(distances: Float, k: int) -> tuple[Indices, Float]:
    """Return indices and distances [q, at least k] that hold the k smallest of each row."""
    n_queries, n_tracks = distances.shape
    if n_queries < _FEW or n_tracks < 8 * k:
        return _partition(distances, k)
    # Halve the rows, keeping the lesser of two tracks, as long as many more than k are left. Each
    # number then stands for a track of its own, so k tracks are no farther than the k-th of them.
    least = distances
    while least.shape[1] >= 8 * k:
        half = least.shape[1] // 2
        least = np.minimum(least[:, :half], least[:, half : 2 * half])
    bound = np.partition(least, k - 1, axis=1)[:, k - 1 : k]
    rows, columns = np.divmod(np.flatnonzero(distances <= bound), n_tracks)
    counts = np.bincount(rows, minlength=n_queries)
    width = int(counts.max())
    # Too many where tracks are equally far, too few where a distance is not a number.
    if width > 8 * k or counts.min() < k:
        return _partition(distances, k)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    candidates = np.zeros((n_queries, width), dtype=np.intp)
    candidates[rows, places] = columns
    found = np.full((n_queries, width), np.inf, dtype=distances.dtype)
    found[rows, places] = distances[rows, columns]
    return candidates, found


def _partition(distances: Float, k: int) -> tuple[Indices, Float]:
    if k < distances.shape[1]:
        candidates = np.argpartition(distances, k - 1, axis=1)[:, :k]
        candidates.sort(axis=1)
    else:
        candidates = np.broadcast_to(np.arange(k), distances.shape)
    return candidates, distances[np.arange(len(distances))[:, None], candidates]
