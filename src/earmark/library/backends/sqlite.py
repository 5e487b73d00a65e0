"""A library in one SQLite file: making, opening, copying and letting go of it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from earmark.errors import LibraryDamaged, LibraryNotFound, LibraryReplaced
from earmark.library import digest
from earmark.library.backends import connections, logs, rows, sqlite_files
from earmark.library.backends.addresses import is_address
from earmark.library.backends.connections import BUSY_TIMEOUT, Opener
from earmark.library.backends.migrations import migrate
from earmark.library.backends.schema import (
    FORMAT_VERSION,
    has_segments,
    history,
    metadata,
    order_indexes,
    read_meta,
    segments,
    spec_facts,
    spec_of_facts,
    state,
    tracks,
    version_of_facts,
    write_meta,
)
from earmark.library.backends.sql import SqlLibrary
from earmark.library.backends.transfer import copy_library
from earmark.library.kept import kept_snapshot
from earmark.library.keys_file import path_beside
from earmark.library.model import ExtractorSpec
from earmark.library.snapshot import Snapshot
from earmark.words import shown


class SqliteLibrary(SqlLibrary):
    """Labelled tracks in one SQLite file.

    Several processes may read a file while one writes it.

    Parameters
    ----------
    path
        The file, absolute.
    opener
        What makes connections to it; None for a copy in memory.
    location
        What it is called in messages, by default its path.
    """

    def __init__(
        self,
        path: Path,
        engine: sa.Engine,
        spec: ExtractorSpec,
        read_only: bool,
        opener: Opener,
        location: str | None = None,
    ) -> None:
        super().__init__(location or str(path), engine, spec, read_only)
        self.file = path
        self._opener = opener

    @property
    def name(self) -> str:
        """The name of the file, without its ending."""
        return self.file.stem

    # Making and opening

    @classmethod
    @contextlib.contextmanager
    def new(
        cls, path: str | os.PathLike[str], spec: ExtractorSpec, *, overwrite: bool = False
    ) -> Iterator[Self]:
        """Make a library that is at its place, with all that the block adds, or not at all.

        Raises
        ------
        LibraryExists
            There is a file already. With ``overwrite`` a library is replaced, anything else is not.
        LibraryError
            The file cannot be written.
        """
        target = sqlite_files.real_path(path)
        facts = {"format": str(FORMAT_VERSION), **spec_facts(spec)}
        with (
            sqlite_files.new_library_file(target, overwrite=overwrite) as part,
            connections.translated(target),
        ):
            connections.mark(part)
            opener = Opener(part, read_only=False, immutable=False)
            engine = connections.make_engine(opener)
            try:
                with engine.execution_options(write=True).begin() as connection:
                    metadata.create_all(connection)
                    write_meta(connection, facts)
                    connection.execute(
                        state.insert().values(
                            id=1, revision=0, digest=digest.EMPTY, token=secrets.token_hex(16)
                        )
                    )
                yield cls(part, engine, spec, False, opener, str(target))
            finally:
                engine.dispose()
            # WAL: one process writes while others go on reading.
            connections.set_journal(part, "WAL")

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], spec: ExtractorSpec, *, overwrite: bool = False
    ) -> Self:
        """Make an empty library and open it.

        Raises
        ------
        LibraryExists, LibraryError
            As `new`.
        """
        with cls.new(path, spec, overwrite=overwrite):
            pass
        return cls.open(path)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        immutable: bool = False,
        busy_timeout: float = BUSY_TIMEOUT,
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
        file = sqlite_files.real_path(path)
        sqlite_files.check_file(file)
        may_write = sqlite_files.is_writable(file)
        log = sqlite_files.beside(file)[0]
        if log.exists() and not immutable and logs.has_foreign_log(file):
            if may_write:
                logs.put_aside(file)
            else:
                immutable = True
        # Where its folder may not be written, a reader cannot make the files that WAL needs.
        immutable = immutable or (not may_write and not log.exists())
        read_only = read_only or immutable or not may_write
        opener = Opener(file, read_only=read_only, immutable=immutable, timeout=busy_timeout)
        engine = connections.make_engine(opener)
        try:
            with connections.translated(file), rows.intact(file):
                _check_tables(file, engine)
                if version_of_facts(_facts(engine), file) < FORMAT_VERSION:
                    if read_only:
                        engine = connections.in_memory(engine)
                    _migrate(engine)
                elif not read_only:
                    _complete(engine)
                spec = spec_of_facts(_facts(engine), file)
        except BaseException:
            engine.dispose()
            raise
        return cls(file, engine, spec, read_only, opener)

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return connections.translated(self.location)

    def _began(self, connection: sa.Connection) -> None:
        # So that a log is known to belong to this file; see `earmark.library.backends.logs`.
        connection.execute(
            state.update().values(token_before=state.c.token, token=secrets.token_hex(16))
        )

    def close(self) -> None:
        """Let go of the file, and take along what SQLite leaves where it was replaced."""
        super().close()
        self._opener.sweep()

    def _kept_snapshot(self, connection: sa.Connection, revision: int) -> Snapshot | None:
        return kept_snapshot(path_beside(self.location), self._state_token(connection), revision)

    def _state_token(self, connection: sa.Connection) -> str:
        token = super()._state_token(connection)
        if token != _packed_token(connection):
            return token
        # Packed, and not changed since: the token is of vectors and labels, but not of names.
        told = self.file.stat()
        return f"{token} {told.st_size} {told.st_mtime_ns}"

    def require_unchanged(self) -> None:
        """See that the file is still the one that was opened.

        A change would go into a file that nobody can find any more. Another library at its place
        is not opened: what the former one has not written out yet would go into it.

        Raises
        ------
        LibraryNotFound
            It was deleted.
        LibraryReplaced
            Another file is at its place.
        """
        if self._opener.is_in_place():
            return
        if not os.path.lexists(self.file):
            raise LibraryNotFound(f"{self.file}: is no longer there; put it back")
        raise LibraryReplaced(f"{self.file}: was replaced by another file")

    def check(self) -> None:
        """See that the file is whole, and that nothing but Earmark changed what decides answers.

        Raises
        ------
        LibraryDamaged
            It is not, with what was found first.
        """
        with self._reading() as connection:
            found = [line for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            told = "; ".join(shown(" ".join(str(line).split()), 200) for line in found)
            raise LibraryDamaged(
                f"{self.location}: is damaged ({told}); save what can be saved with: "
                f"earmark repair {self.file.name} -o NEW"
            )
        super().check()

    # Copies

    def copy(
        self, location: str | os.PathLike[str], *, overwrite: bool = False, packed: bool = False
    ) -> None:
        """Write the library, as it is now, into another file.

        Parameters
        ----------
        location
            The new file, or the address of a database, into which it is copied row by row.
        overwrite
            Replace a library that is there.
        packed
            Make it small and fit to be given away: one file without a journal, and without history
            and paths, sizes and times of files, which say something about this machine, as does
            where a model lay. The same tracks added in the same order give the same bytes.

        Raises
        ------
        LibraryExists, LibraryError
            As `new`.
        """
        if is_address(os.fspath(location)):
            copy_library(self, location, overwrite=overwrite, packed=packed)
            return
        target = sqlite_files.real_path(location)
        with (
            sqlite_files.new_library_file(target, overwrite=overwrite) as part,
            connections.translated(target),
        ):
            connections.copy_file(self._engine, part)
            engine = connections.make_engine(Opener(part, read_only=False, immutable=False))
            try:
                with engine.execution_options(write=True).begin() as connection:
                    # From here on it is another library, whose log is not that of this one.
                    token = _packed_token(connection) if packed else secrets.token_hex(16)
                    connection.execute(state.update().values(token=token, token_before=""))
                    if packed:
                        connection.execute(history.delete())
                        connection.execute(
                            tracks.update().values(path=None, size=None, modified_ns=None)
                        )
                        spec = dataclasses.replace(self.spec, source=None)
                        write_meta(connection, spec_facts(spec))
                        order_indexes(connection)
            finally:
                engine.dispose()
            if packed:
                connections.compact(part)
            else:
                connections.set_journal(part, "WAL")


class UnfinishedFile:
    """A file into which a library is being copied, perhaps not for the first time.

    It has a passing name beside its place, the same every time, so that it is found again.

    Parameters
    ----------
    path
        The place.
    overwrite
        Whether a library may be there.

    Raises
    ------
    LibraryExists, LibraryError
        As `SqliteLibrary.new`.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        self._place = sqlite_files.real_path(path)
        sqlite_files.check_target(self._place, overwrite=overwrite)
        self.location = str(self._place)
        self._part = self._place.with_name(f".{self._place.name[:100]}.copying")
        if not self._part.exists():
            with self.translated():
                connections.mark(self._part)
        self.engine = connections.make_engine(Opener(self._part, read_only=False, immutable=False))

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn errors of the database into Earmark's."""
        return connections.translated(self._part)

    def facts(self, connection: sa.Connection) -> dict[str, str] | None:
        """Return the facts of what is there, None where nothing is."""
        return read_meta(connection) if sa.inspect(connection).has_table("meta") else None

    def make(self, connection: sa.Connection, facts: dict[str, str], *, overwrite: bool) -> None:
        """Make the tables, in place of those that may be there."""
        metadata.drop_all(connection)
        metadata.create_all(connection)
        write_meta(connection, facts)
        connection.execute(
            state.insert().values(
                id=1, revision=0, digest=digest.EMPTY, token=secrets.token_hex(16)
            )
        )

    def put_in_place(self, *, overwrite: bool) -> None:
        """Let the whole file have its name.

        Raises
        ------
        LibraryExists, LibraryError
            As `SqliteLibrary.new`.
        """
        self.engine.dispose()
        connections.set_journal(self._part, "WAL")
        sqlite_files.put(self._part, self._place, overwrite=overwrite)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()


