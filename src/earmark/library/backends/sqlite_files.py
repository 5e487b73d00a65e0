"""Library files as files: what they look like from outside, and where a new one may be put."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from earmark import atomic
from earmark.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryNotFound,
    NotALibrary,
)

APPLICATION_ID = 0x4561724D
"""Marks an SQLite file as a library ("EarM" in ASCII)."""

HEADER_LENGTH = 100
MAGIC = b"SQLite format 3\0"

Identity = tuple[int, int]
"""What tells a file from others that come to its place: its disk and number."""

_THERE = "{path}: is there already; choose another name, or replace it with --force"


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return a path from the root on, without links; of links in a circle, the path itself."""
    # Path.resolve raises a RuntimeError for such a circle; opening the file tells it better.
    return Path(os.path.realpath(path))


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files that SQLite may keep beside a database: log, its index, and journal."""
    return tuple(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))


def identity(path: Path) -> Identity | None:
    """Return what tells a file from others that come to its place; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_writable(path: Path) -> bool:
    """Tell whether a library can be written: the file, and its folder for the files beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _other_kind(path: Path, header: bytes) -> str:
    """Say how to make a library of a file that begins as a my.dat or an npz does."""
    classic = header[:1] == b"\x80" or (header[:1] == b"(" and path.suffix.lower() == ".dat")
    if not classic and header[:4] != b"PK\x03\x04":
        return ""
    kind = "a my.dat" if classic else "an npz"
    return f", but may be {kind}; make a library of it with: earmark import {path.name} -o FILE"


def check_file(path: Path) -> None:
    """See from a file's first bytes that it is a library, without opening it as a database.

    Raises
    ------
    LibraryNotFound, NotALibrary, LibraryDamaged, LibraryError
        Nothing is there; it is a folder or a foreign file; it is cut off; it may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise NotALibrary(f"{path}: is a folder; a library is one file, such as my.earmark")
        if not stat.S_ISREG(mode):
            # Reading from a pipe or a device may never end.
            raise NotALibrary(f"{path}: is not an ordinary file, so it is not a library")
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
        raise NotALibrary(f"{path}: is not an Earmark library{_other_kind(path, header)}")
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
    log, _, journal = beside(path)
    settled = changed == valid_for and not log.exists() and not journal.exists()
    if settled and length < pages * (65536 if page_size == 1 else page_size):
        raise LibraryDamaged(f"{path}: is cut off after {length} bytes; build it again")


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


def put(part: Path, path: Path, *, overwrite: bool) -> None:
    """Let a library that was made under a passing name have its place.

    Raises
    ------
    LibraryExists, LibraryError
        As `check_target`; also where another process was quicker.
    """
    check_target(path, overwrite=overwrite)
    try:
        atomic.put(part, path, overwrite=overwrite)
        for left in (*beside(part), *(beside(path) if overwrite else ())):
            left.unlink(missing_ok=True)
    except FileExistsError:
        raise LibraryExists(_THERE.format(path=path)) from None
    except OSError as error:
        raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error


@contextlib.contextmanager
def new_library_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Let a library be made under a passing name, then put it in its place whole or not at all.

    Raises
    ------
    LibraryExists, LibraryError
        As `check_target`; also where another process was quicker.
    """
    check_target(path, overwrite=overwrite)
    try:
        with atomic.new_file(path, overwrite=overwrite) as part:
            try:
                yield part
            finally:
                for left in beside(part):
                    left.unlink(missing_ok=True)
        if overwrite:
            # What belonged to the former library. Should this not happen any more, the new one
            # knows that such a log is not its own.
            for left in beside(path):
                left.unlink(missing_ok=True)
    except FileExistsError:
        raise LibraryExists(_THERE.format(path=path)) from None
    except OSError as error:
        raise LibraryError(f"{path}: cannot be written ({error.strerror})") from error
