"""Lists of songs for pages, API and players: one recommender for each state of the library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from earmark.library import Library
from earmark.recommend import Recommender, Rules, Songs, Suggestion


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a list is to keep to.

    Attributes
    ----------
    genres, not_genres
        Only tracks of these; none of those.
    words, not_words
        Only tracks that these words pick; none that those do.
    left_out
        Ids of tracks that may not stand in it.
    rules
        See `earmark.recommend.Rules`.
    """

    genres: Sequence[str] = ()
    not_genres: Sequence[str] = ()
    words: Sequence[str] = ()
    not_words: Sequence[str] = ()
    left_out: Sequence[int] = ()
    rules: Rules = field(default_factory=Rules)


class ListMaker:
    """Makes lists from a library as it is when they are asked for.

    What is taken from the library for that is kept until the library changes.

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

    def recommender(self) -> Recommender:
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

    def track_ids(self) -> list[int]:
        """Return the ids of all tracks that may stand in a list."""
        return self.recommender().track_ids

    def similar(
        self,
        songs: Sequence[int],
        n: int,
        wishes: Wishes,
        *,
        unlike: Sequence[int] = (),
        variety: float = 0.0,
        seed: int = 0,
    ) -> list[Suggestion]:
        """Return the n tracks most like some tracks; see `Recommender.similar`."""
        return self.recommender().similar(
            Songs(tuple(songs)),
            n,
            away=Songs(tuple(unlike)) if unlike else None,
            left_out=wishes.left_out,
            genres=wishes.genres,
            not_genres=wishes.not_genres,
            words=wishes.words,
            not_words=wishes.not_words,
            rules=wishes.rules,
            variety=variety,
            seed=seed,
        )

    def path(self, start: int, end: int, n: int, wishes: Wishes) -> list[Suggestion]:
        """Return n tracks from one to another; see `Recommender.path`."""
        return self.recommender().path(
            start,
            end,
            n,
            left_out=wishes.left_out,
            genres=wishes.genres,
            not_genres=wishes.not_genres,
            words=wishes.words,
            not_words=wishes.not_words,
            rules=wishes.rules,
        )

    def playlist(
        self,
        songs: Sequence[int],
        wishes: Wishes,
        *,
        minutes: float | None = 60.0,
        n: int | None = None,
        unlike: Sequence[int] = (),
        variety: float = 0.0,
        seed: int = 0,
    ) -> list[Suggestion]:
        """Return tracks for so many minutes, or n of them; see `Recommender.playlist`."""
        return self.recommender().playlist(
            Songs(tuple(songs)),
            minutes=None if n is not None else minutes,
            n=n,
            away=Songs(tuple(unlike)) if unlike else None,
            left_out=wishes.left_out,
            genres=wishes.genres,
            not_genres=wishes.not_genres,
            words=wishes.words,
            not_words=wishes.not_words,
            rules=wishes.rules,
            variety=variety,
            seed=seed,
        )
