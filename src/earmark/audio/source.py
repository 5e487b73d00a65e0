"""What a decoder is: samples at the file's own rate, in order, from any frame on; and how it fails.

A *frame* is one sample of every channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.errors import AudioError, AudioTruncated, NotAudio
from earmark.words import say

DAMAGED = say("has damaged frames, which are left out")
ENDS_EARLY = say("ends early; its last part may be missing")
TRUNCATED = "the file ends, or is damaged, before any sound; copy or download it again"

# How Python prints an object that has no text of its own.
_AN_OBJECT = re.compile(r"<\S+(?: \S+)? at 0x[0-9a-f]+>")


def shortfall(frames: int, expected: int, sample_rate: int, *, is_exact: bool) -> list[str]:
    """Return a warning, or none, for a file of which less decodes than it says.

    What is said of MP3, WMA and others is off by a few packets.
    """
    missing = (expected - frames) / sample_rate
    if missing < (0.1 if is_exact else 0.3):
        return [DAMAGED] if is_exact and missing > 0 else []
    return [
        say(
            "only %(some)s s of %(all)s s can be decoded",
            some=f"{frames / sample_rate:.1f}",
            all=f"{expected / sample_rate:.1f}",
        )
    ]


def is_shortfall(warning: str) -> bool:
    """Tell whether a warning is one that says how much of a file decodes."""
    return warning.startswith("only ")


class CannotOpen(Exception):
    """One decoder does not know the file, or would not do it well; another one may."""


class CannotDecode(Exception):
    """The decoder came to data that it cannot get past."""


class Source(Protocol):
    """An opened file that gives its samples.

    Attributes
    ----------
    sample_rate
        In Hz.
    channels
        How many.
    frames
        How many frames the file holds, as far as is known.
    is_exact
        Whether ``frames`` was counted or stated reliably, not estimated.
    warnings
        What was found wrong so far; grows while decoding.
    """

    sample_rate: int
    channels: int
    frames: int
    is_exact: bool
    warnings: list[str]

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame`` exactly; beyond the end it gives nothing."""
        ...

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels], n <= ``frames``; n = 0 only at the end."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@contextmanager
def errors_of_one_file(path: str) -> Iterator[None]:
    """Turn whatever a decoder raises into the error of one file, so that others go on.

    Raises
    ------
    AudioTruncated
        A decoder cannot go on where one could a moment ago: the file changed.
    NotAudio
        For all other exceptions but those on purpose, and too little memory.
    """
    try:
        yield
    except (AudioError, MemoryError):
        raise
    except (CannotOpen, CannotDecode) as error:
        # What could be decoded a moment ago.
        raise AudioTruncated(path, "the file changed while it was read; try it again") from error
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        what = _AN_OBJECT.sub("it", what)
        raise NotAudio(path, f"a decoder failed ({what}); save it in another format") from error
