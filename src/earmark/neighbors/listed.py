"""Candidates from an index that looks at few tracks, and may be of the tracks as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Indices

_LEAST_CANDIDATES = 40
_CANDIDATES_A_NEIGHBOR = 4


class Finder(Protocol):
    """What finds tracks of small products with queries, by numbers of its own."""

    def nearest(self, prepared: Float, width: int) -> NDArray[np.int64]:
        """Return at most ``width`` numbers of tracks for each query [q, m]: [q, width], else -1."""
        ...


def width_for(n_neighbors: int) -> int:
    """Return how many candidates are compared in double precision for so many neighbors."""
    return max(_LEAST_CANDIDATES, _CANDIDATES_A_NEIGHBOR * n_neighbors)


class Listed:
    """The tracks of an index: those that a finder knows, and the others, which are looked at.

    Parameters
    ----------
    finder
        Knows l tracks.
    places
        The row of each of these [l]; -1 where it is there no longer.
    others
        The rows of all other tracks [t].
    keys
        Theirs, with their errors [t, m + 1].
    """

    def __init__(self, finder: Finder, places: Indices, others: Indices, keys: Float) -> None:
        self._finder = finder
        # The last one is for -1, which stands for no track.
        self._places = np.append(places, np.intp(-1))
        self._others, self._keys = others, keys

    @classmethod
    def of(
        cls,
        finder: Finder,
        known: NDArray[np.int64],
        ids: NDArray[np.int64],
        keys_of: Callable[[Indices], Float],
    ) -> Self:
        """Join a finder with the tracks as they are now.

        Parameters
        ----------
        finder, known
            It, and the ids of what it knows [l].
        ids
            Of the rows that there are [n]; negative for a row that is not to be found.
        keys_of
            Returns the keys [t, m + 1] of some rows [t].
        """
        order = np.argsort(ids)
        near = np.minimum(np.searchsorted(ids, known, sorter=order), len(ids) - 1)
        places = np.where(ids[order[near]] == known, order[near], -1)
        others = np.setdiff1d(np.flatnonzero(ids >= 0), places)
        return cls(finder, places, others, keys_of(others))

    def rows(self, prepared: Float, n_neighbors: int) -> list[Indices]:
        """Return the rows [c] of candidates for each query [q, m + 1], sorted."""
        width = width_for(n_neighbors)
        numbers = self._finder.nearest(prepared[:, :-1], width)
        found = self._places[numbers]
        later = np.broadcast_to(self._others, (len(prepared), len(self._others)))
        if len(self._others) > width:
            with np.errstate(invalid="ignore", over="ignore"):
                bounds = np.nan_to_num(prepared @ self._keys.T, nan=-np.inf)
            later = self._others[np.argpartition(bounds, width, axis=1)[:, :width]]
        both = np.concatenate([found, later], axis=1)
        return [np.unique(row[row >= 0]) for row in both]

    def without(self, gone: Indices) -> Self:
        """Return this after the tracks of some rows, sorted, were taken out."""
        kept = ~np.isin(self._others, gone)
        places = np.where(np.isin(self._places, gone), -1, self._places)
        places = places - np.searchsorted(gone, places)
        others = self._others[kept]
        others -= np.searchsorted(gone, others)
        return type(self)(self._finder, places[:-1], others, self._keys[kept])

    def having(self, new: Indices, keys: Float, count: int) -> Self:
        """Return this after tracks were put in, which have these rows, sorted, of ``count``."""
        moved = np.append(np.setdiff1d(np.arange(count), new), -1)
        return type(self)(
            self._finder,
            moved[self._places[:-1]],
            np.concatenate([moved[self._others], new]),
            np.concatenate([self._keys, keys]),
        )
