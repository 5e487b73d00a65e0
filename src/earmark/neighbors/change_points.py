"""Where a recording changes: change points over the vectors of its segments.

A recording is cut where the squared distances of its segments to the mean of their part, summed
over all parts, with a price for each cut, are smallest: optimal partitioning (Jackson et al. 2005,
"An algorithm for optimal partitioning of data on an interval"), exact, by dynamic programming.
Distances are measured in the variance that the segments of *one* song have, so that a cut has to
explain more than verse and chorus do.
"""

from __future__ import annotations

import numpy as np

from earmark.neighbors.arrays import Float, Float64, Indices


def variance_within(vectors: Float, songs: Indices) -> Float64:
    """Return the variance [d] of the segments of one song around their mean.

    Parameters
    ----------
    vectors
        Of segments [n, d] of several songs.
    songs
        Which song each is of [n].

    Examples
    --------
    >>> variance_within(np.array([[1.0], [3.0], [7.0], [9.0]]), np.array([0, 0, 1, 1])).tolist()
    [2.0]
    """
    codes = np.unique(songs, return_inverse=True)[1]
    counts = np.bincount(codes)
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, codes, vectors)
    left = vectors - (sums / counts[:, None])[codes]
    free = max(1, len(vectors) - len(counts))
    return np.asarray(np.square(left, dtype=np.float64).sum(axis=0) / free)


def change_points(vectors: Float, variance: Float64, *, price: float, shortest: int) -> list[int]:
    """Return the numbers of the segments with which a new part begins, without the first.

    Parameters
    ----------
    vectors
        Of the segments [n, d], in the order of time.
    variance
        Of the segments of one song [d]; numbers that never vary are left out.
    price
        Of a cut, in mean squares of a number.
    shortest
        Segments of a part, at least.

    Examples
    --------
    >>> change_points(np.array([[0.0], [0], [0], [5], [5], [5]]), np.ones(1), price=3, shortest=2)
    [3]
    >>> change_points(np.array([[0.0], [0], [0], [1], [1], [1]]), np.ones(1), price=3, shortest=2)
    []
    """
    varies = variance > 1e-12
    if not varies.any():
        return []
    scaled = np.asarray(vectors, dtype=np.float64)[:, varies] / np.sqrt(variance[varies])
    scaled -= scaled.mean(axis=0)
    n = len(scaled)
    sums = np.vstack([np.zeros(scaled.shape[1]), np.cumsum(scaled, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum(np.square(scaled).mean(axis=1))])
    best = np.full(n + 1, np.inf)
    best[0] = -price
    before = np.zeros(n + 1, dtype=np.intp)
    for stop in range(shortest, n + 1):
        starts = np.arange(stop - shortest + 1)
        spread = squares[stop] - squares[starts]
        spread -= np.square(sums[stop] - sums[starts]).mean(axis=1) / (stop - starts)
        costs = best[starts] + spread + price
        before[stop] = int(costs.argmin())
        best[stop] = costs[before[stop]]
    found = []
    at = n if n >= shortest else 0
    while at > 0:
        at = int(before[at])
        found.append(at)
    return found[-2::-1] if found else []
