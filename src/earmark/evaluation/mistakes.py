"""What tracks were taken for: every answer, and the most wrong ones with who voted for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.evaluation.cross_validation import SplitPredictions
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.words import say, say_many


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A neighbor, as evidence."""

    track: str
    genre: str
    artist: str | None
    distance: float

    def to_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "track": self.track,
            "genre": self.genre,
            "artist": self.artist,
            "distance": self.distance,
        }


@dataclass(frozen=True, slots=True)
class Mistake:
    """One track that was taken for another genre.

    Attributes
    ----------
    track, artist, title, genre
        What was asked, and what it is.
    named, probability
        The genre that was named instead, and how sure the vote was of it.
    own_probability
        The probability that its true genre got.
    neighbors
        Who voted, nearest first.
    """

    track: str
    artist: str | None
    title: str | None
    genre: str
    named: str
    probability: float
    own_probability: float
    neighbors: tuple[Neighbor, ...]

    def why(self) -> str:
        """Say in a sentence who decided it."""
        return votes_of(self.named, self.genre, self.neighbors)

    def to_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "track": self.track,
            "artist": self.artist,
            "title": self.title,
            "genre": self.genre,
            "predicted": self.named,
            "probability": self.probability,
            "own_probability": self.own_probability,
            "why": self.why(),
            "neighbors": [one.to_json() for one in self.neighbors],
        }


@dataclass(frozen=True, slots=True)
class TrackAnswers:
    """The first answer of each of n tracks that were asked.

    Attributes
    ----------
    rows
        Which track it is [n], ascending.
    predicted
        Genre number [n].
    probability
        Of the genre that was named [n].
    abstained
        Whether the answer was "not sure" [n].
    """

    rows: NDArray[np.intp]
    predicted: NDArray[np.intp]
    probability: NDArray[np.float64]
    abstained: NDArray[np.bool_]


def first_answers(predictions: SplitPredictions) -> TrackAnswers:
    """Return one answer for each track that was asked, its first."""
    rows, first = np.unique(predictions.rows, return_index=True)
    return TrackAnswers(
        rows,
        predictions.predicted[first],
        predictions.confidence[first],
        predictions.abstained[first],
    )


def votes_of(named: str, own: str, neighbors: tuple[Neighbor, ...]) -> str:
    """Say how many neighbors are of the genre that was named, and how many of its own."""
    k = len(neighbors)
    with_named = sum(one.genre == named for one in neighbors)
    with_own = sum(one.genre == own for one in neighbors)
    if with_named == k > 1:
        return say("all %(count)s neighbors are %(genre)s", count=k, genre=named)
    if with_named == k:
        return say("its only neighbor is %(genre)s", genre=named)
    values = {"count": k, "named": named, "own": own, "with_own": with_own}
    if with_own == 0:
        return say_many(
            "%(num)s of %(count)s neighbors is %(named)s, none is %(own)s",
            "%(num)s of %(count)s neighbors are %(named)s, none is %(own)s",
            with_named,
            **values,
        )
    if with_own == 1:
        return say_many(
            "%(num)s of %(count)s neighbors is %(named)s, %(with_own)s is %(own)s",
            "%(num)s of %(count)s neighbors are %(named)s, %(with_own)s is %(own)s",
            with_named,
            **values,
        )
    return say_many(
        "%(num)s of %(count)s neighbors is %(named)s, %(with_own)s are %(own)s",
        "%(num)s of %(count)s neighbors are %(named)s, %(with_own)s are %(own)s",
        with_named,
        **values,
    )


def neighbors_of(
    data: EvaluationSet, rows: NDArray[np.intp], distances: NDArray[np.floating]
) -> tuple[Neighbor, ...]:
    """Return rows [k] of the set as evidence; −1 stands for no neighbor."""
    return tuple(
        Neighbor(data.names[row], data.genres[row], data.artists[row], float(distance))
        for row, distance in zip(rows, distances, strict=True)
        if row >= 0
    )


def worst_mistakes(
    data: EvaluationSet, predictions: SplitPredictions, count: int = 12
) -> tuple[Mistake, ...]:
    """Return the wrong answers that were surest, the surest first.

    Equally sure ones are ordered by how near the nearest neighbor is. A track that was asked
    several times appears once, with its first answer.
    """
    _, first = np.unique(predictions.rows, return_index=True)
    truth = data.labels[predictions.rows]
    wrong = first[predictions.predicted[first] != truth[first]]
    own = predictions.probabilities[np.arange(len(truth)), truth]
    margin = predictions.confidence - own
    order = np.lexsort((predictions.distances[wrong, 0], -margin[wrong]))
    return tuple(
        Mistake(
            track=data.names[predictions.rows[i]],
            artist=data.artists[predictions.rows[i]],
            title=data.tracks[predictions.rows[i]].title,
            genre=data.genre_names[truth[i]],
            named=data.genre_names[predictions.predicted[i]],
            probability=float(predictions.confidence[i]),
            own_probability=float(own[i]),
            neighbors=neighbors_of(data, predictions.neighbors[i], predictions.distances[i]),
        )
        for i in wrong[order][:count]
    )
