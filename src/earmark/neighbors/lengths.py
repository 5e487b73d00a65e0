"""Thresholds by how much of a song was heard: of three seconds less is known than of a song.

A threshold that is fitted to whole songs promises too much of short ones. So it is fitted anew in
each class of length (Mondrian conformal prediction; Vovk, Gammerman and Shafer 2005), and between
the classes it goes smoothly, so that a tenth of a second more changes no answer by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earmark.neighbors.arrays import Float, Float64, Indices

EDGES = (5.0, 15.0, 60.0)
"""Seconds at which one class of length ends and the next begins."""

CLASSES = ("under 5 s", "5 to 15 s", "15 to 60 s", "longer")

FEWEST = 30
"""A class with fewer answers has no threshold of its own."""

# Seconds beyond which more changes nothing, and below which nothing was measured.
_LONGEST, _SHORTEST = 60.0, 1.0


def class_of(seconds: Float64) -> Indices:
    """Return the class of each length [n], a place in ``CLASSES``.

    >>> class_of(np.array([2.0, 5.0, 30.0, np.inf])).tolist()
    [0, 1, 2, 3]
    """
    classes: Indices = np.searchsorted(EDGES, seconds, side="right")
    return classes


@dataclass(frozen=True)
class ByLength:
    """A number that depends on how much was heard, in straight lines over the logarithm of it.

    Attributes
    ----------
    seconds
        Where the number is known, ascending; at least one place.
    values
        The numbers there. Beyond the first and the last they stay.

    Examples
    --------
    >>> threshold = ByLength((3.0, 12.0), (0.1, 0.3))
    >>> threshold.at(np.array([1.0, 3.0, 6.0, 60.0])).round(3).tolist()
    [0.1, 0.1, 0.2, 0.3]
    """

    seconds: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def fit(
        cls, seconds: Float64, numbers: Float64, threshold: Callable[[Float64], float]
    ) -> ByLength:
        """Fit a threshold to the numbers [n] of what was heard for some seconds [n].

        Parameters
        ----------
        seconds
            Infinite where that is not known, which is taken for long.
        numbers
            Such as the probability of the true genre.
        threshold
            Gives the threshold for the numbers of one class.

        Returns
        -------
        The threshold of each class that has at least ``FEWEST`` numbers, at its median length; of
        all numbers together where there is no such class.
        """
        lengths = np.clip(seconds, _SHORTEST, _LONGEST)
        classes = class_of(lengths)
        large = [c for c in np.unique(classes) if (classes == c).sum() >= FEWEST]
        parts = [classes == c for c in large] or [np.ones(len(numbers), dtype=bool)]
        return cls(
            tuple(float(np.median(lengths[part])) for part in parts),
            tuple(threshold(numbers[part]) for part in parts),
        )

    def at(self, seconds: Float64) -> Float64:
        """Return the number for each length [q] in seconds; infinite lengths are long."""
        heard = np.log(np.clip(seconds, _SHORTEST, _LONGEST))
        found: Float64 = np.interp(heard, np.log(self.seconds), self.values)
        return found

    @property
    def whole(self) -> float:
        """The number for a whole song."""
        return self.values[-1]


@dataclass(frozen=True)
class Excerpts:
    """Parts of tracks, such as three seconds of each: m of them.

    Attributes
    ----------
    rows
        Which track each is a part of [m].
    vectors
        Their embeddings [m, d].
    seconds
        Their lengths [m].
    """

    rows: Indices
    vectors: Float
    seconds: Float64

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, tracks: Indices) -> Excerpts:
        """Return the parts of some tracks [t], numbered by their places among these."""
        mine = self.which(tracks)
        order = np.argsort(tracks)
        places: Indices = order[np.searchsorted(tracks, self.rows[mine], sorter=order)]
        return Excerpts(places, self.vectors[mine], self.seconds[mine])

    def behind(self, vectors: Float, seconds: Float64) -> Excerpts:
        """Return whole tracks, with vectors [n, d] and lengths [n], and these parts behind them."""
        return Excerpts(
            np.concatenate([np.arange(len(vectors)), self.rows]),
            np.concatenate([vectors, self.vectors]),
            np.concatenate([seconds, self.seconds]),
        )

    def which(self, tracks: Indices) -> Indices:
        """Return which of the parts belong to some tracks."""
        return np.flatnonzero(np.isin(self.rows, tracks))


def known_seconds(seconds: Float64 | None, count: int) -> Float64:
    """Return lengths [count]; infinite ones where none are known."""
    return np.full(count, np.inf) if seconds is None else seconds
