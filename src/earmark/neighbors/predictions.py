"""What a vote predicts, for many queries at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float64, Indices


@dataclass(frozen=True)
class Predictions:
    """The predictions for q queries with G genres and k neighbors.

    Attributes
    ----------
    genre_names
        The names of the genres [G], sorted.
    winners
        The most probable genre of each query [q], an index into ``genre_names``.
    probabilities
        Of each genre [q, G]; rows sum to 1. Shares of votes where the vote is not calibrated.
    neighbors
        Indices of the library's tracks [q, k], nearest first.
    distances
        Their distances [q, k]; infinite where fewer than k tracks may vote.
    outlier_scores
        How far each query is out of the distribution of the library [q], see ``OutlierScore``; in
        the majority vote the distance of the nearest track.
    abstained
        Whether the answer is "not sure" [q].
    unlike
        Whether it is so because the song is unlike the library's, not because no genre stands out
        [q].
    reasons
        Why not sure, a part of a sentence, or None [q].
    sets
        Which genres are in the prediction set [q, G].
    coverage
        How often the sets hold the true genre, as they promise; None where nothing is promised.
    listed
        Where tracks have several genres: which of all of them each query is said to be of [q, N],
        see `LabelSets`; None where that was not asked.
    """

    genre_names: tuple[str, ...]
    winners: Indices
    probabilities: Float64
    neighbors: Indices
    distances: Float64
    outlier_scores: Float64
    abstained: NDArray[np.bool_]
    unlike: NDArray[np.bool_]
    reasons: tuple[str | None, ...]
    sets: NDArray[np.bool_]
    coverage: float | None
    listed: NDArray[np.bool_] | None = None

    def of(self, queries: Indices) -> Predictions:
        """Return the predictions for some of the queries."""
        return replace(
            self,
            winners=self.winners[queries],
            probabilities=self.probabilities[queries],
            neighbors=self.neighbors[queries],
            distances=self.distances[queries],
            outlier_scores=self.outlier_scores[queries],
            abstained=self.abstained[queries],
            unlike=self.unlike[queries],
            reasons=tuple(self.reasons[query] for query in queries.tolist()),
            sets=self.sets[queries],
            listed=None if self.listed is None else self.listed[queries],
        )

    @property
    def confidence(self) -> Float64:
        """The probability of each query's winner [q]."""
        rows = np.arange(len(self.winners))
        confidence: Float64 = self.probabilities[rows, self.winners]
        return confidence
