"""What makes lists of songs for pages, API and players, kept until the library changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from earmark.library import Library
from earmark.recommend import Recommender


class KeptRecommender:
    """The recommender of a library as it is when it is asked for.

    Parameters
    ----------
    library
        Open.
    check
        Raises where the library was found damaged.
    """

    def __init__(self, library: Library, check: Callable[[], None]) -> None:
        self._library, self._check = library, check
        self._lock = threading.Lock()
        self._made: tuple[int, Recommender] | None = None

    def current(self) -> Recommender:
        """Return the recommender of the library as it is now.

        Raises
        ------
        LibraryEmpty
            It has no tracks to choose from.
        LibraryDamaged
            Something else than Earmark changed it.
        """
        self._check()
        with self._lock:
            revision = self._library.revision
            if self._made is None or self._made[0] != revision:
                self._made = revision, Recommender(self._library)
            return self._made[1]
