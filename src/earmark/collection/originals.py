"""Which of several files of one recording is the original, as far as can be told."""

from __future__ import annotations

import os
import re
from pathlib import PurePath

_COPY = r"(?:cop(?:y|ie|ia)|kopi[ea]?|c[oó]pia|コピー|副本)"
_MARKS = re.compile(
    rf"""
    \s* (?:
        \( (?: (?:another|\d+(?:st|nd|rd|th)) \s+ )? {_COPY} (?: \s+ \d+ )? \)  # (copy), (3rd copy)
      | [-–] \s* {_COPY} (?: \s* \(\d+\) )?  # - Copy (2)
      | \s {_COPY} (?: \s+ \d+ )?  # copy 2
      | \( \d{{1,3}} \)  # (1)
    ) $
    | ^ {_COPY} \s+ (?: \(\d+\) \s+ )? (?: of | von | de | di ) \s  # Copy of
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_named_as_copy(path: str) -> bool:
    """Tell whether a file has the name that systems give to a copy.

    >>> is_named_as_copy("song (copy).mp3"), is_named_as_copy("song - Copy (2).mp3")
    (True, True)
    >>> is_named_as_copy("Copycat.mp3"), is_named_as_copy("song.mp3")
    (False, False)
    """
    return _MARKS.search(PurePath(path).stem) is not None


def rank(path: str) -> tuple[bool, float, str]:
    """Return a sorting key: the file that is rather the original has the smaller one.

    A plain name goes before that of a copy, then the older file before the newer, then the path
    that sorts first.
    """
    try:
        modified: float = os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:
        modified = float("inf")
    return is_named_as_copy(path), modified, path
