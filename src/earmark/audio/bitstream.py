"""AC-3 and DTS that is stored as if it were samples, as for a receiver at a digital cable.

In a WAV or FLAC file such a stream sounds like noise. IEC 61937 puts it into bursts in 16-bit
words, each begun by Pa = 0xF872, Pb = 0x4E1F, and Pc, which says what it holds; CDs with DTS hold
its frames without more, in words of 14 or 16 bits.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from earmark.audio.source import Source

_BURST = b"\x72\xf8\x1f\x4e"
# The first words of a frame of DTS in words of 14 and of 16 bits; ETSI TS 102 114, annex.
_DTS = (b"\xff\x1f\x00\xe8", b"\xfe\x7f\x01\x80")
_TYPES = {1, 11, 12, 13, 17, 21}  # of Pc, bits 0 to 4: AC-3, DTS I to III, DTS-HD, E-AC-3
_LOOK = 1 << 15  # frames that are looked at, from the first that is not zero on
_FURTHEST = 1 << 22  # frames of zeros that may come before
_FEWEST = 2  # marks, at one distance


def find_bitstream(source: Source) -> str | None:
    """Return FFmpeg's name of the format that is hidden in samples; None where they are samples.

    Parameters
    ----------
    source
        At its beginning; it is left there.
    """
    if source.channels != 2:
        return None
    words, passed = _words(source, _LOOK), 0
    while len(words) and not words.any() and passed < _FURTHEST:
        passed += len(words)
        words = _words(source, _LOOK)
    if words.any() and passed:
        words = np.concatenate([words, _words(source, _LOOK)])
    source.seek(0)
    data = words.tobytes()
    if _has_period(data, _BURST) and data[data.index(_BURST) + 4] & 0x1F in _TYPES:
        return "spdif"
    return "dts" if any(_has_period(data, mark) for mark in _DTS) else None


def _words(source: Source, frames: int) -> NDArray[np.int16]:
    """Return the next samples [n, channels] as the 16-bit words that they were."""
    with np.errstate(invalid="ignore", over="ignore"):
        words = (np.nan_to_num(source.read(frames)) * 32768.0).clip(-32768, 32767)
    return words.astype("<i2", order="C")


def _has_period(data: bytes, mark: bytes) -> bool:
    places: list[int] = []
    at = data.find(mark)
    while at >= 0 and len(places) < 64:
        places.append(at)
        at = data.find(mark, at + 1)
    steps = np.diff(places)
    return len(places) > _FEWEST and bool((steps == steps[0]).mean() > 0.6)


class WordsFile:
    """The bytes of 16-bit samples as a file that FFmpeg can read.

    Parameters
    ----------
    source
        Nobody else may read it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._width = 2 * source.channels
        self._size = source.frames * self._width
        self._at = 0

    def part(self) -> WordsFile:
        """Return the same file, at its beginning."""
        return WordsFile(self._source)

    def peek(self, at: int, length: int) -> bytes:
        """Return ``length`` bytes from ``at`` on, or what there is of them."""
        file = self.part()
        file.seek(at)
        return file.read(length)

    def read(self, length: int = -1) -> bytes:
        """Return the next bytes."""
        length = self._size - self._at if length < 0 else length
        first, skip = divmod(self._at, self._width)
        self._source.seek(first)
        words = _words(self._source, -(-(skip + length) // self._width))
        data = words.tobytes()[skip : skip + length]
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place and return it, -1 for one before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            return -1
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return where the next ``read`` begins."""
        return self._at
