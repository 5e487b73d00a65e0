"""The changes of one transaction: rows, their history, the revision and the digest, in step."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterable, Sequence
from typing import cast

import sqlalchemy as sa

from earmark.errors import LibraryDamaged, LibraryError, TrackNotFound
from earmark.library import digest, rules
from earmark.library.backends import rows
from earmark.library.backends.schema import (
    history,
    segments,
    state,
    track_genres,
    tracks,
    vectors,
)
from earmark.library.model import Change, Track

_PATHS_A_QUERY = 500


Parts = Sequence[tuple[float, float, bytes]]
"""Start, stop and stored vector of each segment of a track."""

Put = tuple[Change, bytes | None]
"""A change, and the stored vector of its track before."""


class Writer:
    """Changes tables inside a transaction of the caller's; `close` it at the end.

    Parameters
    ----------
    connection
        In a transaction that nobody else can write beside.
    where
        What messages call the library.
    at
        When, for the history; None: now.

    Attributes
    ----------
    ids
        Of the tracks that were added, changed or removed.
    """

    def __init__(
        self, connection: sa.Connection, where: object, at: datetime.datetime | None = None
    ) -> None:
        self._connection = connection
        self._where = where
        self._more: list[int] = []
        self._less: list[int] = []
        self._touched = 0
        self.ids: set[int] = set()
        self._now = at or datetime.datetime.now(datetime.UTC)

    def close(self) -> None:
        """Write down the revision and the digest that the changes make."""
        if not self._touched:
            return
        with rows.intact(self._where):
            known = self._connection.execute(sa.select(state.c.digest)).scalar_one()
            made = digest.moved(known, more=self._more, less=self._less)
        self._connection.execute(
            state.update().values(revision=state.c.revision + self._touched, digest=made)
        )

    def get(self, track_id: int) -> Track:
        """Return a track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        query = sa.select(*rows.COLUMNS).where(tracks.c.id == track_id)
        with rows.intact(self._where):
            found = rows.read_tracks(self._connection, query)
        if not found:
            raise TrackNotFound(f"{self._where}: has no track {track_id}")
        return found[0]

    def vector(self, track_id: int) -> bytes:
        """Return the stored vector of a track.

        Raises
        ------
        LibraryDamaged
            It has none.
        """
        query = sa.select(vectors.c.vector).where(vectors.c.track_id == track_id)
        found = self._connection.scalar(query)
        if not isinstance(found, bytes):
            raise LibraryDamaged(
                f"{self._where}: is damaged (track {track_id} has no vector); build it again"
            )
        return found

    # Tracks

    def put(
        self, new: Sequence[Track], blobs: Sequence[bytes], parts: Sequence[Parts]
    ) -> list[Put]:
        """Insert tracks with their vectors and segments, or replace those of the same paths.

        Most are new, and are written many at a time.
        """
        held = self._held({track.path for track in new if track.path is not None})
        met: set[str] = set()
        plain, clashing = [], []
        for number, track in enumerate(new):
            if track.path is not None and (track.path in held or track.path in met):
                clashing.append(number)
                continue
            plain.append(number)
            if track.path is not None:
                met.add(track.path)
        done: dict[int, Put] = {}
        ids = self._insert([new[n] for n in plain], [blobs[n] for n in plain])
        self._add_segments(zip(ids, (parts[n] for n in plain), strict=True))
        for number, track_id in zip(plain, ids, strict=True):
            added = dataclasses.replace(new[number], id=track_id)
            done[number] = self._change("add", None, added), None
        # A path may also come twice among the new ones; then the last of them holds.
        for number in clashing:
            (track_id,) = self._held({str(new[number].path)}).values()
            before, former = self.get(track_id), self.vector(track_id)
            after = dataclasses.replace(new[number], id=track_id)
            done[number] = self.replace(before, after, blobs[number]), former
            self._add_segments([(track_id, parts[number])])
        return [done[number] for number in range(len(new))]

    def _held(self, paths: set[str]) -> dict[str, int]:
        """Return the tracks that have one of these paths: their ids by path."""
        found: dict[str, int] = {}
        listed = sorted(paths)
        for start in range(0, len(listed), _PATHS_A_QUERY):
            query = sa.select(tracks.c.path, tracks.c.id).where(
                tracks.c.path.in_(listed[start : start + _PATHS_A_QUERY])
            )
            found |= {
                str(path): int(track_id) for path, track_id in self._connection.execute(query)
            }
        return found

    def _insert(self, new: Sequence[Track], blobs: Sequence[bytes]) -> list[int]:
        if not new:
            return []
        insert = tracks.insert().returning(tracks.c.id, sort_by_parameter_order=True)
        values = [rows.values_of(track) for track in new]
        ids = [int(track_id) for track_id in self._connection.scalars(insert, values)]
        self._add_vectors(ids, blobs)
        self._add_labels(zip(ids, new, strict=True))
        self._touched += len(ids)
        self.ids.update(ids)
        return ids

    def _add_vectors(self, ids: Sequence[int], blobs: Sequence[bytes]) -> None:
        self._connection.execute(
            vectors.insert(),
            [{"track_id": i, "vector": blob} for i, blob in zip(ids, blobs, strict=True)],
        )
        self._more += map(digest.of_vector, ids, blobs)

    def _add_segments(self, parts: Iterable[tuple[int, Parts]]) -> None:
        found = [(track_id, *part) for track_id, of_track in parts for part in of_track]
        if found:
            names = ("track_id", "start", "stop", "vector")
            values = [dict(zip(names, part, strict=True)) for part in found]
            self._connection.execute(segments.insert(), values)
        self._more += (digest.of_segment(*part) for part in found)

    def _drop_segments(self, track_id: int) -> None:
        mine = segments.c.track_id == track_id
        with rows.intact(self._where):
            for row in self._connection.execute(sa.select(segments).where(mine)):
                self._less.append(digest.of_segment(*row))
        self._connection.execute(segments.delete().where(mine))

    def _add_labels(self, labelled: Iterable[tuple[int, Track]]) -> None:
        labels = [
            (track_id, genre, share)
            for track_id, track in labelled
            for genre, share in zip(track.genres, rules.shares_of(track.genres), strict=True)
        ]
        if labels:
            names = ("track_id", "genre", "weight")
            values = [dict(zip(names, label, strict=True)) for label in labels]
            self._connection.execute(track_genres.insert(), values)
        self._more += (digest.of_label(*label) for label in labels)

    def _drop_labels(self, track_id: int) -> None:
        mine = track_genres.c.track_id == track_id
        query = sa.select(track_genres.c.genre, track_genres.c.weight).where(mine)
        with rows.intact(self._where):
            for genre, weight in self._connection.execute(query):
                self._less.append(digest.of_label(track_id, genre, weight))
        self._connection.execute(track_genres.delete().where(mine))

    def _change(self, what: str, before: Track | None, after: Track | None) -> Change:
        known = before if after is None else after
        return Change(None, self._now, what, rows.id_of(cast(Track, known)), before, after)

    def replace(self, before: Track, after: Track, blob: bytes | None = None) -> Change:
        """Let a track that is there be as ``after`` says, with another vector where one is given.

        Segments belong to a vector, and go with it.

        Raises
        ------
        LibraryError
            Another track has that path.
        """
        track_id = rows.id_of(before)
        if after.path is not None and after.path != before.path and self._held({after.path}):
            raise LibraryError(f"{self._where}: another track is {after.path} already")
        self._connection.execute(
            tracks.update().where(tracks.c.id == track_id).values(**rows.values_of(after))
        )
        if after.genres != before.genres:
            self._drop_labels(track_id)
            self._add_labels([(track_id, after)])
        if blob is not None:
            self._drop_segments(track_id)
            self._less.append(digest.of_vector(track_id, self.vector(track_id)))
            mine = vectors.c.track_id == track_id
            self._connection.execute(vectors.update().where(mine).values(vector=blob))
            self._more.append(digest.of_vector(track_id, blob))
        self._touched += 1
        self.ids.add(track_id)
        return self._change("relabel", before, after)

    def remove(self, track: Track) -> Change:
        """Take out a track that is there."""
        track_id = rows.id_of(track)
        self._less.append(digest.of_vector(track_id, self.vector(track_id)))
        self._drop_labels(track_id)
        self._drop_segments(track_id)
        self._connection.execute(vectors.delete().where(vectors.c.track_id == track_id))
        self._connection.execute(tracks.delete().where(tracks.c.id == track_id))
        self._touched += 1
        self.ids.add(track_id)
        return self._change("remove", track, None)

    def restore(self, track: Track, blob: bytes) -> None:
        """Put back a track that was removed, with the id that it had, without segments."""
        track_id = rows.id_of(track)
        values = rows.values_of(track)
        self._connection.execute(tracks.insert().values(id=track_id, **values))
        self._add_vectors([track_id], [blob])
        self._add_labels([(track_id, track)])
        self._touched += 1
        self.ids.add(track_id)

    # History

    def record(self, made: Sequence[Put]) -> list[Change]:
        """Keep changes in the history; return them with their ids."""
        if not made:
            return []
        values = [
            {
                "time": change.time.isoformat(),
                "what": change.what,
                "track_id": change.track_id,
                "before": _json(change.before),
                "after": _json(change.after),
                "vector_before": vector_before,
                "undone": False,
            }
            for change, vector_before in made
        ]
        insert = history.insert().returning(history.c.id, sort_by_parameter_order=True)
        ids = self._connection.scalars(insert, values)
        return [
            dataclasses.replace(change, id=int(change_id))
            for (change, _), change_id in zip(made, ids, strict=True)
        ]

    def take_back(self, change_id: int) -> Change:
        """Undo one entry of the history; return it as it is then.

        Raises
        ------
        ChangeNotFound
            There is no such entry.
        LibraryError
            It was undone before, or a later one of the same track still holds.
        """
        with rows.intact(self._where):
            row = rows.history_row(self._connection, change_id, self._where)
            change = rows.change_of(row)
            rules.check_undo(change, self._later(change))
        self._restore(change, row["vector_before"])
        done = history.update().where(history.c.id == change_id)
        self._connection.execute(done.values(undone=True))
        return dataclasses.replace(change, undone=True)

    def _later(self, change: Change) -> Change | None:
        query = (
            sa.select(history)
            .where(
                history.c.track_id == change.track_id,
                history.c.id > change.id,
                history.c.undone.is_(False),
            )
            .order_by(history.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).mappings().first()
        return None if row is None else rows.change_of(row)

    def _restore(self, change: Change, vector: bytes | None) -> None:
        track_id, before = change.track_id, change.before
        query = sa.select(tracks.c.id).where(tracks.c.id == track_id)
        present = self._connection.scalar(query) is not None
        if before is None:
            if present:
                self.remove(self.get(track_id))
            return
        # A file that has been recorded again meanwhile keeps its path.
        holders = self._held({before.path}) if before.path is not None else {}
        rules.check_restored(
            change,
            path_is_taken=any(holder != track_id for holder in holders.values()),
            can_return=present or vector is not None,
        )
        if present:
            self.replace(self.get(track_id), before, vector)
        elif vector is not None:
            self.restore(before, vector)


def _json(track: Track | None) -> str | None:
    if track is None:
        return None
    values = dataclasses.asdict(track)
    # Most tracks have one genre, and older versions know no others.
    if not track.other_genres:
        del values["other_genres"]
    return json.dumps(values)
