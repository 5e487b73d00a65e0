"""A library in a relational database, whichever: questions and changes in SQLAlchemy Core.

What the methods do is said by `earmark.library.Library`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack

import numpy as np
import sqlalchemy as sa
from numpy.typing import ArrayLike, NDArray

from earmark.errors import LibraryDamaged, LibraryReadOnly, TrackNotFound
from earmark.features import Segments
from earmark.library import digest, rules
from earmark.library.arrays import Arrays, arrays_of
from earmark.library.backends import rows
from earmark.library.backends.columns import read_parents, read_segments, read_snapshot
from earmark.library.backends.revised import MOST_REVISED, read_revised
from earmark.library.backends.schema import (
    Plain,
    genre_parents,
    has_segments,
    history,
    segments,
    state,
    track_genres,
    tracks,
    vectors,
)
from earmark.library.backends.since import read_mark, read_since
from earmark.library.backends.writing import Writer
from earmark.library.lists import Lists
from earmark.library.model import (
    Change,
    ExtractorSpec,
    Fitted,
    Mark,
    Since,
    Track,
    TrackChanges,
)
from earmark.library.notebook import library_html
from earmark.library.snapshot import Snapshot

_IDS_A_QUERY = 500
LARGEST_ID = 2**63 - 1
"""Larger numbers are no track's, and no database would take them."""

T = TypeVar("T")


