"""Files that come into being whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
        brought to the disk and the file is renamed; when it raises, the file is deleted.

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
    # The stem is cut: a name with the addition must not be longer than a file system allows.
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:100]}-", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        # mkstemp lets only the owner read.
        part.chmod(path.stat().st_mode & 0o777 if path.is_file() else 0o644)
        _sync(part)
        if overwrite:
            part.replace(path)
        else:
            _put_new(part, path)
        with contextlib.suppress(OSError):
            # Not every system can bring a folder to the disk.
            _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


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
