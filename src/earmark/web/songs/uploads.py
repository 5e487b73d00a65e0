"""Uploads on disk: under names of our own, in a private folder, and never longer than needed."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from earmark.errors import ServerError

logger = logging.getLogger(__name__)

LOCK = "in-use"


class Uploads:
    """The folder of one server run.

    Below a base folder of this user every run has a folder of its own, which it holds locked. A run
    that was killed leaves its folder behind unlocked; the next start sweeps it.

    Parameters
    ----------
    base
        Where the runs' folders lie; None: ``earmark-<user>`` in the system's temporary folder.

    Raises
    ------
    ServerError
        The base folder belongs to somebody else, or cannot be written.
    """

    def __init__(self, base: Path | None = None) -> None:
        self.base = base or Path(tempfile.gettempdir()) / f"earmark-{_user()}"
        try:
            self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(self.base, chosen=base is not None)
            sweep(self.base)
            self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.base))
            self._lock = _lock(self.folder / LOCK, make=True)
        except OSError as error:
            problem = error.strerror or error
            raise ServerError(f"{self.base}: uploads cannot be kept there ({problem})") from None
        if self._lock is None:
            raise ServerError(f"{self.folder}: cannot be locked; name another folder for uploads")

    def new(self, suffix: str = "") -> Path:
        """Name a file that does not exist yet; nothing of it comes from the client."""
        return self.folder / f"{secrets.token_hex(16)}{suffix}"

    @contextlib.contextmanager
    def holding(self, path: Path) -> Iterator[Path]:
        """Give ``path``, and delete it when the block ends, however it ends."""
        try:
            yield path
        finally:
            self.discard(path)

    def discard(self, path: Path) -> None:
        """Delete a file of this folder, if it is still there."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            # Nothing more can be done now; the folder goes when the server stops.
            logger.error("an upload could not be deleted: %s", error)

    def left(self) -> list[Path]:
        """Return the uploads that lie on disk now."""
        return [path for path in self.folder.iterdir() if path.name != LOCK]

    def close(self) -> None:
        """Delete the folder of this run with all that is in it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep(base: Path) -> int:
    """Delete the folders of runs that are dead; return how many.

    A folder without a lock file belongs to a run that starts at this moment.
    """
    swept = 0
    for folder in base.glob("run-*"):
        lock = None if folder.is_symlink() else _lock(folder / LOCK)
        if lock is None:
            continue
        with lock:
            shutil.rmtree(folder, ignore_errors=True)
        swept += 1
    return swept


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "uploads"


def _check_private(base: Path, *, chosen: bool) -> None:
    """Refuse a folder that another user made in a shared temporary folder to read along."""
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ServerError(f"{base}: not a folder; remove it or name another for uploads")
    if hasattr(os, "getuid") and status.st_uid != os.getuid() and not chosen:
        raise ServerError(f"{base}: belongs to another user; name another folder for uploads")
    if not chosen:
        base.chmod(0o700)


def _lock(path: Path, *, make: bool = False) -> IO[bytes] | None:
    """Open and lock a file; None where another process holds it or it cannot be opened."""
    try:
        file = path.open("ab" if make else "r+b")
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
