"""From the k nearest tracks to a share of votes for every genre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.metrics import Float64
from earmark.neighbors.search import Indices


def vote(
    distances: Float64,
    genres: Indices,
    n_genres: int,
    weights: Float64 | None = None,
) -> tuple[Float64, Indices]:
    """Count the neighbors' votes.

    Parameters
    ----------
    distances
        Distances of the neighbors [q, k]; an infinite one has no vote.
    genres
        The neighbors' genres [q, k], numbers below ``n_genres``.
    n_genres
        How many genres there are.
    weights
        What each neighbor's vote counts [q, k]; without it, 1.

    Returns
    -------
    The shares of votes [q, n_genres], each row with sum 1, and the winners [q]: the genre with the
    most votes; of those with equally many, the one whose neighbors have the smaller total distance;
    then the first.
    """
    voting = np.isfinite(distances)
    votes = voting.astype(np.float64) if weights is None else np.where(voting, weights, 0.0)
    rows = np.broadcast_to(np.arange(len(distances))[:, None], distances.shape)
    cells = (rows * n_genres + genres).ravel()
    size = len(distances) * n_genres
    shape = (len(distances), n_genres)
    counts = np.bincount(cells, votes.ravel(), minlength=size).reshape(shape)
    totals = np.bincount(cells, np.where(voting, distances, 0.0).ravel(), minlength=size).reshape(
        shape
    )
    most = counts.max(axis=1, keepdims=True)
    tied = counts >= most * (1 - 1e-12)
    winners: NDArray[np.intp] = np.where(tied, totals, np.inf).argmin(axis=1)
    return counts / counts.sum(axis=1, keepdims=True), winners


def nearness_weights(distances: Float64) -> Float64:
    """Return how much the votes of neighbors at distances [q, k] count: exp(−2 d / mean d).

    The scale is each query's own, so a query in an empty region is answered like one in a crowd.
    """
    finite = np.isfinite(distances)
    total = np.where(finite, distances, 0.0).sum(axis=1, keepdims=True)
    mean = total / np.maximum(finite.sum(axis=1, keepdims=True), 1)
    scaled = np.where(finite, distances, np.inf) / np.where(mean > 0, mean, 1.0)
    weights: Float64 = np.exp(-2.0 * scaled)
    return weights
