"""The library itself: labelled tracks and their vectors, kept in one file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
import sqlalchemy as sa
from numpy.typing import ArrayLike

from earmark.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryFormat,
    LibraryReadOnly,
)
from earmark.features import spec_of
from earmark.library import rows, sqlite
from earmark.library.model import Change, ExtractorSpec, Snapshot, Track, TrackChanges
from earmark.library.reader import LibraryReader
from earmark.library.schema import (
    FORMAT_VERSION,
    history,
    metadata,
    migrate,
    read_meta,
    state,
    tracks,
    write_meta,
)


class Library(LibraryReader):
    """Labelled tracks with vectors of one feature extractor, in one SQLite file.

    Make one with `create` or `open`; use it as a context manager, or `close` it. Several threads
    may share an object. Several processes may read a file while one writes it.

    Attributes
    ----------
    path
        The file, absolute.
    spec
        The extractor of its vectors.
    read_only
        Changes are refused with `LibraryReadOnly`: it was asked for, or the file or its folder
        may not be written.
    """

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], spec: ExtractorSpec, *, overwrite: bool = False
    ) -> Self:
        """Make an empty library and open it.

        Raises
        ------
        LibraryExists
            There is a file already. With ``overwrite`` a library is replaced, anything else is not.
        LibraryError
            The file cannot be written.
        """
        target = sqlite.real_path(path)
        facts = {
            "name": spec.name,
            "version": spec.version,
            "dimension": str(spec.dimension),
            "metric": spec.similarity,
            "dtype": spec.dtype,
        }
        with sqlite.new_file(target, overwrite=overwrite) as part, sqlite.translated(target):
            engine = sqlite.initialize(part)
            try:
                writer = engine.execution_options(write=True)
                with writer.begin() as connection:
                    metadata.create_all(connection)
                    write_meta(connection, {"format": str(FORMAT_VERSION), **facts})
                    connection.execute(state.insert().values(id=1, revision=0))
            finally:
                engine.dispose()
            # WAL: one process writes while others go on reading.
            sqlite.set_journal(part, "WAL")
        return cls.open(target)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        immutable: bool = False,
        busy_timeout: float = sqlite.BUSY_TIMEOUT,
    ) -> Self:
        """Open a library that is there.

        Parameters
        ----------
        path
            The file.
        read_only
            Refuse every change.
        immutable
            Promise that nobody changes the file meanwhile; implies ``read_only``. No lock is taken
            and nothing is written beside the file.
        busy_timeout
            Seconds to wait for another writer.

        Raises
        ------
        LibraryNotFound, NotALibrary, LibraryDamaged, LibraryFormat
            Nothing is there; it is a folder or foreign; it is broken; another version wrote it.
        """
        file = sqlite.real_path(path)
        sqlite.check_file(file)
        may_write = sqlite.is_writable(file)
        # Where its folder may not be written, a reader cannot make the files that WAL needs.
        wal = Path(f"{file}-wal")
        immutable = immutable or (not may_write and not wal.exists())
        read_only = read_only or immutable or not may_write
        engine = sqlite.make_engine(
            file, read_only=read_only, immutable=immutable, timeout=busy_timeout
        )
        try:
            with sqlite.translated(file):
                spec = _open_tables(file, engine, read_only)
        except BaseException:
            engine.dispose()
            raise
        return cls(file, engine, spec, read_only)

    # Transactions

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        if self.read_only:
            raise LibraryReadOnly(f"{self.path}: is open for reading only; write to a copy of it")
        writer = self._engine.execution_options(write=True)
        with sqlite.translated(self.path), writer.begin() as connection:
            yield connection

    @staticmethod
    def _touched(connection: sa.Connection, count: int) -> None:
        connection.execute(state.update().values(revision=state.c.revision + count))

    # Changes

    def add(
        self, new: Sequence[Track], vectors: ArrayLike, *, remember: bool | None = None
    ) -> list[int]:
        """Record tracks with their vectors, all of them or none.

        A track whose path is in the library already replaces what is known of it and keeps its id.

        Parameters
        ----------
        new
            n tracks; their ``id`` does not matter.
        vectors
            [n, dimension], finite.
        remember
            Keep an entry of the history for each, so that it can be undone. By default for those
            that are ``taught``.

        Returns
        -------
        list of int
            The n ids.

        Raises
        ------
        ValueError
            The vectors have another shape or are not finite.
        LibraryReadOnly, LibraryBusy
            It cannot be written, or not now.
        """
        blobs = rows.pack(np.asarray(vectors), len(new), self.spec)
        ids = []
        with self._writing() as connection:
            for track, blob in zip(new, blobs, strict=True):
                keep = track.taught if remember is None else remember
                ids.append(_put(connection, track, blob, keep))
            self._touched(connection, len(new))
        return ids

    def update(
        self, track_id: int, *, remember: bool = True, **changes: Unpack[TrackChanges]
    ) -> int | None:
        """Change what is known of a track; its vector stays.

        Returns
        -------
        int or None
            The entry of the history, for `undo`; None where nothing changed or ``remember`` is
            false.

        Raises
        ------
        TrackNotFound
            There is no such track.
        LibraryError
            Another track has that path.
        """
        with self._writing() as connection:
            before = self._get(connection, track_id)
            after = dataclasses.replace(before, **changes)
            if after == before:
                return None
            taken = sa.select(tracks.c.id).where(tracks.c.path == after.path)
            if after.path != before.path and connection.scalar(taken) is not None:
                raise LibraryError(f"{self.path}: another track is {after.path} already")
            connection.execute(
                tracks.update().where(tracks.c.id == track_id).values(**rows.values_of(after))
            )
            self._touched(connection, 1)
            return rows.record(connection, "relabel", before, after) if remember else None

    def remove(self, track_ids: Iterable[int], *, remember: bool = True) -> None:
        """Take tracks out of the library, all of them or none.

        Raises
        ------
        TrackNotFound
            One of them is not there.
        """
        wanted = list(dict.fromkeys(track_ids))
        with self._writing() as connection:
            for track_id in wanted:
                track = self._get(connection, track_id)
                where = tracks.c.id == track_id
                if remember:
                    blob = connection.scalar(sa.select(tracks.c.vector).where(where))
                    rows.record(connection, "remove", track, None, blob)
                connection.execute(tracks.delete().where(where))
            self._touched(connection, len(wanted))

    def history(self, limit: int = 50, *, track_id: int | None = None) -> list[Change]:
        """Return the latest changes, newest first, optionally those of one track."""
        query = sa.select(history).order_by(history.c.id.desc()).limit(limit)
        if track_id is not None:
            query = query.where(history.c.track_id == track_id)
        with self._reading() as connection:
            return [rows.change_of(row) for row in connection.execute(query).mappings()]

    def undo(self, change_id: int) -> int:
        """Take back one change of the history; return the id of its track.

        Raises
        ------
        LibraryError
            There is no such change, it was undone, or the track was changed again since.
        """
        with self._writing() as connection:
            track_id = rows.take_back(connection, change_id, self.path)
            self._touched(connection, 1)
            return track_id

    def store_parameters(self, blob: bytes, snapshot: Snapshot | None = None) -> None:
        """Keep parameters of the vote.

        Parameters
        ----------
        blob
            ``Parameters.to_bytes()``.
        snapshot
            What they were fitted to; by default the library as it is now. The revision does not
            change.
        """
        fitted_to = self.snapshot() if snapshot is None else snapshot
        with self._writing() as connection:
            connection.execute(
                state.update().values(
                    parameters=blob,
                    parameters_revision=fitted_to.revision,
                    parameters_genres=json.dumps(fitted_to.genre_names),
                )
            )

    # Copies

    def copy(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, packed: bool = False
    ) -> None:
        """Write the library, as it is now, into another file.

        Parameters
        ----------
        path
            The new file.
        overwrite
            Replace a library that is there.
        packed
            Make it small and fit to be given away: one file without a journal, and without history
            and paths, sizes and times of files, which say something about this machine.

        Raises
        ------
        LibraryExists
            As `create`.
        """
        target = sqlite.real_path(path)
        with sqlite.new_file(target, overwrite=overwrite) as part, sqlite.translated(target):
            sqlite.copy_file(self._engine, part)
            if packed:
                engine = sqlite.make_engine(
                    part, read_only=False, immutable=False, timeout=sqlite.BUSY_TIMEOUT
                )
                try:
                    with engine.begin() as connection:
                        connection.execute(history.delete())
                        connection.execute(
                            tracks.update().values(path=None, size=None, modified_ns=None)
                        )
                finally:
                    engine.dispose()
                sqlite.compact(part)
            else:
                sqlite.set_journal(part, "WAL")


def _open_tables(file: Path, engine: sa.Engine, read_only: bool) -> ExtractorSpec:
    """Check the format of an opened file, bring it up to date, and read its extractor."""
    with engine.begin() as connection:
        facts = read_meta(connection)
    try:
        version = int(facts["format"])
        spec = _recorded_spec(facts)
    except (KeyError, ValueError) as error:
        raise LibraryDamaged(f"{file}: does not say what it holds; build it again") from error
    if version > FORMAT_VERSION:
        raise LibraryFormat(
            f"{file}: was written by a newer Earmark (format {version}, this one knows "
            f"{FORMAT_VERSION}); update Earmark"
        )
    if version < FORMAT_VERSION:
        if read_only:
            raise LibraryFormat(
                f"{file}: has the older format {version}; open it once where it may be written"
            )
        with engine.execution_options(write=True).begin() as connection:
            # Another process may have been quicker.
            migrate(connection, int(read_meta(connection)["format"]))
    return spec


def _recorded_spec(facts: Mapping[str, str]) -> ExtractorSpec:
    """Return the extractor that a library of format 1 names.

    That format keeps only a part of it, and calls the similarity a metric; the rest is taken from
    the extractor of that name and version, where it is installed.
    """
    name, version, dimension = facts["name"], facts["version"], int(facts["dimension"])
    known = spec_of(name, version)
    if known is not None and known.dimension == dimension:
        return dataclasses.replace(known, dtype=facts["dtype"])
    return ExtractorSpec(name, version, dimension, facts["metric"], facts["dtype"])


def _put(connection: sa.Connection, track: Track, blob: bytes, remember: bool) -> int:
    """Insert a track, or replace the one of the same path; return its id."""
    values: dict[str, Any] = {**rows.values_of(track), "vector": blob}
    before: Track | None = None
    blob_before: bytes | None = None
    if track.path is not None:
        query = sa.select(*rows.COLUMNS, tracks.c.vector).where(tracks.c.path == track.path)
        row = connection.execute(query).mappings().first()
        if row is not None:
            before, blob_before = rows.track_of(row), row["vector"]
    if before is None:
        key = connection.execute(tracks.insert().values(**values)).inserted_primary_key
        track_id = int(key[0]) if key is not None else 0
    else:
        track_id = int(before.id or 0)
        connection.execute(tracks.update().where(tracks.c.id == track_id).values(**values))
    if remember:
        after = dataclasses.replace(track, id=track_id)
        what = "add" if before is None else "relabel"
        rows.record(connection, what, before, after, blob_before)
    return track_id
