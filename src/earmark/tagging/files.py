"""Changing people's files with care: what may be changed, and how one takes another's place."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from earmark.errors import TagError
from earmark.tagging.journal import sync_folder

PREFIX, SUFFIX = ".earmark-", ".part"
"""Of passing names; hidden, and not those of sound files."""

ROOM = 1 << 20
"""Bytes that are left free on the disk."""

Status = os.stat_result


class CannotChange(TagError):
    """A file is left as it is; the message is a part of a sentence without the file's name."""


def mapped(path: str, roots: Sequence[tuple[str, str]]) -> str:
    r"""Return a path with the first of the given beginnings that fits replaced.

    Parameters
    ----------
    path
        As on the machine where a plan or journal was made, which may be one with Windows.
    roots
        Pairs of a folder there and the folder here.

    >>> mapped("/mnt/a/song.mp3", [("/mnt/a", "/home/a")]), mapped("/mnt/ab", [("/mnt/a", "/x")])
    ('/home/a/song.mp3', '/mnt/ab')
    >>> mapped("D:\\Music\\A\\song.mp3", [("d:/music", "/home/a")])
    '/home/a/A/song.mp3'
    """
    for old, new in roots:
        kind = PurePosixPath if old.startswith("/") else PureWindowsPath
        there = kind(path)
        if there.is_absolute() and there.is_relative_to(old) and ".." not in there.parts:
            return str(Path(new, *there.relative_to(old).parts))
    return path


def target_of(path: str, roots: Sequence[str]) -> str:
    """Return the file that a path leads to, which must lie in one of the folders.

    Raises
    ------
    CannotChange
        It is gone, no ordinary file, or elsewhere.
    """
    if not os.path.isabs(path):  # noqa: PTH117
        raise CannotChange("lies on another machine; --root OLD=NEW says where that is here")
    real = os.path.realpath(path)
    try:
        mode = os.stat(real).st_mode  # noqa: PTH116
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        raise CannotChange("is gone" if gone else f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(mode):
        raise CannotChange("is no ordinary file")
    for root in roots:
        folder = os.path.realpath(root)
        if real == folder or real.startswith(folder.rstrip("/") + "/"):
            return real
    raise CannotChange(f"leads out of the folder that was given, to {real}; name that folder too")


def require_writable(target: str, status: Status) -> None:
    """Refuse a file that somebody made read-only, or that may not be written.

    Raises
    ------
    CannotChange
        It is so.
    """
    # The administrator may write what is read-only, but nobody made it so for nothing.
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise CannotChange("is read-only; to have it changed, allow writing to it first")


def require_at_rest(file: IO[bytes]) -> None:
    """Refuse a file that another process has open for writing, where the system can tell.

    Raises
    ------
    CannotChange
        One has.
    """
    try:
        import fcntl
        import signal

        set_lease, set_signal = fcntl.F_SETLEASE, fcntl.F_SETSIG
    except (ImportError, AttributeError):
        return
    try:
        # A writer that comes in this instant would end this process by the usual signal.
        fcntl.fcntl(file.fileno(), set_signal, signal.SIGURG)
        fcntl.fcntl(file.fileno(), set_lease, fcntl.F_RDLCK)
        fcntl.fcntl(file.fileno(), set_lease, fcntl.F_UNLCK)
    except OSError as error:
        # Not every file system knows.
        if error.errno == errno.EAGAIN:
            raise CannotChange("is being written by another program; try again later") from error


def require_same(status: Status, target: str) -> None:
    """Refuse a file that changed meanwhile.

    Raises
    ------
    CannotChange
        It did.
    """
    try:
        now = os.stat(target)  # noqa: PTH116
    except OSError:
        raise CannotChange("went away meanwhile") from None
    if _identity(now) != _identity(status):
        raise CannotChange("changed meanwhile; make a new plan")


def require_room(target: str, size: int) -> None:
    """Refuse what would not fit on the disk.

    Raises
    ------
    CannotChange
        It would not.
    """
    with contextlib.suppress(OSError):
        if shutil.disk_usage(Path(target).parent).free < size + ROOM:
            raise CannotChange("there is no room on the disk for a changed copy of it")


def must_stay_itself(target: str, status: Status) -> bool:
    """Whether another file in its place would not be the same: it has other names or owners."""
    if status.st_nlink > 1:
        return True
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return False
    return status.st_uid != os.geteuid() or not os.access(Path(target).parent, os.W_OK)


@contextlib.contextmanager
def passing_name(target: str, note: Callable[[str], None]) -> Iterator[Path]:
    """Yield an empty file beside another, and delete it at the end if it is still there.

    Parameters
    ----------
    target
        The other file.
    note
        Is told the name before there is such a file, so that it is found if this process is ended.

    Raises
    ------
    OSError
        It cannot be made.
    """
    part = Path(target).parent / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
    note(str(part))
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def put_in_place(part: Path, target: str, status: Status, *, modified_ns: int | None) -> None:
    """Give a file the rights, the owner and the place of another.

    Parameters
    ----------
    part
        The new file; it is brought to the disk first.
    target
        The place.
    status
        Of the file there.
    modified_ns
        When it is to count as changed; None: now.

    Raises
    ------
    OSError
        It cannot be done; the file at the place is the former one.
    """
    if hasattr(os, "chown") and os.geteuid() == 0:
        os.chown(part, status.st_uid, status.st_gid)
    shutil.copystat(target, part)
    if modified_ns is None:
        os.utime(part)
    else:
        os.utime(part, ns=(status.st_atime_ns, modified_ns))
    sync(part)
    part.replace(target)
    sync_folder(Path(target).parent)


def sync(path: Path) -> None:
    """Bring a file to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def told(error: OSError) -> str:
    """Return what went wrong with a file, as a part of a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "there is no room on the disk"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"may not be written ({error.strerror})"
    return f"cannot be written ({error.strerror or error})"


def _identity(status: Status) -> tuple[int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
