"""The library's tracks, ready to vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.errors import LibraryEmpty
from earmark.neighbors.answers import Answers
from earmark.neighbors.calibration import COVERAGE, Calibration
from earmark.neighbors.metrics import METRICS, Float, Float64, Index
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.search import QUERIES_A_BLOCK, Indices, exclude_tracks, nearest
from earmark.neighbors.space import Familiarity, Space
from earmark.neighbors.vote import nearness_weights, vote

STRANGE = "it is like nothing in the library"

# The share of the average genre that the smallest counts as, at least; docs/how-it-decides.md.
LEAST_SIZE = 0.25

# Seconds: one patch of the network, and so much that more would settle nothing.
SHORTEST_HEARD = 3.0
WELL_HEARD = 30.0


class Voter:
    """Labelled tracks that vote on queries.

    Parameters
    ----------
    vectors
        The tracks' vectors [n, d].
    genres
        Their genres [n].
    parameters
        How they vote.
    learn_from
        The tracks to which the space is fitted, where these are not all: those of an artist who is
        to be judged are left out. The others still vote.

    Raises
    ------
    LibraryEmpty
        There are no tracks.
    """

    def __init__(
        self,
        vectors: Float,
        genres: Sequence[str],
        parameters: Parameters,
        *,
        learn_from: Indices | None = None,
    ) -> None:
        if len(vectors) == 0:
            raise LibraryEmpty(
                "the library holds no labelled tracks to compare with; add some first"
            )
        self.parameters = parameters
        names, labels = np.unique(np.asarray(genres, dtype=object), return_inverse=True)
        self.genres: tuple[str, ...] = tuple(names)
        self._labels: Indices = labels
        self._sizes = np.bincount(labels, minlength=len(self.genres))
        self._least_size = LEAST_SIZE * len(labels) / len(self.genres)
        self._comparison = parameters.comparison
        self._space: Space | None = None
        self._index: Index
        if parameters.plain:
            self._index = METRICS[self._comparison.similarity].index(vectors)
        else:
            compared = vectors[:, self._comparison.columns]
            self._index = self._space = Space(compared, parameters.k, learn_from)
            self._familiarity = Familiarity(
                compared if learn_from is None else compared[learn_from]
            )

    def __len__(self) -> int:
        return len(self._labels)

    def points(self, vectors: Float) -> Float:
        """Return vectors [n, d] as the vote compares them, for a map of them [n, m]."""
        if self._space is None:
            return vectors
        return self._space.embed(vectors[:, self._comparison.columns])

    def kneighbors(
        self, queries: Float, k: int, *, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and indices [q, min(k, n)] of the tracks nearest to queries [q, d].

        ``exclude[i]`` names the tracks that are not to be found for query i; where fewer than k
        others are left, the rest of the row is infinitely far.
        """
        prepared = self._index.prepare(self.points(queries))
        found: list[tuple[Float64, Indices]] = []
        for start in range(0, len(queries), QUERIES_A_BLOCK):
            block = slice(start, start + QUERIES_A_BLOCK)
            distances = self._index.compare(prepared[block])
            if exclude is not None:
                exclude_tracks(distances, exclude[block])
            found.append(nearest(distances, k))
        if not found:
            k = min(k, len(self))
            return np.empty((0, k)), np.empty((0, k), dtype=np.intp)
        return (
            np.concatenate([distances for distances, _ in found]),
            np.concatenate([neighbors for _, neighbors in found]),
        )

    def shares(
        self,
        distances: Float64,
        neighbors: Indices,
        *,
        exclude: Sequence[Indices] | None = None,
    ) -> tuple[Float64, Indices]:
        """Return the shares of votes [q, G] and the winners [q] of neighbors that were found.

        In the fitted vote the nearer count more, and a vote counts by how rare its genre is among
        the tracks that may vote, so that a large genre does not win by its size. No genre counts as
        smaller than ``LEAST_SIZE`` of the average one, so that a single track does not outvote all.
        """
        labels = self._labels[neighbors]
        n_genres = len(self.genres)
        if self.parameters.plain:
            return vote(distances, labels, n_genres)
        sizes = np.repeat(self._sizes[None], len(distances), axis=0)
        for row, tracks in enumerate(exclude or ()):
            np.subtract.at(sizes[row], self._labels[tracks], 1)
        of_neighbors = np.take_along_axis(sizes, labels, axis=1)
        weights = nearness_weights(distances) / np.maximum(of_neighbors, self._least_size)
        return vote(distances, labels, n_genres, weights)

    def strangeness(self, queries: Float, seconds: Float64 | None = None) -> Float64:
        """Return how far queries [q, d] are from the library as a whole [q].

        ``seconds`` are the lengths of the recordings [q]: of a short one less was heard, which
        alone makes it stranger and is allowed for.
        """
        unsettled: Float64 | float = 0.0
        if seconds is not None:
            heard = np.clip(seconds, SHORTEST_HEARD, WELL_HEARD)
            unsettled = self._comparison.settling * (1 / heard - 1 / WELL_HEARD)
        return self._familiarity.strangeness(queries[:, self._comparison.columns], unsettled)

    def predict(
        self,
        queries: Float,
        *,
        exclude: Sequence[Indices] | None = None,
        seconds: Float64 | None = None,
    ) -> Answers:
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
        distances, neighbors = self.kneighbors(queries, self.parameters.k, exclude=exclude)
        if np.isinf(distances[:, 0]).any():
            raise LibraryEmpty(
                "no other track of the library may vote; add tracks by other artists"
            )
        shares, winners = self.shares(distances, neighbors, exclude=exclude)
        calibration = self.parameters.calibration
        if calibration is None:
            return Answers(
                genres=self.genres,
                winners=winners,
                probabilities=shares,
                neighbors=neighbors,
                distances=distances,
                strangeness=distances[:, 0],
                abstained=np.zeros(len(queries), dtype=bool),
                reasons=(None,) * len(queries),
                sets=np.arange(len(self.genres)) == winners[:, None],
                coverage=None,
            )
        probabilities = calibration.probabilities(shares)
        strangeness = self.strangeness(queries, seconds)
        reasons = _reasons(self.genres, probabilities, strangeness, calibration)
        return Answers(
            genres=self.genres,
            winners=winners,
            probabilities=probabilities,
            neighbors=neighbors,
            distances=distances,
            strangeness=strangeness,
            abstained=np.array([reason is not None for reason in reasons], dtype=bool),
            reasons=reasons,
            sets=(probabilities >= calibration.set_threshold)
            | (np.arange(len(self.genres)) == winners[:, None]),
            coverage=COVERAGE,
        )


def _reasons(
    genres: Sequence[str],
    probabilities: Float64,
    strangeness: Float64,
    calibration: Calibration,
) -> tuple[str | None, ...]:
    reasons: list[str | None] = []
    for row, strange in zip(probabilities, strangeness, strict=True):
        best = np.argsort(-row, kind="stable")[:2]
        if strange > calibration.most_strangeness:
            reasons.append(STRANGE)
        elif row[best[0]] < calibration.least_confidence:
            between = " and ".join(genres[i] for i in best)
            reasons.append(f"it lies between {between}")
        else:
            reasons.append(None)
    return tuple(reasons)
