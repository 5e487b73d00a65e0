"""From the nearest tracks to a share of votes for every genre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, blocks

# So many queries are counted at once, since the labels of their neighbors are a [q, k, G] array.
_QUERIES_A_BLOCK = 1_024


def vote(
    distances: Float64,
    labels: Float,
    neighbors: Indices,
    *,
    weights: Float64 | None = None,
    sizes: Float64 | None = None,
) -> tuple[Float64, Indices]:
    """Count the neighbors' votes: their weights times their labels.

    Parameters
    ----------
    distances
        Distances of the neighbors [q, k]; an infinite one has no vote.
    labels
        How much of each genre every track is [n, G].
    neighbors
        Rows of ``labels`` [q, k].
    weights
        What each neighbor's vote counts [q, k]; without it, 1.
    sizes
        What the votes for each genre are divided by [q, G]; without it, 1.

    Returns
    -------
    The shares of votes [q, G], each row with sum 1, and the winners [q]: the genre with the most
    votes; of those with equally many, the one whose neighbors have the smaller total distance; then
    the first.
    """
    voting = np.isfinite(distances)
    votes = voting.astype(np.float64) if weights is None else np.where(voting, weights, 0.0)
    far = np.where(voting, distances, 0.0)
    counts, totals = np.empty((2, len(distances), labels.shape[1]))
    for part in blocks(len(distances), _QUERIES_A_BLOCK):
        of_neighbors = labels[neighbors[part]]
        counts[part] = np.einsum("qk,qkg->qg", votes[part], of_neighbors)
        totals[part] = np.einsum("qk,qkg->qg", far[part], of_neighbors)
    if sizes is not None:
        counts /= sizes
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


def one_hot(genres: list[str] | tuple[str, ...]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the labels [n, G] of tracks that are of one genre each, and the genres' names, sorted.

    Examples
    --------
    >>> labels, names = one_hot(["rock", "jazz", "rock"])
    >>> names, labels.tolist()
    (('jazz', 'rock'), [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    """
    names, codes = np.unique(np.asarray(genres, dtype=object), return_inverse=True)
    labels = np.zeros((len(codes), len(names)), dtype=np.float32)
    labels[np.arange(len(codes)), codes] = 1
    return labels, tuple(map(str, names))
