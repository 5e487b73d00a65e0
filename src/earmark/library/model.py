"""What a library is made of: tracks, their changes, and the extractor of their vectors."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from earmark.features import ExtractorSpec

__all__ = [
    "LARGEST_ID",
    "Change",
    "ExtractorSpec",
    "Fitted",
    "Mark",
    "Since",
    "Track",
    "TrackChanges",
]

LARGEST_ID = 2**63 - 1
"""Larger numbers are no track's, and no database would take them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One piece of music in a library, labelled or not; its vector is kept beside it.

    Attributes
    ----------
    name
        What it is called in answers and lists of tracks, such as ``"blues.00042"``. Not unique.
    genre
        None: unlabelled, so it has no vote. Of several the first.
    other_genres
        The further genres of a track that has several, in their order. A style of a genre may be
        written ``Parent---Child``.
    artist, title
        As far as known. Tracks of one artist are kept together when a library is evaluated.
    source
        Which collection it is from, as far as that was said, such as ``"GTZAN"``: recordings of one
        source may be alike in more than their genres.
    path
        The file, absolute. At most one track of a library has a given path.
    content_hash
        SHA-256 of the file's bytes, 64 hexadecimal digits.
    audio_hash
        SHA-256 of the file's audio payload, 64 hexadecimal digits: it stays when tags or pictures
        change. None where it is not known, or the payload cannot be taken out of the file.
    duration
        In seconds.
    size, modified_ns
        Of the file when it was heard, in bytes and nanoseconds: unchanged files are not read again.
    taught
        The genre was given by hand, so that a later build does not change it.
    id
        Given by the library; None for a track that is in none. Says nothing about the order.

    Examples
    --------
    >>> track = Track(name="blues.00042", genre="blues", artist="Somebody")
    >>> track.id is None, track.taught
    (True, False)
    >>> Track(name=" ", genre="blues")
    Traceback (most recent call last):
    ValueError: a track needs a name
    """

    name: str
    genre: str | None
    other_genres: tuple[str, ...] = ()
    artist: str | None = None
    title: str | None = None
    source: str | None = None
    path: str | None = None
    content_hash: str | None = None
    audio_hash: str | None = None
    duration: float | None = None
    size: int | None = None
    modified_ns: int | None = None
    taught: bool = False
    id: int | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a track needs a name")
        if self.path is not None and "\0" in self.path:
            raise ValueError("no file has a NUL in its path")
        if self.genre is not None and not self.genre.strip():
            raise ValueError(f"{self.name}: a genre needs a name; None stands for unlabelled")
        # JSON has no tuples.
        object.__setattr__(self, "other_genres", tuple(self.other_genres))
        if self.other_genres and self.genre is None:
            raise ValueError(f"{self.name}: has further genres, but no first one")
        if not all(genre.strip() for genre in self.other_genres):
            raise ValueError(f"{self.name}: a genre needs a name")
        if len(set(self.genres)) < len(self.genres):
            raise ValueError(f"{self.name}: has a genre twice")

    @property
    def genres(self) -> tuple[str, ...]:
        """All its genres, the first one first; none where it is unlabelled."""
        return () if self.genre is None else (self.genre, *self.other_genres)


class TrackChanges(TypedDict, total=False):
    """The fields of a track that `Library.update` can set; those left out stay as they are.

    But a new ``genre`` alone is the only one: further genres that the track had go.
    """

    name: str
    genre: str | None
    other_genres: tuple[str, ...]
    artist: str | None
    title: str | None
    source: str | None
    path: str | None
    content_hash: str | None
    audio_hash: str | None
    duration: float | None
    size: int | None
    modified_ns: int | None
    taught: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed about one track; `Library.undo` takes it back.

    Attributes
    ----------
    id
        For `Library.undo`; None for one that the history does not keep.
    time
        When, in UTC.
    what
        ``"add"``, ``"relabel"`` (any change of an existing track) or ``"remove"``.
    track_id
        The track in question.
    before, after
        The track as it was and as it became; None before an addition and after a removal.
    undone
        It was taken back.
    """

    id: int | None
    time: datetime.datetime
    what: str
    track_id: int
    before: Track | None
    after: Track | None
    undone: bool = False

    @property
    def track(self) -> Track:
        """The track as it became or, if it was removed, as it was."""
        return cast(Track, self.before if self.after is None else self.after)


@dataclass(frozen=True)
class Fitted:
    """Stored parameters of the vote, and how the library looked when they were fitted.

    Attributes
    ----------
    blob
        ``Parameters.to_bytes()``.
    revision
        Of the snapshot that they were fitted to.
    genres
        The genres of that snapshot, sorted.
    """

    blob: bytes
    revision: int
    genres: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A library at one moment.

    Attributes
    ----------
    revision
        Of the library.
    digest
        Of all its vectors, segments and labels.
    labels
        The part of it that the labels make.
    last_id
        No track had a greater id; ids are never given twice.
    token
        Every change makes another, at random; empty where there is none.
    """

    revision: int
    digest: str
    labels: str
    last_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Since:
    """What is to be searched beside the labelled tracks of a mark.

    Attributes
    ----------
    added
        Ids of tracks that are labelled now and were not there, or not labelled, sorted [t].
    vectors
        Theirs [t, dimension].
    gone
        Ids of tracks that lost their labels [g].
    """

    added: NDArray[np.int64]
    vectors: NDArray[np.floating]
    gone: NDArray[np.int64]
