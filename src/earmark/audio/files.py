"""Opening a file safely, once, and reading any part of it."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import IO, Protocol

from earmark.errors import (
    AudioEmpty,
    AudioError,
    AudioIsFolder,
    AudioNotFound,
    NotAudio,
)


def open_bytes(path: str) -> IO[bytes]:
    """Open an ordinary file for reading, without ever waiting for a pipe or a device.

    Parameters
    ----------
    path
        A path as ``os.fspath`` gives it; bytes that are no UTF-8 may stand in it as surrogates.

    Returns
    -------
    IO of bytes
        Without a buffer.

    Raises
    ------
    AudioNotFound, AudioIsFolder, AudioEmpty
        There is nothing to read at ``path``.
    NotAudio
        It is a pipe, a socket or a device, or it may not be read.
    """
    # Without O_NONBLOCK opening a pipe waits for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        # Opening some devices has effects (a tape rewinds), hence a look before.
        _require_ordinary(path, os.stat(path))  # noqa: PTH116
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _explain(path, error) from error
    try:
        status = os.fstat(descriptor)
        _require_ordinary(path, status)
        if status.st_size == 0:
            raise AudioEmpty(path, "the file is empty; copy or download it again")
    except AudioError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0)


class OpenFile:
    """A file that was opened once, for any number of views of it.

    What is read is the file that was opened, whatever lies at its path meanwhile, and no more of
    it than there was then: a file that grows for ever has an end.

    Parameters
    ----------
    path
        The file; errors are those of :func:`open_bytes`.

    Attributes
    ----------
    path
        As the caller named it.
    size
        In bytes, when it was opened.
    error
        What went wrong while reading, such as a broken disk; None if nothing did.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open_bytes(path)
        self.size = os.fstat(self._file.fileno()).st_size
        self.error: OSError | None = None

    def read(self, at: int, length: int) -> bytes:
        """Return the bytes from ``at`` on: fewer than ``length`` at the end or after an error."""
        if self._file.closed or at >= self.size:  # broken indexes name places that no file has
            return b""
        parts = []
        # Decoders call this from C, where an exception could only be printed.
        try:
            self._file.seek(at)
            while length > 0 and (part := self._file.read(length)):
                parts.append(part)
                length -= len(part)
        except OSError as error:
            self.error = self.error or error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def require_readable(self) -> None:
        """Raise NotAudio if reading failed on the way."""
        if self.error is not None:
            raise _explain(self.path, self.error) from self.error

    def close(self) -> None:
        """Let go of the file; views of it are empty from then on."""
        self._file.close()


class View:
    """A part of a file as a file of its own, with a position of its own.

    Parameters
    ----------
    file
        The file.
    start, stop
        In bytes; ``stop`` is not part of it.
    """

    def __init__(self, file: OpenFile, start: int = 0, stop: int | None = None) -> None:
        self.file = file
        self.start = start
        self.stop = file.size if stop is None else stop
        self._at = 0

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.stop - self.start

    def part(self, start: int = 0, stop: int | None = None) -> View:
        """Return another view, of a part of this one."""
        return View(self.file, self.start + start, self.start + (stop or self.size))

    def peek(self, at: int, length: int) -> bytes:
        """Return ``length`` bytes from ``at`` on, or what there is of them."""
        if at < 0:
            return b""
        return self.file.read(self.start + at, min(length, self.size - at))

    def read(self, length: int = -1) -> bytes:
        """Return the next bytes."""
        data = self.peek(self._at, self.size if length < 0 else length)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it; -1 for one before the start, as damaged files ask for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            return -1
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return where the next ``read`` begins."""
        return self._at


class Readable(Protocol):
    """What a decoder needs of a file."""

    def part(self) -> Readable:
        """Return the same bytes with a position of their own, at the beginning."""
        ...

    def peek(self, at: int, length: int) -> bytes:
        """Return ``length`` bytes from ``at`` on, or what there is of them."""
        ...

    def read(self, length: int = -1) -> bytes:
        """Return the next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place and return it."""
        ...

    def tell(self) -> int:
        """Return where the next ``read`` begins."""
        ...


def _require_ordinary(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise AudioIsFolder(path, "this is a folder; name a sound file in it")
    if not stat.S_ISREG(status.st_mode):
        raise NotAudio(path, "this is a pipe or a device, not a file; save the sound to a file")


def _explain(path: str, error: OSError | ValueError) -> AudioError:
    if isinstance(error, ValueError):  # a name with a zero byte in it
        return AudioNotFound(path, "no file can have this name; check the spelling")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return AudioNotFound(path, "there is no such file; check the spelling")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotAudio(path, "the file may not be read; change its permissions")
    return NotAudio(path, f"the file cannot be read ({error.strerror or error}); check the disk")
