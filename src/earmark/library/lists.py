"""Lists of songs, asked of a library itself.

The one door of this part that leads up: `earmark.recommend` makes the lists. It stands above the
library, and is imported when a list is asked for, so that who only reads and writes tracks does
without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from earmark.library.base import Library
    from earmark.recommend import Suggestion
    from earmark.recommend.lists import Choice, Song, Wanted


class Lists:
    """The methods of `earmark.library.Library` that make lists, for every back-end."""

    def similar(
        self: Library,
        *songs: Song,
        n: int = 20,
        unlike: tuple[Song, ...] = (),
        **wanted: Unpack[Wanted],
    ) -> list[Suggestion]:
        """See `Library.similar`."""
        from earmark.recommend import lists

        return lists.similar(self, songs, n, unlike=unlike, **wanted)

    def path(
        self: Library, start: Song, end: Song, n: int = 10, **choice: Unpack[Choice]
    ) -> list[Suggestion]:
        """See `Library.path`."""
        from earmark.recommend import lists

        return lists.path(self, start, end, n, **choice)

    def playlist(
        self: Library,
        *songs: Song,
        minutes: float | None = 60.0,
        n: int | None = None,
        unlike: tuple[Song, ...] = (),
        **wanted: Unpack[Wanted],
    ) -> list[Suggestion]:
        """See `Library.playlist`."""
        from earmark.recommend import lists

        return lists.playlist(self, songs, minutes=minutes, n=n, unlike=unlike, **wanted)
