"""The library itself: labelled tracks and their vectors, kept in one file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self, Unpack

import numpy as np
import sqlalchemy as sa
from numpy.typing import ArrayLike

from earmark.errors import (
    LibraryDamaged,
    LibraryFormat,
    LibraryReadOnly,
)
from earmark.library import digest, rows, sqlite
from earmark.library.migrations import migrate
from earmark.library.model import Change, ExtractorSpec, Snapshot, Track, TrackChanges
from earmark.library.reader import LibraryReader
from earmark.library.schema import (
    FORMAT_VERSION,
    history,
    metadata,
    read_meta,
    state,
    tracks,
    write_meta,
)
from earmark.library.writing import Writer


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
            "format": str(FORMAT_VERSION),
            **_spec_facts(spec),
        }
        with sqlite.new_file(target, overwrite=overwrite) as part, sqlite.translated(target):
            engine = sqlite.initialize(part)
            try:
                writer = engine.execution_options(write=True)
                with writer.begin() as connection:
                    metadata.create_all(connection)
                    write_meta(connection, facts)
                    connection.execute(state.insert().values(id=1, revision=0, digest=digest.EMPTY))
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
            with sqlite.translated(file), rows.intact(file):
                if _format(file, engine) < FORMAT_VERSION:
                    if read_only:
                        engine = sqlite.in_memory(engine)
                    _migrate(engine)
                spec = _recorded_spec(file, engine)
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

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Writer]:
        """Change tracks: all of the block or, where it raises, nothing."""
        with self._writing() as connection:
            writer = Writer(connection, self.path)
            yield writer
            writer.close()

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
        with self._changing() as writer:
            done = writer.put(new, blobs)
            keep = [put for put in done if (put.after.taught if remember is None else remember)]
            for what, kept in (
                ("add", [put for put in keep if put.before is None]),
                ("relabel", [put for put in keep if put.before is not None]),
            ):
                writer.record(what, [(put.before, put.after, put.vector_before) for put in kept])
        return [rows.id_of(put.after) for put in done]

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
        with self._changing() as writer:
            before = writer.get(track_id)
            after = dataclasses.replace(before, **changes)
            if after == before:
                return None
            writer.replace(before, after)
            return writer.record("relabel", [(before, after, None)])[0] if remember else None

    def set_identity(
        self,
        track_id: int,
        *,
        audio_hash: str | None,
        content_hash: str | None = None,
        size: int | None = None,
        modified_ns: int | None = None,
    ) -> None:
        """Write down by what the file of a track is recognized; this is no change of the history.

        What is None stays as it is.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        known: TrackChanges = {}
        if audio_hash is not None:
            known["audio_hash"] = audio_hash
        if content_hash is not None:
            known["content_hash"] = content_hash
        if size is not None:
            known["size"] = size
        if modified_ns is not None:
            known["modified_ns"] = modified_ns
        self.update(track_id, remember=False, **known)

    def remove(self, track_ids: Iterable[int], *, remember: bool = True) -> None:
        """Take tracks out of the library, all of them or none.

        Raises
        ------
        TrackNotFound
            One of them is not there.
        """
        wanted = list(dict.fromkeys(track_ids))
        with self._changing() as writer:
            gone = [(writer.get(i), None, writer.vector(i) if remember else None) for i in wanted]
            for track_id in wanted:
                writer.remove(track_id)
            if remember:
                writer.record("remove", gone)

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
        with self._changing() as writer, rows.intact(self.path):
            return writer.take_back(change_id)

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
                    parameters_digest=digest.of_parameters(blob),
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
            and paths, sizes and times of files, which say something about this machine, as does
            where a model lay.

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
                        spec = dataclasses.replace(self.spec, source=None)
                        write_meta(connection, _spec_facts(spec))
                finally:
                    engine.dispose()
                sqlite.compact(part)
            else:
                sqlite.set_journal(part, "WAL")


def _spec_facts(spec: ExtractorSpec) -> dict[str, str]:
    """Return the fact that says which extractor made the vectors of a library."""
    return {"extractor": json.dumps(spec.to_json(), ensure_ascii=False)}


def _format(file: Path, engine: sa.Engine) -> int:
    """Return the version of a library's layout.

    Raises
    ------
    LibraryFormat
        It is a later one than this version of Earmark knows.
    LibraryDamaged
        It is not said, or there is no such version.
    """
    with engine.begin() as connection:
        told = read_meta(connection).get("format", "")
    if not (told.isascii() and told.isdigit() and len(told) < 10 and int(told) >= 1):
        raise LibraryDamaged(f"{file}: does not say what it holds; build it again")
    if int(told) > FORMAT_VERSION:
        raise LibraryFormat(
            f"{file}: was written by a newer Earmark (format {told}, this one knows "
            f"{FORMAT_VERSION}); update Earmark"
        )
    return int(told)


def _migrate(engine: sa.Engine) -> None:
    with engine.execution_options(write=True).begin() as connection:
        # Another process may have been quicker.
        migrate(connection, int(read_meta(connection)["format"]))


def _recorded_spec(file: Path, engine: sa.Engine) -> ExtractorSpec:
    with engine.begin() as connection:
        facts = read_meta(connection)
    try:
        return ExtractorSpec.from_json(json.loads(facts["extractor"]))
    except (KeyError, ValueError, RecursionError) as error:
        raise LibraryDamaged(f"{file}: does not say what it holds; build it again") from error
