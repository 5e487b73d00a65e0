"""Whether a library has a name for a song at all.

Four things are known of a song that may have no genre here: how far it is out of the library's
distribution, how undecided the vote is, how far the tracks are that vote, and how unlike the words
that the network has for it are to those of the nearest genre. Each alone misses much. Each is
measured in standard deviations of the library's own tracks, answered with their artists left out,
and their sum refuses more of what is unknown than any of them, at the same share of own songs kept;
docs/how-it-decides.md has the figures, by leaving out one genre at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.lengths import ByLength, known_seconds

KEPT = 0.88
"""The share of a library's own tracks, their artists left out, that is answered."""

OUTLIER, INDECISION, DISTANCE, WORDS = range(4)
"""The columns of what is known of a song; the last is missing where there are no words."""

# No genre of the library is near a word that a song has more of than this share of the tracks of
# every genre.
STRONG = 0.9
MOST_WORDS = 3

FARTHEST_NAMED = 4.0
"""Beyond this outlier score, in standard deviations, words mean nothing: noise has words too."""

_LEAST_DEVIATION = 1e-9

GENRE_WORDS = frozenset(
    (
        *("alternative", "alternative rock", "ambient", "blues", "classic rock", "classical"),
        *("country", "dance", "disco", "electro", "electronic", "electronica", "experimental"),
        *("folk", "funk", "hard rock", "heavy metal", "hip hop", "hip-hop", "hiphop", "house"),
        *("indie", "indie pop", "indie rock", "jazz", "latin", "metal", "pop", "progressive rock"),
        *("punk", "r&b", "rap", "reggae", "rnb", "rock", "soul", "techno", "trance", "world"),
    )
)
"""Words of networks that name a genre, not a mood, a voice or a decade."""


@dataclass(frozen=True)
class NoveltyScale:
    """What the library's own tracks are like, and where a song is too new to be named.

    Attributes
    ----------
    means, deviations
        Of each kind of evidence [3 or 4] among the library's own tracks.
    limits
        Above this sum of standard scores a song of some length is refused.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    limits: ByLength

    @classmethod
    def fit(
        cls, evidence: Float64, seconds: Float64 | None = None, n_whole: int | None = None
    ) -> NoveltyScale:
        """Fit to the evidence [n, 3 or 4] of tracks whose artists were left out.

        Parameters
        ----------
        evidence
            Of tracks and, behind them, of parts of tracks.
        seconds
            Their lengths [n]; None: all were long enough.
        n_whole
            How many of them are tracks, which means and deviations are those of; None: all.

        Examples
        --------
        >>> evidence = np.random.default_rng(0).normal(size=(1000, 3))
        >>> scale = NoveltyScale.fit(evidence)
        >>> float(np.mean(scale.scores(evidence).sum(axis=1) <= scale.limits.whole))
        0.88
        """
        means = evidence[:n_whole].mean(axis=0)
        deviations = np.maximum(evidence[:n_whole].std(axis=0), _LEAST_DEVIATION)
        sums = ((evidence - means) / deviations).sum(axis=1)
        limits = ByLength.fit(known_seconds(seconds, len(sums)), sums, _limit)
        return cls(tuple(means.tolist()), tuple(deviations.tolist()), limits)

    def scores(self, evidence: Float64) -> Float64:
        """Return the evidence [q, p] in standard deviations of the library's own tracks."""
        scores: Float64 = (evidence - np.array(self.means)) / np.array(self.deviations)
        return scores

    def refuses(self, scores: Float64, seconds: Float64 | None = None) -> NDArray[np.bool_]:
        """Tell which songs with these scores [q, p] the library has no name for [q].

        ``seconds`` are their lengths [q]; None: all were long enough.
        """
        limits = self.limits.at(known_seconds(seconds, len(scores)))
        refused: NDArray[np.bool_] = scores.sum(axis=1) > limits
        return refused


def _limit(sums: Float64) -> float:
    return float(np.quantile(sums, KEPT, method="inverted_cdf"))


def indecision(probabilities: Float64) -> Float64:
    """Return the entropy [q] of probabilities [q, G], in nats: 0 where one genre has all."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    entropy: Float64 = -(probabilities * logs).sum(axis=1)
    return entropy


def mean_distance(distances: Float64) -> Float64:
    """Return the mean distance [q] of the neighbors that vote; infinite ones do not count."""
    finite = np.isfinite(distances)
    total = np.where(finite, distances, 0.0).sum(axis=1)
    mean: Float64 = total / np.maximum(finite.sum(axis=1), 1)
    return mean


def _are_genres(names: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([name.casefold() in GENRE_WORDS for name in names], dtype=np.bool_)


class WordScale:
    """The words of a library's tracks and of its genres.

    Parameters
    ----------
    words
        How strongly each word is heard in the tracks [n, w].
    labels
        How much of each genre they are [n, G].
    names
        The words [w].
    """

    def __init__(self, words: Float, labels: Float, names: tuple[str, ...]) -> None:
        heard = np.asarray(words, dtype=np.float64)
        self._names = names
        self._mean = heard.mean(axis=0)
        self._deviation = np.maximum(heard.std(axis=0), _LEAST_DEVIATION)
        counted = labels[:, labels.any(axis=0)].astype(np.float64)
        sizes = counted.sum(axis=0)[:, None]
        self._centers: Float64 = counted.T @ self._standard(heard) / sizes
        strong = [
            np.quantile(heard[column > 0], STRONG, axis=0) for column in counted.T if column.any()
        ]
        self._strong: Float64 = np.max(strong, axis=0)
        self._genre_words = _are_genres(names)

    @classmethod
    def kept(cls, facts: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> Self:
        """Return the scale that was fitted before, by its `facts`."""
        scale = object.__new__(cls)
        scale._names = names
        scale._mean, scale._deviation = np.array(facts["mean"]), np.array(facts["deviation"])
        scale._centers, scale._strong = np.array(facts["centers"]), np.array(facts["strong"])
        scale._genre_words = _are_genres(names)
        return scale

    def facts(self) -> dict[str, NDArray[Any]]:
        """Return what was learned from the tracks."""
        return {
            "mean": self._mean,
            "deviation": self._deviation,
            "centers": self._centers,
            "strong": self._strong,
        }

    def _standard(self, words: Float | Float64) -> Float64:
        standard: Float64 = (words - self._mean) / self._deviation
        return standard

    def distances(self, words: Float) -> Float64:
        """Return how far the words [q, w] of songs are from those of the nearest genre [q].

        The root of the mean square over the words, each in standard deviations of the library.
        """
        standard = self._standard(words)
        squares = (
            np.square(standard).mean(axis=1)[:, None]
            - 2 * standard @ self._centers.T / standard.shape[1]
            + np.square(self._centers).mean(axis=1)
        )
        distances: Float64 = np.sqrt(np.maximum(squares.min(axis=1), 0.0))
        return distances

    def unnamed(self, words: Float) -> tuple[str, ...]:
        """Return the genre words that a song [w] has more of than any genre of the library.

        The strongest first, at most ``MOST_WORDS``.
        """
        excess = self._standard(words) - self._standard(self._strong)
        ranked: Indices = np.argsort(-excess, kind="stable")
        strong = [i for i in ranked if self._genre_words[i] and excess[i] > 0]
        return tuple(self._names[i] for i in strong[:MOST_WORDS])
