"""Which track to ask a person about next: arrays in, a row out.

A label is worth much where it speaks for many songs that no label speaks for yet (it is
representative), and more where the labels so far disagree about those (it is uncertain). What a set
of labels covers is the sum over all songs of their affinity to the nearest labelled one, the
facility location of Nemhauser, Wolsey and Fisher (1978): taking the best song each time comes
within a factor of 1 - 1/e of the best set. With few labels, covering counts for more than
uncertainty (Hacohen, Dekel and Weinshall, Active learning on a budget, 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
Indices = NDArray[np.intp]

UNCERTAINTY = 0.5
"""The part of a song's weight that depends on how much the labels disagree about it."""

ARTIST_AGAIN = 0.1
"""What a song counts whose artist has a label already: other artists teach more."""

ALBUM_AGAIN = 0.05

FIRST_DOUBTS = 3
"""Labels from which on it means something that they disagree."""


class Chooser:
    """Chooses songs, and is told what they are.

    Parameters
    ----------
    affinity
        How alike the songs are [n, n]: 1 for copies, toward 0 for what has nothing in common.
    artists, albums
        Of each song, as numbers [n]; -1 where unknown.

    Examples
    --------
    >>> affinity = np.array([[1, 0.9, 0, 0], [0.9, 1, 0, 0], [0, 0, 1, 0.8], [0, 0, 0.8, 1.0]])
    >>> chooser = Chooser(affinity, np.array([0, 1, 2, 3]), np.full(4, -1))
    >>> first = chooser.next()
    >>> chooser.label(first, "rock")
    >>> {first, chooser.next()} in ({0, 2}, {0, 3}, {1, 2}, {1, 3})
    True
    """

    def __init__(self, affinity: Float, artists: Indices, albums: Indices) -> None:
        self._affinity = affinity
        self._artists = artists
        self._albums = albums
        n = len(affinity)
        self._cover = np.zeros(n)
        self._open = np.ones(n, dtype=bool)
        self._votes: dict[str, NDArray[np.float64]] = {}
        self._labels: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._affinity)

    @property
    def left(self) -> int:
        """How many songs can be asked about."""
        return int(self._open.sum())

    def next(self) -> int | None:
        """Return the row whose label would teach most; None where all were asked about."""
        if not self._open.any():
            return None
        rows = np.flatnonzero(self._open)
        more = np.maximum(self._affinity[rows] - self._cover, 0)
        gains = more @ (1 - UNCERTAINTY + UNCERTAINTY * self.doubts())
        gains = np.maximum(gains, 1e-9)
        for codes, again in ((self._artists, ARTIST_AGAIN), (self._albums, ALBUM_AGAIN)):
            labelled = {int(codes[row]) for row in self._labels} - {-1}
            gains[np.isin(codes[rows], list(labelled))] *= again
        return int(rows[np.argmax(gains)])

    def doubts(self) -> NDArray[np.float64]:
        """Return how much the labels disagree about each song [n], from 0 to 1."""
        if len(self._labels) < FIRST_DOUBTS or len(self._votes) < 2:
            return np.ones(len(self))
        shares = self._shares()
        first, second = np.sort(shares, axis=0)[[-1, -2]]
        doubts: NDArray[np.float64] = 1 - (first - second)
        return doubts

    def _shares(self) -> NDArray[np.float64]:
        votes = np.stack(list(self._votes.values())) + 1e-9
        shares: NDArray[np.float64] = votes / votes.sum(axis=0)
        return shares

    def guesses(self, row: int) -> list[tuple[str, float]]:
        """Return the genres that there are, with their shares of the votes, likeliest first."""
        if not self._votes:
            return []
        shares = self._shares()[:, row]
        return sorted(zip(self._votes, shares.tolist(), strict=True), key=lambda one: -one[1])

    def label(self, row: int, genre: str) -> None:
        """Take the label of a song; it speaks for songs like it from now on."""
        self.close([row])
        self._labels[row] = genre
        self._cover = np.maximum(self._cover, self._affinity[row])
        votes = self._votes.setdefault(genre, np.zeros(len(self)))
        votes += self._affinity[row]

    def close(self, rows: Sequence[int] | Indices) -> None:
        """Never ask about songs: copies of what was asked about, and what is no music."""
        self._open[np.asarray(rows, dtype=np.intp)] = False
