"""The library's tracks, ready to vote: by majority as in the classic method, or as fitted."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryEmpty
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.calibration import COVERAGE, Calibration
from earmark.neighbors.lengths import known_seconds
from earmark.neighbors.local_scaling import LocalScaling, OutlierScore
from earmark.neighbors.metrics import METRICS
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

UNLIKE = "it is unlike the songs of this library"

# The share of the average genre that the smallest counts as, at least; docs/how-it-decides.md.
LEAST_SIZE = 0.25

# Seconds: one patch of the network, and so much that more would settle nothing.
SHORTEST_HEARD = 3.0
WELL_HEARD = 30.0

NO_VOTERS = "the library holds no labelled tracks to compare with; add some first"
NOBODY_LEFT = "no other track of the library may vote; add tracks by other artists"


class Voter(Protocol):
    """Labelled tracks that vote on queries.

    Attributes
    ----------
    parameters
        How they vote.
    genre_names
        The genres [G], in the order of the labels' columns.
    """

    parameters: Parameters
    genre_names: tuple[str, ...]

    def __len__(self) -> int: ...

    def points(self, vectors: Float) -> Float:
        """Return vectors [n, d] as the vote compares them, for a map of them [n, m]."""
        ...

    def kneighbors(
        self, queries: Float, n_neighbors: int, *, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks.

        ``exclude[i]`` names the tracks that are not to be found for query i; where fewer others are
        left, the rest of the row is infinitely far.
        """
        ...

    def vote_shares(
        self,
        distances: Float64,
        neighbors: Indices,
        *,
        exclude: Sequence[Indices] | None = None,
    ) -> tuple[Float64, Indices]:
        """Return the shares of votes [q, G] and the winners [q] of neighbors that were found."""
        ...

    def predict(
        self,
        queries: Float,
        *,
        exclude: Sequence[Indices] | None = None,
        seconds: Float64 | None = None,
    ) -> Predictions:
        """Answer queries [q, d].

        Parameters
        ----------
        queries
            Vectors [q, d].
        exclude
            ``exclude[i]`` names the tracks that may not vote on query i.
        seconds
            The lengths of the recordings [q]; None: all were long enough.

        Raises
        ------
        LibraryEmpty
            A query has no track left that may vote.
        """
        ...

    def changed(
        self,
        removed: Indices,
        added: Indices,
        vectors: Float,
        labels: Float,
        genre_names: Sequence[str],
    ) -> Voter:
        """Return a voter of changed tracks; this one stays as it is.

        Nothing that was learned from the tracks is learned anew.

        Parameters
        ----------
        removed
            Rows of this voter that vote no longer.
        added
            Rows of the new voter that are new, sorted.
        vectors
            Of those [m, d].
        labels
            Of all tracks of the new voter [n, G].
        genre_names
            Their genres [G].
        """
        ...


class MajorityVoter:
    """The classic vote: each of the nearest has one, distances are the similarity's own.

    Parameters
    ----------
    vectors
        The tracks' vectors [n, d].
    labels
        How much of each genre they are [n, G]; a row has a single 1 where a track has one genre.
    genre_names
        The genres [G].
    parameters
        How they are compared and how many vote.

    Raises
    ------
    LibraryEmpty
        There are no tracks.
    """

    def __init__(
        self, vectors: Float, labels: Float, genre_names: Sequence[str], parameters: Parameters
    ) -> None:
        if len(vectors) == 0:
            raise LibraryEmpty(NO_VOTERS)
        self.parameters = parameters
        self.genre_names: tuple[str, ...] = tuple(genre_names)
        self._labels = labels
        similarity = METRICS[parameters.comparison.similarity].fit(vectors)
        self._index = BruteForce(similarity, vectors)

    def __len__(self) -> int:
        return len(self._labels)

    def points(self, vectors: Float) -> Float:
        """Return vectors [n, d] as the vote compares them: unchanged."""
        return vectors

    def kneighbors(
        self, queries: Float, n_neighbors: int, *, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks."""
        return self._index.search(queries, n_neighbors, exclude)

    def vote_shares(
        self,
        distances: Float64,
        neighbors: Indices,
        *,
        exclude: Sequence[Indices] | None = None,
    ) -> tuple[Float64, Indices]:
        """Return the shares of votes [q, G] and the winners [q], one vote a neighbor."""
        return vote(distances, self._labels, neighbors)

    def predict(
        self,
        queries: Float,
        *,
        exclude: Sequence[Indices] | None = None,
        seconds: Float64 | None = None,
    ) -> Predictions:
        """Answer queries [q, d]: probabilities are the shares of votes, nothing is refused."""
        distances, neighbors = _voting(self, queries, exclude)
        shares, winners = self.vote_shares(distances, neighbors)
        return Predictions(
            genre_names=self.genre_names,
            winners=winners,
            probabilities=shares,
            neighbors=neighbors,
            distances=distances,
            outlier_scores=distances[:, 0],
            abstained=np.zeros(len(queries), dtype=bool),
            unlike=np.zeros(len(queries), dtype=bool),
            reasons=(None,) * len(queries),
            sets=np.arange(len(self.genre_names)) == winners[:, None],
            coverage=None,
        )

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
        other.genre_names, other._labels = tuple(genre_names), labels
        other._index = self._index.copy()
        other._index.remove(removed)
        other._index.add(vectors, rows=added)
        return other


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
        self._index = LocalScaling(compared, parameters.n_neighbors, learn_from)
        self._outlier = OutlierScore(compared if learn_from is None else compared[learn_from])
        self._words = self._fit_words(vectors, labels, learn_from)
        self._label(labels)

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
        self, queries: Float, n_neighbors: int, *, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks."""
        return self._index.search(queries[:, self._comparison.columns], n_neighbors, exclude)

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
        distances, neighbors = _voting(self, queries, exclude)
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
        named = f"{first} music ({', '.join(more)})" if more else f"{first} music"
        return f"it sounds like {named}, and this library has no such genre"

    def _between(self, probabilities: Float64) -> str:
        best = np.argsort(-probabilities, kind="stable")[:2]
        return f"it lies between {' and '.join(self.genre_names[i] for i in best)}"

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


def make_voter(
    vectors: Float,
    labels: Float,
    genre_names: Sequence[str],
    parameters: Parameters,
    *,
    learn_from: Indices | None = None,
) -> MajorityVoter | FittedVoter:
    """Return the voter that parameters ask for; the arguments are those of the two classes.

    Raises
    ------
    LibraryEmpty
        There are no tracks.

    Examples
    --------
    >>> from earmark.features import Comparison
    >>> from earmark.neighbors import one_hot
    >>> labels, names = one_hot(["jazz", "rock", "rock"])
    >>> points = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    >>> voter = make_voter(points, labels, names, Parameters(Comparison("euclidean"), 3))
    >>> answers = voter.predict(np.array([[1.0, 0.1]]))
    >>> names[answers.winners[0]], answers.neighbors.tolist()
    ('rock', [[1, 0, 2]])
    >>> answers.probabilities.round(2).tolist()
    [[0.33, 0.67]]
    """
    if parameters.majority:
        return MajorityVoter(vectors, labels, genre_names, parameters)
    return FittedVoter(vectors, labels, genre_names, parameters, learn_from=learn_from)


def _voting(
    voter: Voter, queries: Float, exclude: Sequence[Indices] | None
) -> tuple[Float64, Indices]:
    distances, neighbors = voter.kneighbors(queries, voter.parameters.n_neighbors, exclude=exclude)
    if np.isinf(distances[:, 0]).any():
        raise LibraryEmpty(NOBODY_LEFT)
    return distances, neighbors
