"""The k nearest of many tracks, for many queries at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.metrics import Float, Float64

Indices = NDArray[np.intp]

QUERIES_A_BLOCK = 1_024


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
    if k < distances.shape[1]:
        candidates = np.argpartition(distances, k - 1, axis=1)[:, :k]
        candidates.sort(axis=1)
    else:
        candidates = np.broadcast_to(np.arange(k), distances.shape)
    found = np.take_along_axis(distances, candidates, axis=1)
    order = np.argsort(found, axis=1, kind="stable")
    return (
        np.take_along_axis(found, order, axis=1).astype(np.float64),
        np.take_along_axis(candidates, order, axis=1),
    )
