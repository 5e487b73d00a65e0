"""Which genre has which color: once given, a genre keeps its own."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np

from earmark.library import Library
from earmark.neighbors import taxonomy, with_parents

COLORS = 12
"""Genres beyond so many share colors; shapes and words tell them apart."""


class Colors:
    """The colors of the genres of a library, by number.

    A genre keeps its color as long as the server runs and the library has the genre, so a new one
    changes no other. The first time they are given out in the order in which the genres came into
    the library, those of corrections last: after a restart most are what they were.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}

    def of(self, library: Library) -> dict[str, int]:
        """Return the number of the color of each genre, genres sorted."""
        # A genre at the top may have no track but those of its styles.
        genres = sorted(
            with_parents(library.genres(), taxonomy(library.genres(), library.parents()))
        )
        with self._lock:
            numbers = {genre: n for genre, n in self._numbers.items() if genre in genres}
            new = [genre for genre in genres if genre not in numbers]
            used = Counter(numbers.values())
            for genre in _in_order(library, new):
                number = min(range(COLORS), key=lambda n: (used[n], n))
                numbers[genre] = number
                used[number] += 1
            self._numbers = numbers
            return {genre: numbers[genre] for genre in genres}


def _in_order(library: Library, genres: list[str]) -> list[str]:
    """Return genres by when they came into the library, those known by corrections only last."""
    if len(genres) < 2:
        return genres
    first: dict[str, tuple[bool, int]] = {}
    snapshot = library.snapshot()
    # The latest first, so that of each genre the earliest is what remains.
    for row in np.lexsort((snapshot.ids, snapshot.taught))[::-1]:
        genre = snapshot.genre_names[snapshot.genre_codes[row]]
        first[genre] = bool(snapshot.taught[row]), int(snapshot.ids[row])
    # One that another process added just now is in no snapshot yet.
    return sorted(
        genres, key=lambda genre: (genre not in first, first.get(genre, (True, 0)), genre)
    )
