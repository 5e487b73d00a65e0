"""The vote that was fitted to a library: scaled distances, weights, probabilities, "not sure"."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryEmpty
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.blocks import Block
from earmark.neighbors.calibration import COVERAGE, Calibration
from earmark.neighbors.lengths import known_seconds
from earmark.neighbors.listed import Finder
from earmark.neighbors.local_scaling import LocalScaling, OutlierScore
from earmark.neighbors.novelty import (
    FARTHEST_NAMED,
    INDECISION,
    OUTLIER,
    NoveltyScale,
    WordScale,
    indecision,
    mean_distance,
)
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.predictions import Predictions
from earmark.neighbors.vote import nearness_weights, vote
from earmark.neighbors.voter import NO_VOTERS, voting_neighbors
from earmark.words import say

UNLIKE = say("it is unlike the songs of this library")

# The share of the average genre that the smallest counts as, at least; docs/how-it-decides.md.
LEAST_SIZE = 0.25

# Seconds: one patch of the network, and so much that more would settle nothing.
SHORTEST_HEARD = 3.0
WELL_HEARD = 30.0


def _told(facts: Mapping[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    """Return the facts of one part of a vote."""
    begin = f"{part} "
    return {name[len(begin) :]: fact for name, fact in facts.items() if name.startswith(begin)}


class FittedVoter:
    """The fitted vote: locally scaled distances, weighted votes, calibrated probabilities.

    Parameters
    ----------
    vectors, labels, genre_names
        As for `MajorityVoter`.
    parameters
        How they vote; with a calibration.
    learn_from
        The tracks to which standardization, local scales and the outlier score are fitted, where
        these are not all: those of an artist who is to be judged are left out. The others still
        vote.

    Raises
    ------
    LibraryEmpty
        There are no tracks.
    """

    def __init__(
        self,
        vectors: Float,
        labels: Float,
        genre_names: Sequence[str],
        parameters: Parameters,
        *,
        learn_from: Indices | None = None,
    ) -> None:
        if len(vectors) == 0:
            raise LibraryEmpty(NO_VOTERS)
        if parameters.calibration is None:
            raise ValueError("a fitted vote needs a calibration")
        self.parameters = parameters
        self.genre_names: tuple[str, ...] = tuple(genre_names)
        self._calibration: Calibration = parameters.calibration
        self._comparison = parameters.comparison
        compared = vectors[:, self._comparison.columns]
        self._dimension = vectors.shape[1]
        self._index = LocalScaling(compared, parameters.n_neighbors, learn_from)
        self._outlier = OutlierScore(compared if learn_from is None else compared[learn_from])
        self._words = self._fit_words(vectors, labels, learn_from)
        self._label(labels)

    @classmethod
    def kept(
        cls,
        facts: Mapping[str, NDArray[Any]],
        blocks: Sequence[Block],
        labels: Float,
        genre_names: Sequence[str],
        parameters: Parameters,
    ) -> Self:
        """Return the vote of tracks that was made before, by its `facts` and `parts`.

        ``labels``, ``genre_names`` and ``parameters`` are those that it was made with.
        """
        if parameters.calibration is None:
            raise ValueError("a fitted vote needs a calibration")
        voter = object.__new__(cls)
        voter.parameters, voter.genre_names = parameters, tuple(genre_names)
        voter._calibration, voter._comparison = parameters.calibration, parameters.comparison
        voter._dimension = int(facts["dimension"])
        voter._index = LocalScaling.kept(facts, blocks)
        voter._outlier = OutlierScore.kept(_told(facts, "outlier"))
        names = parameters.comparison.words
        voter._words = WordScale.kept(_told(facts, "words"), names) if names else None
        voter._label(labels)
        return voter

    def facts(self) -> dict[str, NDArray[Any]]:
        """Return what was learned from the tracks; those of `Ranking` are among it."""
        start, stop, _ = self._comparison.columns.indices(self._dimension)
        parts = {"outlier": self._outlier.facts()}
        if self._words is not None:
            parts["words"] = self._words.facts()
        return {
            "columns": np.array([start, stop]),
            "dimension": np.array(self._dimension),
            **self._index.facts(),
            **{f"{part} {name}": told[name] for part, told in parts.items() for name in told},
        }

    def look_at_few(self, finder: Finder, known: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Find who votes by a finder that looks at few tracks, and may miss some.

        Parameters
        ----------
        finder, known
            It, and the ids of the tracks that it knows.
        ids
            Of the tracks that vote [n].
        """
        self._index.look_at_few(finder, known, ids)

    def parts(self) -> Iterator[tuple[Block, Float]]:
        """Yield the tracks in blocks, with the keys by which they are searched."""
        return self._index.parts()

    def _fit_words(
        self, vectors: Float, labels: Float, learn_from: Indices | None
    ) -> WordScale | None:
        names = self._comparison.words
        if not names:
            return None
        rows = slice(None) if learn_from is None else learn_from
        return WordScale(vectors[rows, : len(names)], labels[rows], names)

    def _label(self, labels: Float) -> None:
        self._labels = labels
        self._sizes: Float64 = labels.sum(axis=0, dtype=np.float64)
        self._least_size = LEAST_SIZE * float(self._sizes.sum()) / len(self.genre_names)

    def __len__(self) -> int:
        return len(self._labels)

    def points(self, vectors: Float) -> Float:
        """Return vectors [n, d] as the vote compares them, standardized and at length 1 [n, m]."""
        return self._index.points(vectors[:, self._comparison.columns])

    def kneighbors(
        self,
        queries: Float,
        n_neighbors: int,
        *,
        exclude: Sequence[Indices] | None = None,
        exact: bool = False,
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks."""
        compared = queries[:, self._comparison.columns]
        return self._index.search(compared, n_neighbors, exclude, exact=exact)

    def vote_shares(
        self,
        distances: Float64,
        neighbors: Indices,
        *,
        exclude: Sequence[Indices] | None = None,
    ) -> tuple[Float64, Indices]:
        """Return the shares of votes [q, G] and the winners [q] of neighbors that were found.

        The nearer count more, and a vote counts by how rare its genre is among the tracks that may
        vote, so that a large genre does not win by its size. No genre counts as smaller than
        ``LEAST_SIZE`` of the average one, so that a single track does not outvote all.
        """
        sizes = np.repeat(self._sizes[None], len(distances), axis=0)
        for row, tracks in enumerate(exclude or ()):
            sizes[row] -= self._labels[tracks].sum(axis=0, dtype=np.float64)
        return vote(
            distances,
            self._labels,
            neighbors,
            weights=nearness_weights(distances),
            sizes=np.maximum(sizes, self._least_size),
        )

    def outlier_scores(self, queries: Float, seconds: Float64 | None = None) -> Float64:
        """Return how far queries [q, d] are out of the library's distribution [q].

        ``seconds`` are the lengths of the recordings [q]: of a short one less was heard, which
        alone makes it stranger and is allowed for.
        """
        unsettled: Float64 | float = 0.0
        if seconds is not None:
            heard = np.clip(seconds, SHORTEST_HEARD, WELL_HEARD)
            unsettled = self._comparison.settling * (1 / heard - 1 / WELL_HEARD)
        return self._outlier.of(queries[:, self._comparison.columns], unsettled)

    def evidence(
        self, queries: Float, distances: Float64, seconds: Float64 | None = None
    ) -> Float64:
        """Return what is known of queries [q, d] beside the votes, as `calibrate` takes it.

        The outlier score, the mean distance [q, k] of the neighbors that vote and, where there are
        words, the distance of these: [q, 2 or 3].
        """
        columns = [self.outlier_scores(queries, seconds), mean_distance(distances)]
        if self._words is not None:
            columns.append(self._words.distances(queries[:, : len(self._comparison.words)]))
        return np.stack(columns, axis=1)

    def predict(
        self,
        queries: Float,
        *,
        exclude: Sequence[Indices] | None = None,
        seconds: Float64 | None = None,
    ) -> Predictions:
        """Answer queries [q, d]: calibrated probabilities, prediction sets, "not sure"."""
        distances, neighbors = voting_neighbors(self, queries, exclude)
        shares, winners = self.vote_shares(distances, neighbors, exclude=exclude)
        probabilities = self._calibration.probabilities(shares)
        others = self.evidence(queries, distances, seconds)
        unlike, reasons = self._reasons(queries, probabilities, others, seconds)
        thresholds = self._calibration.set_thresholds.at(known_seconds(seconds, len(queries)))
        return Predictions(
            genre_names=self.genre_names,
            winners=winners,
            probabilities=probabilities,
            neighbors=neighbors,
            distances=distances,
            outlier_scores=others[:, 0],
            abstained=np.array([reason is not None for reason in reasons], dtype=bool),
            unlike=unlike,
            reasons=reasons,
            sets=(probabilities >= thresholds[:, None])
            | (np.arange(len(self.genre_names)) == winners[:, None]),
            coverage=COVERAGE,
        )

    def _reasons(
        self,
        queries: Float,
        probabilities: Float64,
        others: Float64,
        seconds: Float64 | None,
    ) -> tuple[NDArray[np.bool_], tuple[str | None, ...]]:
        """Return for queries [q, d] whether each is unlike the library, and why it is refused."""
        reasons: list[str | None] = [None] * len(queries)
        unlike = np.zeros(len(queries), dtype=bool)
        scale: NoveltyScale | None = self._calibration.novelty
        if scale is None:
            return unlike, tuple(reasons)
        evidence = np.insert(others, INDECISION, indecision(probabilities), axis=1)
        scores = scale.scores(evidence)
        for row in np.flatnonzero(scale.refuses(scores, seconds)):
            # What weighs most is said.
            unlike[row] = scores[row].argmax() != INDECISION
            if not unlike[row]:
                reasons[row] = self._between(probabilities[row])
            else:
                reasons[row] = self._unlike(queries[row], float(scores[row, OUTLIER]))
        return unlike, tuple(reasons)

    def _unlike(self, query: Float, outlier: float) -> str:
        heard: tuple[str, ...] = ()
        if self._words is not None and outlier <= FARTHEST_NAMED:
            heard = self._words.unnamed(query[: len(self._comparison.words)])
        if not heard:
            return UNLIKE
        first, *more = heard
        if not more:
            return say(
                "it sounds like %(word)s music, and this library has no such genre", word=first
            )
        return say(
            "it sounds like %(word)s music (%(more)s), and this library has no such genre",
            word=first,
            more=", ".join(more),
        )

    def _between(self, probabilities: Float64) -> str:
        best = np.argsort(-probabilities, kind="stable")[:2]
        first, second = (self.genre_names[i] for i in best)
        return say("it lies between %(first)s and %(second)s", first=first, second=second)

    def changed(
        self,
        removed: Indices,
        added: Indices,
        vectors: Float,
        labels: Float,
        genre_names: Sequence[str],
    ) -> Self:
        """Return a voter of changed tracks; this one stays as it is."""
        other = copy.copy(self)
        other._index = self._index.copy()
        other._index.remove(removed)
        other._index.add(vectors[:, self._comparison.columns], rows=added)
        other.genre_names = tuple(genre_names)
        other._label(labels)
        return other
