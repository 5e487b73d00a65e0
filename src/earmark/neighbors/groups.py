"""Which tracks belong together, so that none of them may vote for another.

Tracks of one artist, and copies of one recording, are one group. An evaluation that lets a group
stand on both sides measures how well artists are recognized, not genres.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from earmark.neighbors.arrays import Float, Indices
from earmark.neighbors.recordings import Copy, find_copies
from earmark.words import ARTIST_SEPARATOR


def artist_names(artists: str | None) -> tuple[str, ...]:
    """Return the names of a track's artists, as they are spelled."""
    parts = (" ".join(part.split()) for part in (artists or "").split(ARTIST_SEPARATOR.strip()))
    return tuple(part for part in parts if part)


# Most artists have several tracks, and are asked for again and again.
@lru_cache(maxsize=100_000)
def fold_artists(artists: str | None) -> tuple[str, ...]:
    """Return the names of a track's artists without differences of case and spacing.

    Examples
    --------
    >>> fold_artists("Duke  Ellington; John Coltrane")
    ('duke ellington', 'john coltrane')
    """
    return tuple(name.casefold() for name in artist_names(artists))


def fold_artist(artists: str | None) -> str | None:
    """Return the first of a track's artists as `fold_artists` does; None if there is no name."""
    return next(iter(fold_artists(artists)), None)


def count_artists(artists: Iterable[str | None]) -> int:
    """Return how many different artists are named, whatever their case and spacing.

    Examples
    --------
    >>> count_artists(["Nina Simone", "nina  simone", None, "Bob; Nina Simone"])
    2
    """
    return len({artist for several in artists for artist in fold_artists(several)})


def recording_groups(vectors: Float, similarity: str, contents: Indices) -> Indices:
    """Give every track the number of its recording.

    Two tracks are the same recording where their files have the same content, where their vectors
    are equal, and where these are so much nearer than anything around them as only copies are: see
    `find_copies`. Fitting, evaluation, audit and the command line all mean this.

    Parameters
    ----------
    vectors
        Vectors [n, d].
    similarity
        A name in ``METRICS``.
    contents
        A number for each track [n]; tracks of the same number are the same by content.

    Returns
    -------
    The recording of each track [n], numbered from 0 in the order of their first tracks.
    """
    copies = find_copies(vectors, similarity, contents)
    return group_recordings([None] * len(vectors), copies)


def group_recordings(
    artists: Sequence[str | None],
    copies: Iterable[Copy],
    stated: Iterable[tuple[int, int]] = (),
) -> Indices:
    """Give every track the number of its group: its artist's tracks, and copies of one recording.

    Parameters
    ----------
    artists
        The artist of each of n tracks, None where unknown.
    copies
        What `find_copies` found among them.
    stated
        Further pairs that somebody calls the same recording.
    """
    pairs = ((copy.first, copy.second) for copy in copies)
    return group_tracks(artists, itertools.chain(pairs, stated))


def group_tracks(artists: Sequence[str | None], links: Iterable[tuple[int, int]] = ()) -> Indices:
    """Give every track the number of its group.

    Parameters
    ----------
    artists
        The artists of each of n tracks, None where unknown: such a track is a group of its own. One
        by several artists links the tracks of each of them.
    links
        Pairs of tracks that belong together, such as copies of one recording.

    Returns
    -------
    The group of each track [n], numbered from 0 in the order of their first tracks. Tracks that are
    linked by artist or as a pair, directly or through others, have the same number.
    """
    parent = list(range(len(artists)))

    def root(track: int) -> int:
        while parent[track] != track:
            parent[track] = parent[parent[track]]
            track = parent[track]
        return track

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    first_of: dict[str, int] = {}
    for track, artist in enumerate(artists):
        for folded in fold_artists(artist):
            join(first_of.setdefault(folded, track), track)
    for one, other in links:
        join(one, other)
    number: dict[int, int] = {}
    groups = [number.setdefault(root(track), len(number)) for track in range(len(artists))]
    return np.array(groups, dtype=np.intp)


def links_of(groups: Indices) -> list[tuple[int, int]]:
    """Return pairs that link each track to the first of its group; for `group_tracks`."""
    first: dict[int, int] = {}
    return [(first.setdefault(group, row), row) for row, group in enumerate(groups.tolist())]
