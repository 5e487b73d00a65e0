"""Lists of songs by what people call them: the methods of a library that make lists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypedDict, Unpack

from earmark.library import Library, Track
from earmark.recommend.recommender import Recommender, Songs, Suggestion
from earmark.recommend.rules import Rules
from earmark.recommend.songs import songs_of, track_of

Song = str | os.PathLike[str] | int | Track
"""A sound file; or a track by its name, its title, "artist - title", its id, or itself."""


class Choice(TypedDict, total=False):
    """What may stand in a list; see `earmark.recommend.Recommender.similar`."""

    left_out: Iterable[int]
    genres: Sequence[str]
    not_genres: Sequence[str]
    words: Sequence[str]
    not_words: Sequence[str]
    rules: Rules | None


class Chance(TypedDict, total=False):
    """How much of a list is random; see `earmark.recommend.Recommender.similar`."""

    variety: float
    seed: int


class Wanted(Choice, Chance):
    """What may stand in a list, and how much of it is random."""


def similar(
    library: Library,
    songs: Sequence[Song],
    n: int,
    *,
    unlike: Sequence[Song],
    **wanted: Unpack[Wanted],
) -> list[Suggestion]:
    """Return the n tracks of a library that sound most like some songs; see `Library.similar`."""
    recommender = Recommender(library)
    away = _meant(library, unlike) if unlike else None
    return recommender.similar(_meant(library, songs), n, away=away, **wanted)


def path(
    library: Library, start: Song, end: Song, n: int, **choice: Unpack[Choice]
) -> list[Suggestion]:
    """Return n songs that lead from one track to another; see `Library.path`."""
    ends = [track_of(library, _name(song)) for song in (start, end)]
    return Recommender(library).path(ends[0], ends[1], n, **choice)


def playlist(
    library: Library,
    songs: Sequence[Song],
    *,
    minutes: float | None,
    n: int | None,
    unlike: Sequence[Song],
    **wanted: Unpack[Wanted],
) -> list[Suggestion]:
    """Return songs like some others for so many minutes; see `Library.playlist`."""
    recommender = Recommender(library)
    away = _meant(library, unlike) if unlike else None
    return recommender.playlist(
        _meant(library, songs), minutes=None if n else minutes, n=n, away=away, **wanted
    )


def _meant(library: Library, songs: Sequence[Song]) -> Songs:
    return songs_of(library, [_name(song) for song in songs])


def _name(song: Song) -> str:
    """Return what `earmark.library.naming.named_track` knows a track by, or a file."""
    if isinstance(song, Track):
        return f"#{song.id}"
    return f"#{song}" if isinstance(song, int) else os.fspath(song)
