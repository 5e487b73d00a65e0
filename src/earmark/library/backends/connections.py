"""Connections to SQLite files, and what their errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from earmark.errors import (
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryReadOnly,
    LibraryReplaced,
)
from earmark.library import rules
from earmark.library.backends.schema import PLAIN
from earmark.library.backends.sqlite_files import APPLICATION_ID, Identity, beside, identity

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another writer before `LibraryBusy`."""

LONGEST_CELL = 64 << 20
"""Bytes of the longest cell or row that is read or written; no sound library has such."""


class Opener:
    """Makes connections to one file, never to another that comes to its place.

    Parameters
    ----------
    path
        Absolute; the file is there.
    read_only
        Refuse every change.
    immutable
        Promise that nobody changes the file meanwhile: no locks, no files beside it, so that it
        may lie on a read-only disk.
    timeout
        Seconds to wait for a lock.

    Attributes
    ----------
    opened
        The file.
    logs
        What SQLite keeps beside it.
    """

    def __init__(
        self, path: Path, *, read_only: bool, immutable: bool, timeout: float = BUSY_TIMEOUT
    ) -> None:
        self.path = path
        self.opened: Identity | None = identity(path)
        self.logs: set[Identity] = set()
        self._read_only = read_only
        self._timeout = timeout
        self._uri = path.as_uri() + ("?mode=ro&immutable=1" if immutable else "?mode=rw")

    def __call__(self) -> sqlite3.Connection:
        """Return a new connection.

        Raises
        ------
        LibraryReplaced
            Another file is at the place now: what the log of the former one holds would be written
            into it.
        """
        found = identity(self.path)
        if found is not None and found != self.opened:
            raise LibraryReplaced(
                f"{self.path}: was replaced by another file while it was open; open it again"
            )
        connection = sqlite3.connect(
            self._uri,
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection)
            connection.execute(
                "PRAGMA query_only=ON" if self._read_only else "PRAGMA synchronous=NORMAL"
            )
            # The log and its index are opened with the first look at the tables.
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except BaseException:
            connection.close()
            raise
        if identity(self.path) == self.opened:
            held = (identity(log) for log in beside(self.path))
            self.logs.update(log for log in held if log is not None)
        return connection

    def is_in_place(self) -> bool:
        """Tell whether the file that was opened is still what lies at its place."""
        return identity(self.path) == self.opened

    def sweep(self) -> None:
        """Delete what SQLite left beside another file that came to the place of this one.

        Once all connections are closed, SQLite has removed the log itself, but not where the file
        was moved away: there it would be taken for the log of the file that came.
        """
        if self.opened is None or self.is_in_place():
            return
        for log in beside(self.path):
            if identity(log) in self.logs:
                log.unlink(missing_ok=True)


def sqlite_version() -> str:
    """Return the version of SQLite that keeps libraries."""
    return sqlite3.sqlite_version


def _prepare(connection: sqlite3.Connection) -> None:
    """Let a file that somebody made on purpose do no harm; give the database what it lacks."""
    connection.create_function(PLAIN, 1, rules.plain, deterministic=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    # No function that reaches out of the database from within the schema, and pages are checked.
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")


def make_engine(opener: Opener) -> sa.Engine:
    """Return an engine; connections are made when they are first needed."""
    return _begin_by_hand(
        sa.create_engine("sqlite://", creator=opener, poolclass=sa.pool.QueuePool)
    )


def _begin_by_hand(engine: sa.Engine) -> sa.Engine:
    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # The driver begins nothing by itself here. A reader sees one state of the whole file; a
        # writer takes its lock at once, so that two of them wait rather than fail half-way.
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def in_memory(engine: sa.Engine) -> sa.Engine:
    """Return an engine for a copy in memory of the database behind another, which is let go.

    It has a single connection, for which threads wait.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _prepare(connection)
    with engine.connect() as source:
        _driver(source).backup(connection)
    engine.dispose()
    return _begin_by_hand(
        sa.create_engine(
            "sqlite://",
            creator=lambda: connection,
            poolclass=sa.pool.QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_timeout=None,
        )
    )


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101
    return driver


# Whole files, which nobody else has open


def mark(path: Path) -> None:
    """Let an empty file be a database that is known for a library."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")


def set_journal(path: Path, mode: str) -> None:
    """Choose the journal: ``"WAL"`` or ``"DELETE"``."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")


def copy_file(engine: sa.Engine, target: Path) -> None:
    """Copy the database behind an engine, as of one moment, over an empty file."""
    with engine.connect() as connection, contextlib.closing(sqlite3.connect(target)) as copy:
        _driver(connection).backup(copy)


def compact(path: Path) -> None:
    """Give back the room of what was removed, and leave one file with nothing beside it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("VACUUM")


# Errors


@contextlib.contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn the database's errors into Earmark's.

    Raises
    ------
    LibraryBusy, LibraryReadOnly, LibraryDamaged, LibraryError
        According to SQLite's result code.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        raise _library_error(where, error.orig) from error
    except sqlite3.Error as error:
        raise _library_error(where, error) from error
    except UnicodeDecodeError as error:
        # The driver fails so where text that it must read or quote, such as the schema, is none.
        raise LibraryDamaged(
            f"{where}: is damaged (text that is no UTF-8); build it again"
        ) from error


def _library_error(where: object, error: sqlite3.Error) -> LibraryError:
    # Python's own errors, such as for a wrong parameter, carry no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryBusy(f"{where}: another process is writing to it; try again in a moment")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return LibraryReadOnly(f"{where}: may not be changed; write to a copy of it")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LibraryDamaged(f"{where}: is damaged ({error}); build it again")
    if code == sqlite3.SQLITE_FULL:
        return LibraryError(f"{where}: no room is left on the disk")
    if code == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
        return LibraryError(
            f"{where}: holds or was given more than {LONGEST_CELL >> 20} MB at once"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return LibraryError(f"{where}: cannot be opened; see whether you may read it")
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return LibraryDamaged(f"{where}: is damaged ({error}); build it again")
    return LibraryError(f"{where}: the database says: {error}")
