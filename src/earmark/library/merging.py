"""Several libraries as one: each recording once under a genre, and nothing heard again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.features import Segments
from earmark.library.base import Library
from earmark.library.default import new_library, open_library
from earmark.library.fitting import refit
from earmark.library.model import Track

_BATCH = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Conflict:
    """A recording with different genres: what is ``kept``, and what another ``library`` says."""

    track: str
    kept: str
    other: str
    library: str


@dataclasses.dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did.

    Attributes
    ----------
    tracks
        Of the new library.
    genres
        How many tracks each genre has there.
    same
        Tracks that were left out since an earlier library has the recording.
    conflicts
        Those of them that have another genre there.
    """

    tracks: int
    genres: dict[str, int]
    same: int
    conflicts: tuple[Conflict, ...]

    def to_json(self, location: str) -> dict[str, Any]:
        """Return this as JSON values; ``location`` is that of the new library."""
        return {
            "library": location,
            "tracks": self.tracks,
            "genres": self.genres,
            "same_recordings": self.same,
            "conflicts": [dataclasses.asdict(conflict) for conflict in self.conflicts],
        }


def merge_libraries(
    sources: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Merged:
    """Make one library of several; they stay as they are.

    All tracks of the first are taken, and of each further one those whose recording or file no
    earlier one has. Where it has, a genre given by hand holds, else that of the earlier library; a
    track without a genre takes that of the later one. Of histories nothing is taken.

    Parameters
    ----------
    sources
        The libraries, at least one.
    target
        Where the new one is made; it is there whole or not at all.
    overwrite
        Replace a library that is there.

    Raises
    ------
    LibraryExtractor
        They hold vectors of different extractors.
    LibraryExists
        There is something at the target.
    LibraryError
        One cannot be used.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_library(one, read_only=True)) for one in sources]
        spec = opened[0].spec
        for library in opened[1:]:
            library.require(spec.name, spec.version, spec.checksum)
        union = _Union()
        for library in opened:
            union.take(library)
        with new_library(target, spec, overwrite=overwrite) as made:
            for tracks, vectors, segments in union.batches():
                made.add(tracks, vectors, segments=segments, remember=False)
            parents = {
                genre: parent
                for library in reversed(opened)
                for genre, parent in library.parents().items()
            }
            if parents:
                made.set_parents(parents)
            if made.genres():
                refit(made)
            count, genres = made.count(), made.genres()
    return Merged(count, genres, union.same, tuple(union.conflicts))


class _Union:
    """The tracks that were taken so far, and how to know them again."""

    def __init__(self) -> None:
        self.same = 0
        self.conflicts: list[Conflict] = []
        self._tracks: list[Track] = []
        self._vectors: list[NDArray[np.floating]] = []
        self._segments: list[Segments | None] = []
        # Places in these lists by content, sound and path.
        self._places: dict[tuple[str, str], int] = {}

    def take(self, library: Library) -> None:
        """Take the tracks of a library that are not there yet."""
        snapshot = library.snapshot(unlabelled=True)
        tracks = library.get_many(snapshot.ids.tolist())
        segments = library.segments(snapshot.ids.tolist())
        # Within one library, two tracks of a recording are meant: they have different genres.
        new: list[tuple[Track, NDArray[np.floating]]] = []
        for track_id, vector in zip(snapshot.ids.tolist(), snapshot.vectors, strict=True):
            track = tracks[track_id]
            place = next((self._places[key] for key in _keys(track) if key in self._places), None)
            if place is None:
                new.append((track, vector))
            else:
                self._meet(place, track, library.name)
        for track, vector in new:
            for key in _keys(track):
                self._places.setdefault(key, len(self._tracks))
            self._tracks.append(track)
            self._vectors.append(vector)
            self._segments.append(segments.get(track.id or 0))

    def _meet(self, place: int, other: Track, library: str) -> None:
        held = self._tracks[place]
        self.same += 1
        if other.genre is None or other.genre == held.genre:
            return
        wins = held.genre is None or (other.taught and not held.taught)
        kept = held
        if wins:
            kept = dataclasses.replace(
                held, genre=other.genre, other_genres=other.other_genres, taught=other.taught
            )
        if held.genre is not None:
            lost = held.genre if wins else other.genre
            self.conflicts.append(Conflict(held.name, str(kept.genre), lost, library))
        self._tracks[place] = kept

    def batches(
        self,
    ) -> Iterator[tuple[list[Track], NDArray[np.floating], list[Segments | None]]]:
        """Yield tracks with their vectors [m, d] and segments, some at a time."""
        for start in range(0, len(self._tracks), _BATCH):
            some = slice(start, start + _BATCH)
            yield self._tracks[some], np.stack(self._vectors[some]), self._segments[some]


def _keys(track: Track) -> Iterator[tuple[str, str]]:
    for kind in ("content_hash", "audio_hash", "path"):
        value = getattr(track, kind)
        if value:
            yield kind, value
