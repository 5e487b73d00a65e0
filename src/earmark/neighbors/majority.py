"""The classic vote: one each for the nearest."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryEmpty
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.blocks import Block
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.predictions import Predictions
from earmark.neighbors.ranking import Ranking
from earmark.neighbors.vote import vote
from earmark.neighbors.voter import NO_VOTERS, voting_neighbors


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

    @classmethod
    def kept(
        cls,
        facts: Mapping[str, NDArray[Any]],
        blocks: Sequence[Block],
        labels: Float,
        genre_names: Sequence[str],
        parameters: Parameters,
    ) -> Self:
        """Return the vote of tracks that was made before, as `FittedVoter.kept`."""
        voter = object.__new__(cls)
        voter.parameters, voter.genre_names = parameters, tuple(genre_names)
        voter._labels = labels
        voter._index = BruteForce.of_blocks(Ranking(facts).similarity, blocks)
        return voter

    def facts(self) -> dict[str, NDArray[Any]]:
        """Return what was learned from the tracks, as `Ranking` takes it.

        Raises
        ------
        ValueError
            They are compared by a similarity that is not one of ``RANKED``.
        """
        return Ranking.facts_of(self._index.similarity, self._index.blocks[0].vectors.shape[1])

    def parts(self) -> Iterator[tuple[Block, Float]]:
        """Yield the tracks in blocks, with the keys by which they are searched."""
        return self._index.parts()

    def __len__(self) -> int:
        return len(self._labels)

    def points(self, vectors: Float) -> Float:
        """Return vectors [n, d] as the vote compares them: unchanged."""
        return vectors

    def kneighbors(
        self,
        queries: Float,
        n_neighbors: int,
        *,
        exclude: Sequence[Indices] | None = None,
        exact: bool = False,
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks."""
        return self._index.search(queries, n_neighbors, exclude, exact=exact)

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
        distances, neighbors = voting_neighbors(self, queries, exclude)
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
