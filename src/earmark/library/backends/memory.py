"""A library in memory alone, for tests and for those who bring their own vectors for a while.

What the methods do is said by `earmark.library.Library`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import ChangeNotFound, LibraryError, LibraryReadOnly, TrackNotFound
from earmark.features import Segments
from earmark.library import rules
from earmark.library.arrays import Arrays, arrays_of
from earmark.library.lists import Lists
from earmark.library.model import Change, ExtractorSpec, Fitted, Track, TrackChanges
from earmark.library.notebook import library_html
from earmark.library.snapshot import Snapshot

Vector = NDArray[np.floating]


@dataclasses.dataclass
class _Contents:
    """All that is kept; copied before it is changed, so that a change is made whole or not."""

    tracks: dict[int, Track] = dataclasses.field(default_factory=dict)
    vectors: dict[int, Vector] = dataclasses.field(default_factory=dict)
    segments: dict[int, Segments] = dataclasses.field(default_factory=dict)
    # Changes with the vector of their track before, oldest first.
    history: list[tuple[Change, Vector | None]] = dataclasses.field(default_factory=list)
    parents: dict[str, str] = dataclasses.field(default_factory=dict)
    fitted: Fitted | None = None
    revision: int = 0
    last_id: int = 0

    def copied(self) -> _Contents:
        return dataclasses.replace(
            self,
            tracks=dict(self.tracks),
            vectors=dict(self.vectors),
            segments=dict(self.segments),
            history=list(self.history),
        )


class MemoryLibrary(Lists):
    """Labelled tracks in memory, gone with the object.

    Parameters
    ----------
    spec
        The extractor of the vectors.
    name
        What it is called.
    """

    def __init__(
        self, spec: ExtractorSpec, name: str = "memory", *, read_only: bool = False
    ) -> None:
        self.location = f"memory:{name}"
        self.name = name
        self.spec = spec
        self.read_only = read_only
        self._now = _Contents()
        self._lock = threading.RLock()
        self._snapshots: dict[bool, Snapshot] = {}

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<library {self.location!r} of {self.spec.name} vectors>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return library_html(self)

    @property
    def revision(self) -> int:
        return self._now.revision

    def require(self, name: str, version: str, checksum: str | None = None) -> None:
        rules.require(self.location, self.spec, name, version, checksum)

    def require_unchanged(self) -> None:
        pass

    def check(self) -> None:
        pass

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Contents]:
        if self.read_only:
            raise LibraryReadOnly(f"{self.location}: is open for reading only; write to a copy")
        with self._lock:
            changed = self._now.copied()
            yield changed
            self._now = changed

    # Tracks

    def get(self, track_id: int) -> Track:
        return self._get(self._now, track_id)

    def _get(self, contents: _Contents, track_id: int) -> Track:
        if track_id not in contents.tracks:
            raise TrackNotFound(f"{self.location}: has no track {track_id}")
        return contents.tracks[track_id]

    def get_many(self, track_ids: Iterable[int]) -> dict[int, Track]:
        held = self._now.tracks
        return {int(i): held[i] for i in dict.fromkeys(track_ids) if i in held}

    def find_hash(self, content_hash: str) -> list[Track]:
        return [track for track in self.tracks() if track.content_hash == content_hash]

    def find_audio_hash(self, audio_hash: str) -> list[Track]:
        return [track for track in self.tracks() if track.audio_hash == audio_hash]

    def find_path(self, path: str | os.PathLike[str]) -> Track | None:
        return next((track for track in self.tracks() if track.path == os.fspath(path)), None)

    def tracks(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | tuple[str, ...] | None = None,
        taught: bool | None = None,
        labelled: bool | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[Track]:
        parts = rules.parts_of(search)
        found = [
            track
            for track in self._now.tracks.values()
            if (genre is None or genre in track.genres)
            and artist in (None, track.artist)
            and all(part in rules.plain(rules.search_text(track)) for part in parts)
            and taught in (None, track.taught)
            and labelled in (None, track.genre is not None)
        ]
        found.sort(key=rules.order)
        return found[offset:] if limit is None else found[offset : offset + limit]

    def count(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | tuple[str, ...] | None = None,
        taught: bool | None = None,
        labelled: bool | None = None,
    ) -> int:
        found = self.tracks(
            genre=genre, artist=artist, search=search, taught=taught, labelled=labelled
        )
        return len(found)

    def genres(self) -> dict[str, int]:
        return _counts(genre for track in self._now.tracks.values() for genre in track.genres)

    def artists(self, *, genre: str | None = None, labelled: bool | None = None) -> dict[str, int]:
        return _counts(track.artist for track in self.tracks(genre=genre, labelled=labelled))

    def parents(self) -> dict[str, str]:
        return dict(self._now.parents)

    def vector(self, track_id: int) -> Vector:
        now = self._now
        self._get(now, track_id)
        found: Vector = now.vectors[track_id].astype(self.spec.working)
        return found

    def segments(self, track_ids: Iterable[int]) -> dict[int, Segments]:
        held = self._now.segments
        return {int(i): held[i] for i in dict.fromkeys(track_ids) if i in held}

    def snapshot(self, *, unlabelled: bool = False) -> Snapshot:
        with self._lock:
            now = self._now
            known = self._snapshots.get(unlabelled)
            if known is None or known.revision != now.revision:
                taken = [t for t in now.tracks.values() if unlabelled or t.genre is not None]
                taken.sort(key=rules.order)
                held = np.zeros((len(taken), self.spec.dimension), dtype=self.spec.working)
                for row, track in enumerate(taken):
                    held[row] = now.vectors[track.id or 0]
                known = self._snapshots[unlabelled] = Snapshot.of(
                    taken, held, now.revision, now.parents
                )
            return known

    def to_arrays(self) -> Arrays:
        snapshot = self.snapshot()
        known = self.get_many(snapshot.ids.tolist())
        return arrays_of(snapshot, known, self.spec.similarity)

    # Changes

    def add(
        self,
        new: Sequence[Track],
        vectors: ArrayLike,
        *,
        segments: Sequence[Segments | None] | None = None,
        remember: bool | None = None,
        at: datetime.datetime | None = None,
    ) -> list[Change]:
        at = at or _now()
        stored = rules.pack(np.asarray(vectors), len(new), self.spec)
        parts = map(self._held, rules.pack_segments(segments, len(new), self.spec))
        with self._changing() as contents:
            paths = {
                track.path: track_id
                for track_id, track in contents.tracks.items()
                if track.path is not None
            }
            changes = []
            for track, vector, of_track in zip(new, stored, parts, strict=True):
                track_id = paths.get(track.path or "")
                if track_id is None:
                    contents.last_id += 1
                    track_id = contents.last_id
                if track.path is not None:
                    paths[track.path] = track_id
                before, former = contents.tracks.get(track_id), contents.vectors.get(track_id)
                after = dataclasses.replace(track, id=track_id)
                contents.tracks[track_id] = after
                contents.vectors[track_id] = vector.copy()
                contents.segments.pop(track_id, None)
                if of_track is not None:
                    contents.segments[track_id] = of_track
                what = "add" if before is None else "relabel"
                keep = track.taught if remember is None else remember
                changes.append(_made(contents, what, before, after, former, at, keep=keep))
            return changes

    def _held(self, packed: Sequence[tuple[float, float, bytes]]) -> Segments | None:
        """Return segments as they would come from a file: by time, in the library's precision."""
        if not packed:
            return None
        starts, stops, blobs = zip(*sorted(packed), strict=True)
        stored = np.frombuffer(b"".join(blobs), self.spec.storage)
        vectors = stored.reshape(len(starts), -1).astype(self.spec.working)
        return Segments(np.array(starts), np.array(stops), vectors)

    def update(
        self, track_id: int, *, remember: bool = True, **changes: Unpack[TrackChanges]
    ) -> Change | None:
        with self._changing() as contents:
            return self._update(contents, track_id, changes, _now(), keep=remember)

    def update_many(
        self, changes: Mapping[int, TrackChanges], *, at: datetime.datetime | None = None
    ) -> list[Change]:
        at = at or _now()
        with self._changing() as contents:
            made = [
                self._update(contents, track_id, change, at, keep=True)
                for track_id, change in changes.items()
            ]
            return [change for change in made if change is not None]

    def _update(
        self,
        contents: _Contents,
        track_id: int,
        changes: TrackChanges,
        at: datetime.datetime,
        *,
        keep: bool,
    ) -> Change | None:
        before = self._get(contents, track_id)
        after = rules.changed(before, changes)
        if after == before:
            return None
        held = (track.path for track in contents.tracks.values())
        if after.path is not None and after.path != before.path and after.path in held:
            raise LibraryError(f"{self.location}: another track is {after.path} already")
        contents.tracks[track_id] = after
        return _made(contents, "relabel", before, after, None, at, keep=keep)

    def set_identity(
        self,
        track_id: int,
        *,
        audio_hash: str | None = None,
        content_hash: str | None = None,
        size: int | None = None,
        modified_ns: int | None = None,
    ) -> None:
        known = rules.identity(audio_hash, content_hash, size, modified_ns)
        self.update(track_id, remember=False, **known)

    def set_parents(self, parents: Mapping[str, str]) -> None:
        rules.check_parents(parents)
        with self._changing() as contents:
            contents.parents = dict(parents)
            contents.revision += 1

    def remove(
        self,
        track_ids: Iterable[int],
        *,
        remember: bool = True,
        at: datetime.datetime | None = None,
    ) -> list[Change]:
        at = at or _now()
        with self._changing() as contents:
            changes = []
            for track_id in dict.fromkeys(track_ids):
                track = self._get(contents, track_id)
                del contents.tracks[track_id]
                vector = contents.vectors.pop(track_id)
                contents.segments.pop(track_id, None)
                changes.append(_made(contents, "remove", track, None, vector, at, keep=remember))
            return changes

    def undo(self, change_id: int) -> Change:
        with self._changing() as contents:
            place, change, vector = self._entry(contents, change_id)
            holding = [
                other
                for other, _ in contents.history[place + 1 :]
                if other.track_id == change.track_id and not other.undone
            ]
            rules.check_undo(change, holding[-1] if holding else None)
            track_id, before = change.track_id, change.before
            if before is None:
                contents.tracks.pop(track_id, None)
                contents.vectors.pop(track_id, None)
                contents.segments.pop(track_id, None)
            else:
                holder = None if before.path is None else self.find_path(before.path)
                rules.check_restored(
                    change,
                    path_is_taken=holder is not None and holder.id != track_id,
                    can_return=track_id in contents.tracks or vector is not None,
                )
                contents.tracks[track_id] = before
                if vector is not None:
                    contents.vectors[track_id] = vector
                    contents.segments.pop(track_id, None)
            contents.revision += 1
            undone = dataclasses.replace(change, undone=True)
            contents.history[place] = undone, vector
            return undone

    def _entry(self, contents: _Contents, change_id: int) -> tuple[int, Change, Vector | None]:
        for place, (change, vector) in enumerate(contents.history):
            if change.id == change_id:
                return place, change, vector
        raise ChangeNotFound(f"{self.location}: there is no change {change_id}")

    def change(self, change_id: int) -> Change:
        return self._entry(self._now, change_id)[1]

    def history(self, limit: int = 50, *, track_id: int | None = None) -> list[Change]:
        newest = [change for change, _ in reversed(self._now.history)]
        return [change for change in newest if track_id in (None, change.track_id)][:limit]

    # The fitted vote

    def fitted(self) -> Fitted | None:
        return self._now.fitted

    def fitting_alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def store_parameters(self, blob: bytes, snapshot: Snapshot | None = None) -> None:
        fitted_to = self.snapshot() if snapshot is None else snapshot
        with self._changing() as contents:
            contents.fitted = Fitted(blob, fitted_to.revision, fitted_to.genre_names)

    def copy(
        self, location: str | os.PathLike[str], *, overwrite: bool = False, packed: bool = False
    ) -> None:
        # Where else would it be copied to; ids are given anew there, and the history stays here.
        from earmark.library.default import new_library

        now = self._now
        kept = sorted(now.tracks.values(), key=rules.order)
        nowhere: TrackChanges = {"path": None, "size": None, "modified_ns": None}
        tracks = [dataclasses.replace(track, **nowhere) if packed else track for track in kept]
        with new_library(location, self.spec, overwrite=overwrite) as library:
            library.add(
                tracks,
                np.stack([now.vectors[track.id or 0] for track in kept]),
                segments=[now.segments.get(track.id or 0) for track in kept],
            )
            if now.parents:
                library.set_parents(now.parents)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _made(
    contents: _Contents,
    what: str,
    before: Track | None,
    after: Track | None,
    vector: Vector | None,
    at: datetime.datetime,
    *,
    keep: bool,
) -> Change:
    """Count a change that was made, and keep it where that is wanted."""
    known = before if after is None else after
    contents.revision += 1
    change = Change(
        id=len(contents.history) + 1 if keep else None,
        time=at,
        what=what,
        track_id=0 if known is None else known.id or 0,
        before=before,
        after=after,
    )
    if keep:
        contents.history.append((change, vector))
    return change


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name is not None).items()))
