"""What a library is made of: tracks, the extractor of their vectors, and a snapshot of them all."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from earmark.features import ExtractorSpec

__all__ = ["Change", "ExtractorSpec", "Fitted", "Snapshot", "Track", "TrackChanges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One piece of music in a library, labelled or not; its vector is kept beside it.

    Attributes
    ----------
    name
        What it is called in answers and lists of tracks, such as ``"blues.00042"``. Not unique.
    genre
        None: unlabelled, so it has no vote.
    artist, title
        As far as known. Tracks of one artist are kept together when a library is evaluated.
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
    """

    name: str
    genre: str | None
    artist: str | None = None
    title: str | None = None
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
        if self.genre is not None and not self.genre.strip():
            raise ValueError(f"{self.name}: a genre needs a name; None stands for unlabelled")


class TrackChanges(TypedDict, total=False):
    """The fields of a track that `Library.update` can set; those left out stay as they are."""

    name: str
    genre: str | None
    artist: str | None
    title: str | None
    path: str | None
    content_hash: str | None
    audio_hash: str | None
    duration: float | None
    size: int | None
    modified_ns: int | None
    taught: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a library's history, which `Library.undo` can take back.

    Attributes
    ----------
    id
        For `Library.undo`.
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

    id: int
    time: datetime.datetime
    what: str
    track_id: int
    before: Track | None
    after: Track | None
    undone: bool


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


@dataclass(frozen=True)
class Snapshot:
    """All labelled tracks of a library at one moment, ready for arithmetic.

    Rows are ordered by name, then path, then content hash, then id: the order does not depend on
    which worker process finished first.

    Attributes
    ----------
    revision
        Of the library when it was taken.
    tracks
        n tracks, all with a genre.
    vectors
        [n, dimension], float64 where the library keeps float64, else float32; not writable.
    genres
        The genre of each of the n tracks.
    artists
        The artist of each of the n tracks, None where unknown.
    """

    revision: int
    tracks: tuple[Track, ...]
    vectors: NDArray[np.floating]
    genres: tuple[str, ...]
    artists: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def genre_names(self) -> tuple[str, ...]:
        """The different genres, sorted."""
        return tuple(sorted(set(self.genres)))

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """The lengths of the tracks [n]; infinite where unknown, which is taken for long."""
        return np.array(
            [np.inf if track.duration is None else track.duration for track in self.tracks]
        )

    @cached_property
    def by_hash(self) -> Mapping[str, tuple[int, ...]]:
        """Rows of each content hash."""
        rows: dict[str, tuple[int, ...]] = {}
        for row, track in enumerate(self.tracks):
            if track.content_hash is not None:
                rows[track.content_hash] = (*rows.get(track.content_hash, ()), row)
        return rows

    @cached_property
    def by_id(self) -> Mapping[int, int]:
        """Row of each track id."""
        return {track.id: row for row, track in enumerate(self.tracks) if track.id is not None}

    def rows_of_hash(self, content_hash: str) -> NDArray[np.intp]:
        """Return the rows [m] of the tracks whose file had these bytes; often none."""
        return np.array(self.by_hash.get(content_hash, ()), dtype=np.intp)
