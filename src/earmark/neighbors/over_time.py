"""Which genre each segment of a recording has, where a change of genre has to be earned.

The vote names segments of 3 s one by one, and often wrongly. So the path of genres is taken that is
most probable together with a price for each change: the Viterbi algorithm (Forney 1973) for a
hidden Markov model whose states are the genres, all changes being equally improbable.
"""

from __future__ import annotations

import numpy as np

from earmark.neighbors.arrays import Float64, Indices

LEAST_PROBABILITY = 1e-3
"""No single segment speaks more strongly than this against a genre."""


def genre_path(probabilities: Float64, *, price: float) -> tuple[Indices, float]:
    """Return the genre of each segment [n], and how much that explains beyond one genre for all.

    Parameters
    ----------
    probabilities
        Of each genre for each segment [n, genres], in the order of time.
    price
        Of a change of genre, as a natural logarithm of odds.

    Returns
    -------
    The path, and by how much its logarithm of probability, less the prices, is larger than that
    of the best path without a change; 0 where it has none itself.

    Examples
    --------
    >>> rock, jazz = [0.8, 0.2], [0.1, 0.9]
    >>> genre_path(np.array([rock, rock, jazz, rock]), price=2)[0].tolist()
    [0, 0, 0, 0]
    >>> genre_path(np.array([rock, rock, jazz, jazz]), price=2)[0].tolist()
    [0, 0, 1, 1]
    """
    gains = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    n, n_genres = gains.shape
    best = gains[0]
    before = np.zeros((n, n_genres), dtype=np.intp)
    for number in range(1, n):
        favorite = int(best.argmax())
        changed = best[favorite] - price
        before[number] = np.where(best >= changed, np.arange(n_genres), favorite)
        best = np.maximum(best, changed) + gains[number]
    path = np.empty(n, dtype=np.intp)
    path[-1] = best.argmax()
    for number in range(n - 1, 0, -1):
        path[number - 1] = before[number, path[number]]
    gain = float(best.max() - gains.sum(axis=0).max()) if np.diff(path).any() else 0.0
    return path, gain
