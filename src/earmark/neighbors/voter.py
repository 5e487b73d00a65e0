"""The library's tracks, ready to vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.errors import LibraryEmpty
from earmark.neighbors.answers import Answers
from earmark.neighbors.metrics import METRICS, Float, Float64
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.search import QUERIES_A_BLOCK, Indices, exclude_tracks, nearest
from earmark.neighbors.vote import vote


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

    Raises
    ------
    LibraryEmpty
        There are no tracks.
    """

    def __init__(self, vectors: Float, genres: Sequence[str], parameters: Parameters) -> None:
        if len(vectors) == 0:
            raise LibraryEmpty(
                "the library holds no labelled tracks to compare with; add some first"
            )
        self.parameters = parameters
        self.genres, labels = np.unique(np.asarray(genres, dtype=object), return_inverse=True)
        self._labels: Indices = labels
        self._index = METRICS[parameters.metric].index(vectors)

    def __len__(self) -> int:
        return len(self._labels)

    def kneighbors(
        self, queries: Float, k: int, *, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and indices [q, min(k, n)] of the tracks nearest to queries [q, d].

        ``exclude[i]`` names the tracks that are not to be found for query i; where fewer than k
        others are left, the rest of the row is infinitely far.
        """
        found: list[tuple[Float64, Indices]] = []
        for start in range(0, len(queries), QUERIES_A_BLOCK):
            block = slice(start, start + QUERIES_A_BLOCK)
            distances = self._index.distances(queries[block])
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

    def predict(self, queries: Float, *, exclude: Sequence[Indices] | None = None) -> Answers:
        """Answer queries [q, d]; ``exclude[i]`` names the tracks that may not vote on query i.

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
        shares, winners = vote(distances, self._labels[neighbors], len(self.genres))
        return Answers(
            genres=tuple(self.genres),
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
