"""One call on its way to a cluster, and the file that it is about."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from concurrent.futures import Future, InvalidStateError
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from earmark.cluster.task import Seen, Work
from earmark.errors import EarmarkError, NotAudio, WorkerError

T = TypeVar("T")

MEGABYTE = 2**20

LARGEST_SENT = 512 * MEGABYTE
"""Bytes of a file that is sent; larger ones have to lie where workers see them."""


class Call(Future[T]):
    """One call on its way: since when, whether with its file, and how many bytes that holds."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.since = time.monotonic()
        self.sends_file = False
        self.held = 0

    def fail(self, error: EarmarkError) -> None:
        """End with an error; what was called off meanwhile takes none."""
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)

    def answer(self, value: T) -> None:
        """End with a result; what was called off meanwhile takes none."""
        with contextlib.suppress(InvalidStateError):
            self.set_result(value)


def look_at(path: str) -> Seen | None:
    """Return what is seen of a regular file; None where there is none, or none may be opened."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return Seen(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def with_content(work: Work) -> Work:
    """Return a call with the bytes of its file, which no worker sees.

    Raises
    ------
    NotAudio
        It cannot be read.
    WorkerError
        It is too large to be sent.
    """
    path = work.arguments[0]
    try:
        with Path(path).open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_size > LARGEST_SENT:
                raise WorkerError(
                    f"is too large to be sent to a worker ({about.st_size // MEGABYTE} MB); "
                    "put it where workers see it under the same path",
                    work.name,
                )
            content = file.read()
    except OSError as error:
        raise NotAudio(path, f"it cannot be read: {error.strerror}") from error
    return replace(work, seen=Seen(about.st_size, about.st_mtime_ns), content=content)