class SqlLibrary(Lists):
    """Labelled tracks in a database.

    Parameters
    ----------
    location
        Where that is; it names the library in messages.
    engine
        The database, its tables made and of the present format.
    spec
        The extractor of its vectors.
    read_only
        Whether changes are refused.
    """

    def __init__(
        self, location: str, engine: sa.Engine, spec: ExtractorSpec, read_only: bool
    ) -> None:
        self.location = location
        self.spec = spec
        self.read_only = read_only
        self._engine = engine
        self._lock = threading.Lock()
        # With and without unlabelled tracks.
        self._snapshots: dict[bool, Snapshot] = {}
        # What this object itself changed: by the revision before, the one behind it and the tracks.
        self._own: dict[int, tuple[int, frozenset[int]]] = {}
        # Answers that cost a look at all tracks, with the revision for which they hold.
        self._kept: dict[object, tuple[int, Any]] = {}

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<library {self.location!r} of {self.spec.name} vectors>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return library_html(self)

    # Transactions

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn errors of the database into Earmark's."""
        raise NotImplementedError

    def _began(self, connection: sa.Connection) -> None:
        """Be told of a transaction that will write."""

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with (
            self._translated(),
            self._engine.begin() as connection,
            rows.intact(self.location),
        ):
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        if self.read_only:
            raise LibraryReadOnly(f"{self.location}: is open for reading only; write to a copy")
        writer = self._engine.execution_options(write=True)
        with self._translated(), writer.begin() as connection:
            self._began(connection)
            yield connection

    @contextlib.contextmanager
    def _changing(self, at: datetime.datetime | None = None) -> Iterator[Writer]:
        """Change tracks: all of the block or, where it raises, nothing."""
        with self._writing() as connection:
            before = _revision(connection)
            writer = Writer(connection, self.location, at)
            yield writer
            writer.close()
            after = _revision(connection)
        if len(writer.ids) <= MOST_REVISED:
            if len(self._own) >= MOST_REVISED:
                self._own.clear()
            self._own[before] = after, frozenset(writer.ids)

    def _touched(self, revision: int, now: int) -> frozenset[int] | None:
        """Return the tracks that were touched between two revisions.

        None where another process did some of it, and where they are many.
        """
        touched: frozenset[int] = frozenset()
        while revision != now:
            after, ids = self._own.get(revision, (revision, frozenset()))
            touched |= ids
            if after == revision or len(touched) > MOST_REVISED:
                return None
            revision = after
        return touched

    def _cached(self, key: object, ask: Callable[[sa.Connection], T]) -> T:
        """Return an answer that is kept until the library changes."""
        with self._reading() as connection:
            revision = _revision(connection)
            known = self._kept.get(key)
            if known is None or known[0] != revision:
                if len(self._kept) > 100:
                    self._kept.clear()
                known = self._kept[key] = revision, ask(connection)
        found: T = known[1]
        return found

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Return a transaction that sees one state of the whole database, for other back-ends."""
        return self._reading()

    def writing(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """Return a transaction beside which nobody else writes, for other back-ends."""
        return self._writing()

    # What it is

    @property
    def revision(self) -> int:
        with self._reading() as connection:
            return _revision(connection)

    @property
    def digest(self) -> str:
        """What `earmark.library.digest` made of all vectors and labels, as it was written down."""
        with self._reading() as connection:
            return str(connection.execute(sa.select(state.c.digest)).scalar_one())

    @property
    def token(self) -> str:
        with self._reading() as connection:
            return self._state_token(connection)

    def _state_token(self, connection: sa.Connection) -> str:
        return str(connection.execute(sa.select(state.c.token)).scalar_one())

    def mark(self) -> Mark:
        with self._reading() as connection:
            return read_mark(connection, self._state_token(connection))

    def since(self, before: Mark, ids: NDArray[np.int64], most: int) -> Since | None:
        with self._reading() as connection:
            return read_since(connection, before, ids, most, self.spec, self.location)

    def require(self, name: str, version: str, checksum: str | None = None) -> None:
        rules.require(self.location, self.spec, name, version, checksum)

    def check(self) -> None:
        held = sa.select(vectors.c.track_id, vectors.c.vector)
        labels = sa.select(track_genres.c.track_id, track_genres.c.genre, track_genres.c.weight)
        columns = (state.c.digest, state.c.parameters, state.c.parameters_digest)
        with self._reading() as connection:
            told, parameters, parameters_told = connection.execute(sa.select(*columns)).one()
            parts = connection.execute(sa.select(segments)) if has_segments(connection) else ()
            found = digest.moved(
                digest.EMPTY,
                more=(
                    sum(digest.of_vector(*row) for row in connection.execute(held)),
                    sum(digest.of_label(*row) for row in connection.execute(labels)),
                    sum(digest.of_segment(*row) for row in parts),
                ),
            )
        wrong = []
        if found != told:
            wrong.append("vectors or labels")
        if parameters is not None and digest.of_parameters(parameters) != parameters_told:
            wrong.append("the fitted vote")
        if wrong:
            raise LibraryDamaged(
                f"{self.location}: is damaged ({' and '.join(wrong)} were changed by something "
                "else than Earmark); take a copy from before, save its tracks by 'earmark repair', "
                "or build it again"
            )

    # Tracks

    def get(self, track_id: int) -> Track:
        found = self.get_many([track_id])
        if not found:
            raise TrackNotFound(f"{self.location}: has no track {track_id}")
        return found[track_id]

    def get_many(self, track_ids: Iterable[int]) -> dict[int, Track]:
        wanted = [i for i in dict.fromkeys(map(int, track_ids)) if 0 <= i <= LARGEST_ID]
        found: dict[int, Track] = {}
        with self._reading() as connection:
            for start in range(0, len(wanted), _IDS_A_QUERY):
                some = tracks.c.id.in_(wanted[start : start + _IDS_A_QUERY])
                query = sa.select(*rows.COLUMNS).where(some)
                for track in rows.read_tracks(connection, query):
                    found[rows.id_of(track)] = track
        return {track_id: found[track_id] for track_id in wanted if track_id in found}

    def find_hash(self, content_hash: str) -> list[Track]:
        return self._select(tracks.c.content_hash == content_hash)

    def find_audio_hash(self, audio_hash: str) -> list[Track]:
        return self._select(tracks.c.audio_hash == audio_hash)

    def find_path(self, path: str | os.PathLike[str]) -> Track | None:
        found = self._select(tracks.c.path == os.fspath(path))
        return found[0] if found else None

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
        where = _filters(genre, artist, search, taught, labelled)
        return self._select(*where, offset=offset, limit=limit)

    def _select(
        self, *where: sa.ColumnElement[bool], offset: int = 0, limit: int | None = None
    ) -> list[Track]:
        query = sa.select(*rows.COLUMNS)
        if offset or limit is not None:
            # Those passed over are not read themselves: the index of the order knows them.
            page = sa.select(tracks.c.id).where(*where).order_by(*rows.ORDER)
            query = query.where(tracks.c.id.in_(page.offset(offset).limit(limit)))
        else:
            query = query.where(*where)
        with self._reading() as connection:
            return rows.read_tracks(connection, query.order_by(*rows.ORDER))

    def count(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | tuple[str, ...] | None = None,
        taught: bool | None = None,
        labelled: bool | None = None,
    ) -> int:
        where = _filters(genre, artist, search, taught, labelled)
        query = sa.select(sa.func.count()).select_from(tracks).where(*where)
        key = ("count", genre, artist, search, taught, labelled)
        return self._cached(key, lambda connection: int(connection.scalar(query) or 0))

    def genres(self) -> dict[str, int]:
        return self._counts(track_genres.c.genre)

    def artists(self, *, genre: str | None = None, labelled: bool | None = None) -> dict[str, int]:
        where = _filters(genre, None, None, None, labelled)
        return self._counts(tracks.c.artist, where, genre, labelled)

    def _counts(
        self, column: sa.Column[Any], where: Sequence[sa.ColumnElement[bool]] = (), *key: object
    ) -> dict[str, int]:
        query = (
            sa.select(column, sa.func.count()).where(column.is_not(None), *where).group_by(column)
        )

        def ask(connection: sa.Connection) -> dict[str, int]:
            # All at once: one by one takes twice as long.
            return dict(sorted(map(tuple, connection.execute(query).all())))

        return dict(self._cached((column.name, *key), ask))

    def parents(self) -> dict[str, str]:
        with self._reading() as connection:
            return read_parents(connection)

    def vector(self, track_id: int) -> NDArray[np.floating]:
        with self._reading() as connection:
            writer = Writer(connection, self.location)
            writer.get(track_id)
            vector = rows.unpack([writer.vector(track_id)], self.spec, self.location)
            rows.check_finite(vector, self.location)
        found: NDArray[np.floating] = np.array(vector[0])
        return found

    def segments(self, track_ids: Iterable[int]) -> dict[int, Segments]:
        wanted = [i for i in dict.fromkeys(map(int, track_ids)) if 0 <= i <= LARGEST_ID]
        with self._reading() as connection:
            if not has_segments(connection):
                return {}
            return read_segments(connection, wanted, self.spec, self.location)

    def snapshot(self, *, unlabelled: bool = False) -> Snapshot:
        with self._lock, self._reading() as connection:
            revision = _revision(connection)
            # Where every track is labelled, both are the same one.
            unlabelled = unlabelled and _has_unlabelled(connection)
            known = self._snapshots.get(unlabelled)
            if known is None or known.revision != revision:
                fresh = None
                if known is not None:
                    fresh = self._revised(connection, known, revision, unlabelled)
                # Those of former revisions need not be held beside it.
                self._snapshots = {
                    kind: held
                    for kind, held in self._snapshots.items()
                    if held.revision == revision
                }
                if fresh is None and not unlabelled:
                    fresh = self._kept_snapshot(connection, revision)
                known = self._snapshots[unlabelled] = fresh or read_snapshot(
                    connection, revision, self.spec, self.location, unlabelled=unlabelled
                )
            return known

    def _kept_snapshot(self, connection: sa.Connection, revision: int) -> Snapshot | None:
        """Return the labelled tracks as they are kept beside the library, if they are."""
        return None

    def _revised(
        self, connection: sa.Connection, known: Snapshot, revision: int, unlabelled: bool
    ) -> Snapshot | None:
        """Return the snapshot of a revision, made of a former one; None where that cannot be."""
        touched = self._touched(known.revision, revision)
        if touched is None:
            return None
        where = self.location
        return read_revised(
            connection, known, revision, touched, self.spec, where, unlabelled=unlabelled
        )

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
        stored = rules.pack(np.asarray(vectors), len(new), self.spec)
        parts = rules.pack_segments(segments, len(new), self.spec)
        with self._changing(at) as writer:
            made = writer.put(new, [row.tobytes() for row in stored], parts)
            keep = [track.taught if remember is None else remember for track in new]
            kept = iter(
                writer.record([put for put, wanted in zip(made, keep, strict=True) if wanted])
            )
            return [
                next(kept) if wanted else change
                for (change, _), wanted in zip(made, keep, strict=True)
            ]

    def update(
        self, track_id: int, *, remember: bool = True, **changes: Unpack[TrackChanges]
    ) -> Change | None:
        with self._changing() as writer:
            before = writer.get(track_id)
            after = rules.changed(before, changes)
            if after == before:
                return None
            change = writer.replace(before, after)
            return writer.record([(change, None)])[0] if remember else change

    def update_many(
        self, changes: Mapping[int, TrackChanges], *, at: datetime.datetime | None = None
    ) -> list[Change]:
        with self._changing(at) as writer:
            made = []
            for track_id, change in changes.items():
                before = writer.get(track_id)
                after = rules.changed(before, change)
                if after != before:
                    made.append(writer.replace(before, after))
            return writer.record([(change, None) for change in made])

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
        listed = [{"genre": genre, "parent": parent} for genre, parent in parents.items()]
        with self._writing() as connection:
            connection.execute(genre_parents.delete())
            if listed:
                connection.execute(genre_parents.insert(), listed)
            # Tracks are of other genres from now on.
            connection.execute(state.update().values(revision=state.c.revision + 1))

    def remove(
        self,
        track_ids: Iterable[int],
        *,
        remember: bool = True,
        at: datetime.datetime | None = None,
    ) -> list[Change]:
        with self._changing(at) as writer:
            gone = [writer.get(track_id) for track_id in dict.fromkeys(track_ids)]
            held = [writer.vector(rows.id_of(track)) if remember else None for track in gone]
            changes = [writer.remove(track) for track in gone]
            return writer.record(list(zip(changes, held, strict=True))) if remember else changes

    def undo(self, change_id: int) -> Change:
        with self._changing() as writer:
            return writer.take_back(change_id)

    def change(self, change_id: int) -> Change:
        with self._reading() as connection:
            return rows.change_of(rows.history_row(connection, change_id, self.location))

    def history(self, limit: int = 50, *, track_id: int | None = None) -> list[Change]:
        query = sa.select(history).order_by(history.c.id.desc()).limit(limit)
        if track_id is not None:
            query = query.where(history.c.track_id == track_id)
        with self._reading() as connection:
            return [rows.change_of(row) for row in connection.execute(query).mappings()]

    # The fitted vote

    def fitted(self) -> Fitted | None:
        columns = (state.c.parameters, state.c.parameters_revision, state.c.parameters_genres)
        with self._reading() as connection:
            blob, revision, genres = connection.execute(sa.select(*columns)).one()
            if blob is None:
                return None
            if not isinstance(blob, bytes):
                raise TypeError("the parameters are not bytes")
            return Fitted(blob, int(revision), tuple(json.loads(genres)))

    def fitting_alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def store_parameters(self, blob: bytes, snapshot: Snapshot | None = None) -> None:
        fitted_to = self.snapshot() if snapshot is None else snapshot
        with self._writing() as connection:
            connection.execute(
                state.update().values(
                    parameters=blob,
                    parameters_revision=fitted_to.revision,
                    parameters_genres=json.dumps(fitted_to.genre_names),
                    parameters_digest=digest.of_parameters(blob),
                )
            )


def _revision(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state.c.revision)).scalar_one())


def _has_unlabelled(connection: sa.Connection) -> bool:
    labels = sa.select(track_genres.c.track_id).where(track_genres.c.track_id == tracks.c.id)
    return connection.scalar(sa.select(tracks.c.id).where(~labels.exists()).limit(1)) is not None


def _filters(
    genre: str | None,
    artist: str | None,
    search: str | tuple[str, ...] | None,
    taught: bool | None,
    labelled: bool | None,
) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if genre is not None:
        where.append(rows.has_genre(genre))
    if artist is not None:
        where.append(tracks.c.artist == artist)
    where += [
        Plain(tracks.c.search_text).contains(part, autoescape=True)
        for part in rules.parts_of(search)
    ]
    if taught is not None:
        where.append(tracks.c.taught.is_(taught))
    if labelled is not None:
        label = sa.select(track_genres.c.track_id).where(track_genres.c.track_id == tracks.c.id)
        where.append(label.exists() if labelled else ~label.exists())
    return where
