"""What votes on a song: the tracks of a library, whichever way they vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from earmark.errors import LibraryEmpty
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.predictions import Predictions

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
        self,
        queries: Float,
        n_neighbors: int,
        *,
        exclude: Sequence[Indices] | None = None,
        exact: bool = False,
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks.

        ``exclude[i]`` names the tracks that are not to be found for query i; where fewer others are
        left, the rest of the row is infinitely far. Of very many tracks some may be missed, unless
        it is to be ``exact``.
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


def voting_neighbors(
    voter: Voter, queries: Float, exclude: Sequence[Indices] | None
) -> tuple[Float64, Indices]:
    """Return the distances and rows [q, k] of the tracks that vote on queries [q, d].

    Raises
    ------
    LibraryEmpty
        A query has no track left that may vote.
    """
    distances, neighbors = voter.kneighbors(queries, voter.parameters.n_neighbors, exclude=exclude)
    if np.isinf(distances[:, 0]).any():
        raise LibraryEmpty(NOBODY_LEFT)
    return distances, neighbors
