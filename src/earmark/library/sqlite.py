"""Library files: what is SQLite's alone, such as opening, locking, copying, and its errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from earmark.errors import (
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryNotFound,
    LibraryReadOnly,
    NotALibrary,
)
from earmark.library.schema import APPLICATION_ID

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another writer before `LibraryBusy`."""

HEADER_LENGTH = 100
_THERE = "{path}: is there already; choose another name, or replace it with --force"
MAGIC = b"SQLite format 3\0"


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return a path from the root on, without links; of links in a circle, the path itself."""
    # Path.resolve raises a RuntimeError for such a circle; opening the file tells it better.
    return Path(os.path.realpath(path))


def check_file(path: Path) -> None:
    """See from a file's first bytes that it is a library, without opening it as a database.

    Raises
    ------
    LibraryNotFound, NotALibrary, LibraryDamaged, LibraryReadOnly
        Nothing is there; it is a folder or a foreign file; it is cut off; it may not be read.
    """
    try:
        if path.is_dir():
            raise NotALibrary(f"{path}: is a folder; a library is one file, such as my.earmark")
        with path.open("rb") as file:
            header = file.read(HEADER_LENGTH)
            length = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise LibraryNotFound(
            f"{path}: there is no such library; make one with: earmark build FOLDER -o {path.name}"
        ) from None
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror})") from error
    if not length:
        raise NotALibrary(f"{path}: is empty, so it is not a library")
    if header[:16] != MAGIC[: len(header)]:
        raise NotALibrary(f"{path}: is not an Earmark library")
    if len(header) < HEADER_LENGTH:
        raise LibraryDamaged(f"{path}: is cut off after {length} bytes; build it again")
    (application_id,) = struct.unpack_from(">I", header, 68)
    if application_id != APPLICATION_ID:
        raise NotALibrary(f"{path}: is an SQLite database, but not an Earmark library")
    (page_size,) = struct.unpack_from(">H", header, 16)
    changed, pages = struct.unpack_from(">II", header, 24)
    (valid_for,) = struct.unpack_from(">I", header, 92)
    # The page count holds only where these two agree; a size of 1 stands for 65,536. While another
    # process writes, which shows in a file beside this one, it may run ahead of the length.
    settled = changed == valid_for and not any(
        Path(f"{path}{beside}").exists() for beside in ("-wal", "-journal")
    )
    if settled and length < pages * (65536 if page_size == 1 else page_size):
        raise LibraryDamaged(f"{path}: is cut off after {length} bytes; build it again")


def is_writable(path: Path) -> bool:
    """Tell whether a library can be written: the file, and its folder for the files beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from others that come to its place; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def make_engine(path: Path, *, read_only: bool, immutable: bool, timeout: float) -> sa.Engine:
    """Return an engine for an existing file; connections are made when they are first needed.

    Parameters
    ----------
    path
        Absolute.
    read_only
        Refuse every change.
    immutable
        Promise that nobody changes the file meanwhile: no locks, no files beside it, so that it
        may lie on a read-only disk.
    timeout
        Seconds to wait for a lock.
    """
    uri = path.as_uri() + ("?mode=ro&immutable=1" if immutable else "?mode=rw")

    opened: list[tuple[int, int]] = []

    def connect() -> sqlite3.Connection:
        found = identity(path)
        if found is not None and not opened:
            opened.append(found)
        elif found is not None and opened[0] != found:
            # The log of the former file still lies beside it and would be written into it.
            raise LibraryError(
                f"{path}: was replaced by another file while it was open; open it again"
            )
        connection = sqlite3.connect(
            uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        if read_only:
            connection.execute("PRAGMA query_only=ON")
        else:
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    return _begin_by_hand(
        sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)
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


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
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
        raise _library_error(path, error.orig) from error
    except sqlite3.Error as error:
        raise _library_error(path, error) from error
    except UnicodeDecodeError as error:
        # The driver fails so where text that it must read or quote, such as the schema, is none.
        raise LibraryDamaged(
            f"{path}: is damaged (text that is no UTF-8); build it again"
        ) from error


def _library_error(path: Path, error: sqlite3.Error) -> LibraryError:
    # Python's own errors, such as for a wrong parameter, carry no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryBusy(f"{path}: another process is writing to it; try again in a moment")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return LibraryReadOnly(f"{path}: may not be changed; write to a copy of it")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LibraryDamaged(f"{path}: is damaged ({error}); build it again")
    if code == sqlite3.SQLITE_FULL:
        return LibraryError(f"{path}: no room is left on the disk")
    if code == sqlite3.SQLITE_CANTOPEN:
        return LibraryError(f"{path}: cannot be opened; see whether you may read it")
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return LibraryDamaged(f"{path}: is damaged ({error}); build it again")
    return LibraryError(f"{path}: the database says: {error}")


def check_target(path: Path, *, overwrite: bool) -> None:
    """See that a new library may be put at a path.

    Raises
    ------
    LibraryExists
        There is one already and ``overwrite`` is false, or something else is there.
    LibraryError
        There is no such folder, or it may not be entered.
    """
    try:
        is_there, has_folder = path.exists(), path.parent.is_dir()
    except OSError as error:
        raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
    if is_there:
        if not overwrite:
            raise LibraryExists(_THERE.format(path=path))
        try:
            check_file(path)
        except LibraryDamaged:
            pass
        except LibraryError as error:
            raise LibraryExists(
                f"{path}: is there already and not a library, so it is not replaced"
            ) from error
    if not has_folder:
        raise LibraryError(f"{path}: there is no folder {path.parent}")


@contextlib.contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Let a library be made under a passing name, then put it in its place whole or not at all.

    Raises
    ------
    LibraryExists, LibraryError
        As `check_target`; also where another process was quicker.
    """
    check_target(path, overwrite=overwrite)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    except OSError as error:
        raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        # mkstemp lets only the owner read; a library is an ordinary file.
        part.chmod(0o644)
        if overwrite:
            for leftover in ("-wal", "-shm", "-journal"):
                Path(f"{path}{leftover}").unlink(missing_ok=True)
            part.replace(path)
        else:
            _put_new(part, path)
    finally:
        part.unlink(missing_ok=True)


def _put_new(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise LibraryExists(_THERE.format(path=path)) from None
    except OSError:
        # Some file systems have no hard links.
        if path.exists():
            raise LibraryExists(
                f"{path}: is there already; choose another name, or --force"
            ) from None
        part.rename(path)


def initialize(path: Path) -> sa.Engine:
    """Return an engine for an empty file that is to become a library."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
    return make_engine(path, read_only=False, immutable=False, timeout=BUSY_TIMEOUT)


def set_journal(path: Path, mode: str) -> None:
    """Choose the journal of a file that nobody else has open: ``"WAL"`` or ``"DELETE"``."""
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
