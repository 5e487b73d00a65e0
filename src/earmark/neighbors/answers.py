"""What a vote answers, for many queries at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.metrics import Float64
from earmark.neighbors.search import Indices


@dataclass(frozen=True)
class Answers:
    """The answers to q queries with G genres and k neighbors.

    Attributes
    ----------
    genres
        The names of the genres [G], sorted.
    winners
        The most probable genre of each query [q], an index into ``genres``.
    probabilities
        Of each genre [q, G]; rows sum to 1. Shares of votes where the vote is not calibrated.
    neighbors
        Indices of the library's tracks [q, k], nearest first.
    distances
        Their distances [q, k]; infinite where fewer than k tracks may vote.
    strangeness
        How far each query is from the library as a whole [q], in units of its own.
    abstained
        Whether the answer is "not sure" [q].
    reasons
        Why not sure, a part of a sentence, or None [q].
    sets
        Which genres are in the prediction set [q, G].
    coverage
        How often the sets hold the true genre, as they promise; None where nothing is promised.
    """

    genres: tuple[str, ...]
    winners: Indices
    probabilities: Float64
    neighbors: Indices
    distances: Float64
    strangeness: Float64
    abstained: NDArray[np.bool_]
    reasons: tuple[str | None, ...]
    sets: NDArray[np.bool_]
    coverage: float | None

    @property
    def confidence(self) -> Float64:
        """The probability of each query's winner [q]."""
        rows = np.arange(len(self.winners))
        confidence: Float64 = self.probabilities[rows, self.winners]
        return confidence
