"""What every index can do: the nearest of many tracks for many queries, all within a radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earmark.neighbors.arrays import Float, Float64, Indices


class Index(Protocol):
    """Tracks that can be searched.

    Tracks have row numbers from 0 in the order in which they were added. Whatever finds the
    candidates, distances are those of double precision, and equally near tracks stand in the order
    of their rows.
    """

    def __len__(self) -> int: ...

    def search(
        self, queries: Float, n_neighbors: int, exclude: Sequence[Indices] | None = None
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks.

        Parameters
        ----------
        queries
            Vectors [q, d].
        n_neighbors
            How many.
        exclude
            ``exclude[i]`` names the rows that are not to be found for query i; where fewer than
            n_neighbors others are left, the rest of the row is infinitely far.
        """
        ...

    def within(self, queries: Float, radius: Float64 | float) -> tuple[Indices, Indices, Float64]:
        """Return every pair of a query and a track that are nearer than a radius.

        Parameters
        ----------
        queries
            Vectors [q, d].
        radius
            One for all queries, or one for each [q].

        Returns
        -------
        Query numbers, rows and distances, all [p], sorted by query, then row.
        """
        ...

    def add(self, vectors: Float, rows: Indices | None = None) -> None:
        """Take in tracks [m, d]; nothing is built anew.

        ``rows`` are the rows that they will have, sorted; None: the last ones.
        """
        ...

    def remove(self, rows: Indices) -> None:
        """Take tracks out; those behind them move up."""
        ...
