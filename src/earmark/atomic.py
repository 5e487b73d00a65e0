"""Files that come into being whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".part"
"""Of passing names."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


@contextlib.contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Let a file be made under a passing name beside its place, then put it there.

    Whatever goes wrong, a full disk or a loss of power, at the place is the former file or the
    whole new one.

    Parameters
    ----------
    path
        The place.
    overwrite
        Replace a file that is there.

    Yields
    ------
    Path
        An empty file, to be filled and closed in the block. When the block ends, what it holds is
        brought to the disk and the file is renamed; when it raises, the file is deleted. What a
        process that was killed left is removed when the next one makes the same file.

    Raises
    ------
    FileExistsError
        There is a file and ``overwrite`` is false, also if another process was quicker.
    OSError
        It cannot be written there; what is there may be a pipe or a device, whose place no file
        takes.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    _remove_left(path)
    part, held = _new_part(path)
    try:
        yield part
        put(part, path, overwrite=overwrite)
    finally:
        part.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def put(part: Path, path: Path, *, overwrite: bool) -> None:
    """Bring a whole file to the disk, then from its passing name to its place in the same folder.

    Raises
    ------
    FileExistsError
        There is a file and ``overwrite`` is false; the passing file is still there.
    OSError
        It cannot be written there.
    """
    # mkstemp lets only the owner read.
    part.chmod(path.stat().st_mode & 0o777 if path.is_file() else 0o644)
    _sync(part)
    if overwrite:
        part.replace(path)
    else:
        _put_new(part, path)
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        # Not every system can bring a folder to the disk.
        _sync(path.parent)


def _stem_of(path: Path) -> str:
    """Return how passing names for a place begin.

    The stem is cut: a name with the addition must not be longer than a file system allows.
    """
    return f".{path.stem[:100]}-"


def _new_part(path: Path) -> tuple[Path, int | None]:
    """Make an empty file of a passing name; return it and the handle by which it is locked.

    The lock tells others that it is in use. It ends with the process, however that ends.
    """
    while True:
        held, name = tempfile.mkstemp(prefix=_stem_of(path), suffix=SUFFIX, dir=path.parent)
        locked = _lock(held)
        if locked is None:
            os.close(held)
            return Path(name), None
        if locked and os.fstat(held).st_nlink:
            return Path(name), held
        # Another process took it for left over before it was locked.
        os.close(held)


def _remove_left(path: Path) -> None:
    """Remove what earlier runs that were killed left beside a place."""
    passing = re.compile(re.escape(_stem_of(path)) + r"[a-z0-9_]{8}" + re.escape(SUFFIX))
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            if passing.fullmatch(other.name):
                _remove_unused(other)


def _remove_unused(part: Path) -> None:
    """Remove a file of a passing name, and a database's files beside it, if nobody has it."""
    try:
        held = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | _NONBLOCK)
    except OSError:
        return
    try:
        if stat.S_ISREG(os.fstat(held).st_mode) and _lock(held):
            for beside in ("", "-journal", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    part.with_name(part.name + beside).unlink()
    finally:
        os.close(held)


def _lock(handle: int) -> bool | None:
    """Lock a file for this handle; False where another one has it, None where there are no locks.

    There are none on Windows and on some network file systems; nothing that was left is removed
    there, since it could be in use.
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_new(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links.
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        part.rename(path)