def _check_tables(file: Path, engine: sa.Engine) -> None:
    """See that a file holds plain tables: whatever else is in it runs when they are read.

    Raises
    ------
    LibraryDamaged
        It has a view, a trigger, a virtual table, or a column that is computed.
    """
    with engine.begin() as connection:
        query = "SELECT type, name, sql FROM sqlite_master"
        for kind, name, sql in connection.exec_driver_sql(query).all():
            virtual = kind == "table" and str(sql).upper().startswith("CREATE VIRTUAL")
            if kind not in ("table", "index") or virtual:
                raise LibraryDamaged(
                    f"{file}: is damaged (it has a {'virtual table' if virtual else shown(kind)} "
                    f"{shown(str(name), 100)}, and a library has plain tables only); "
                    "build it again"
                )
        for table in metadata.tables:
            columns = connection.exec_driver_sql(f"PRAGMA table_xinfo({table})").all()
            for *_, hidden in columns:
                if hidden:
                    raise LibraryDamaged(
                        f"{file}: is damaged (a column of its table {table} is computed); "
                        "build it again"
                    )


def _facts(engine: sa.Engine) -> dict[str, str]:
    with engine.begin() as connection:
        return read_meta(connection)


def _migrate(engine: sa.Engine) -> None:
    with engine.execution_options(write=True).begin() as connection:
        # Another process may have been quicker.
        migrate(connection, int(read_meta(connection)["format"]))
        connection.execute(state.update().values(token=secrets.token_hex(16)))


def _complete(engine: sa.Engine) -> None:
    """Make the table that files of this format had not from the beginning."""
    with engine.begin() as connection:
        if has_segments(connection):
            return
    with engine.execution_options(write=True).begin() as connection:
        segments.create(connection, checkfirst=True)
        connection.execute(state.update().values(token=secrets.token_hex(16)))


def _packed_token(connection: sa.Connection) -> str:
    """Return a token that is the same for the same contents."""
    digests = connection.execute(sa.select(state.c.digest, state.c.parameters_digest)).one()
    return hashlib.blake2b(repr(tuple(digests)).encode(), digest_size=16).hexdigest()
