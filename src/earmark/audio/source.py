"""What a decoder is: samples at the file's own rate, in order, from any frame on.

A *frame* is one sample of every channel.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DAMAGED = "has damaged frames, which are left out"
ENDS_EARLY = "ends early; its last part may be missing"


def shortfall(frames: int, expected: int, sample_rate: int, *, is_exact: bool) -> list[str]:
    """Return a warning, or none, for a file of which less decodes than it says.

    What is said of MP3, WMA and others is off by a few packets.
    """
    missing = (expected - frames) / sample_rate
    if missing < (0.1 if is_exact else 0.3):
        return [DAMAGED] if is_exact and missing > 0 else []
    return [f"only {frames / sample_rate:.1f} s of {expected / sample_rate:.1f} s can be decoded"]


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
