"""Whether the log beside a library is its own.

SQLite takes any file of the right name for the log of a database, and writes what it holds into
it. Where a library was moved to the place of one that a program had open, that would destroy it.

So every change of a library puts a new random token into its row of state, beside the one before.
A log begins with what followed the state of the file: the token that the file holds stands in it,
as the one before the log's first change or as one of a change that has reached the file already.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from earmark.library.backends.sqlite_files import beside

logger = logging.getLogger(__name__)

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)


def has_foreign_log(path: Path) -> bool:
    """Tell whether the log beside a library belongs to another file.

    It does not where the library is of an older format, which has no tokens.
    """
    # While another process writes, file and log cannot be read as of one moment.
    for _ in range(3):
        token = _token(path)
        if token is None or not _is_strange(beside(path)[0], token):
            return False
        time.sleep(0.02)
    return True


def put_aside(path: Path) -> None:
    """Move the log of another library out of the way, under a name that says so."""
    log, index, _ = beside(path)
    kept = path.with_name(f"{path.name}-log-of-another")
    with contextlib.suppress(FileNotFoundError):
        log.replace(kept)
        logger.warning(
            "%s: beside it lay the log of another library that was at this place; it is now %s",
            path,
            kept.name,
        )
    index.unlink(missing_ok=True)


def _token(path: Path) -> bytes | None:
    """Return the token of a file, without what may be in a log; None where it has none."""
    uri = f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            (token,) = connection.execute("SELECT token FROM state").fetchone()
    except (sqlite3.Error, TypeError, UnicodeDecodeError):
        # Of another format, or damaged: opening it says so.
        return None
    return token.encode() if isinstance(token, str) and token else None


def _is_strange(log: Path, token: bytes) -> bool:
    """Tell whether a log holds pages of a database, and the token on none of them."""
    strange = False
    try:
        for page in _pages(log):
            if token in page:
                return False
            strange = True
    except OSError:
        # Gone, or not to be read: then SQLite cannot read it either.
        return False
    return strange


def _pages(log: Path) -> Iterator[bytes]:
    """Return the pages of a log that count; behind them may be some of its former rounds.

    The layout is that of https://www.sqlite.org/fileformat2.html#walformat.
    """
    with log.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        magic, _, page_size, _, *salts, _, _ = _HEADER.unpack(header)
        if magic not in _MAGIC or not 512 <= page_size <= 65536:
            return
        length = os.fstat(file.fileno()).st_size
        for _ in range(length // (page_size + _FRAME.size)):
            frame = file.read(_FRAME.size)
            page = file.read(page_size)
            if len(page) < page_size or list(_FRAME.unpack(frame)[2:4]) != salts:
                return
            yield page
