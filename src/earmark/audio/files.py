"""Opening the bytes of a file safely, and what the first of them say."""

from __future__ import annotations

import errno
import os
import stat
from typing import IO

from earmark.errors import (
    AudioEmpty,
    AudioError,
    AudioIsFolder,
    AudioNotFound,
    NotAudio,
)

# (offset, bytes): a file that begins so was meant to be sound or film, even where no decoder can
# open what is left of it.
_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"RF64"),
    (0, b"riff"),
    (0, b".snd"),
    (0, b"caff"),
    (0, b"fLaC"),
    (0, b"OggS"),
    (0, b"ID3"),
    (4, b"ftyp"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (0, b"MAC "),
    (0, b"wvpk"),
    (0, b"TTA1"),
    (0, b"#!AMR"),
)


def open_bytes(path: str) -> IO[bytes]:
    """Open an ordinary file for reading, without ever waiting for a pipe or a device.

    Parameters
    ----------
    path
        A path as ``os.fspath`` gives it; bytes that are no UTF-8 may stand in it as surrogates.

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
    # A buffer would make the descriptor, which libsndfile reads, run ahead of the file.
    return os.fdopen(descriptor, "rb", buffering=0)


def is_meant_as_sound(path: str) -> bool:
    """Tell whether the first bytes are those of a sound or film file, whole or not."""
    with open_bytes(path) as file:
        head = file.read(16)
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # an MPEG layer III header
        return True
    return any(head[at:].startswith(mark) for at, mark in _SIGNATURES)


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
