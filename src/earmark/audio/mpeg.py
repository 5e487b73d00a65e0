"""A walk along the frame headers of an MP3 file.

An MP3 file has no table of contents. libsndfile believes the frame count of the Xing or Info frame
where there is one and else guesses from the first frame's bit rate; it reads nothing past the
guess, and on damaged data it gives up and writes to stderr. So the headers are walked first, which
takes milliseconds, and libsndfile gets only files in which every frame follows the one before it
and the count is right. The layout of the header is that of ISO/IEC 11172-3, 2.4.1.3, and
ISO/IEC 13818-3.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import IO

from earmark.audio.source import shortfall

_VERSION_1 = 3
_BIT_RATES = {  # kbit/s of layer III by the header's four bits
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@dataclass(frozen=True, slots=True)
class MpegLayout:
    """Where the frames of an MP3 file lie.

    Attributes
    ----------
    start, stop
        Bytes from ``start`` to ``stop`` are frames and nothing else; tags lie outside.
    frames
        Number of MPEG frames, without the Xing or Info frame.
    is_sound
        Every frame is where the one before it says, up to the end of the file or its tags.
    is_cut
        The last frame is not all there, but nothing else is wrong.
    stated
        Number of frames that a Xing or Info frame states; None where none does.
    samples, sample_rate
        Of one frame, and of the file in Hz.
    """

    start: int
    stop: int
    frames: int
    is_sound: bool
    is_cut: bool
    stated: int | None
    samples: int
    sample_rate: int

    @property
    def has_count(self) -> bool:
        """Whether the file states how many frames it has, and is right."""
        return self.stated == self.frames

    def complaint(self) -> list[str]:
        """Return a warning for a file that ends before its stated end, else none."""
        if not (self.is_sound or self.is_cut) or self.stated is None:
            return []
        return shortfall(
            self.frames * self.samples, self.stated * self.samples, self.sample_rate, is_exact=True
        )


def walk(file: IO[bytes]) -> MpegLayout | None:
    """Follow the frames of a file from header to header.

    Parameters
    ----------
    file
        An opened file with a descriptor; its position does not matter and is not changed.

    Returns
    -------
    MpegLayout or None
        None where the file does not begin, after ID3v2 tags, with an MPEG layer III frame.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = at = _skip_id3v2(data)
        size = len(data)
        lengths: dict[int, int] = {}  # by the 24 header bits that decide it
        first = _frame_length(int.from_bytes(data[at : at + 4], "big")) if at + 4 <= size else 0
        if not first:
            return None
        family = int.from_bytes(data[at : at + 4], "big") & 0xFFFE0C00  # sync, version, layer, rate
        count, is_cut = 0, False
        is_info, stated = _read_info(data[at : at + first])
        samples, sample_rate = _frame_size(int.from_bytes(data[at : at + 4], "big"))
        while at + 4 <= size:
            header = int.from_bytes(data[at : at + 4], "big")
            if header & 0xFFFE0C00 != family:
                break
            key = header & 0xFFFFFF00
            length = lengths.get(key)
            if length is None:
                length = lengths[key] = _frame_length(header)
            if not length or at + length > size:
                is_cut = length > 0
                break
            at += length
            count += 1
        stop = at
        is_sound = _is_tag_or_end(data, stop)
    if is_info:
        count -= 1  # this frame holds no sound
    return MpegLayout(start, stop, count, is_sound, is_cut, stated, samples, sample_rate)


def may_be_mpeg(head: bytes) -> bool:
    """Tell whether libsndfile would take a file with this beginning [3 bytes] for MPEG audio."""
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0)


def _skip_id3v2(data: mmap.mmap) -> int:
    at = 0
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        flags, *digits = data[at + 5 : at + 10]
        size = 0
        for digit in digits:
            size = size << 7 | digit & 0x7F
        at += 10 + size + (10 if flags & 0x10 else 0)
    return at


def _frame_length(header: int) -> int:
    """Return the bytes in a layer III frame with this header, or 0 where it is no such header."""
    version, layer = header >> 19 & 3, header >> 17 & 3
    bit_rate, sample_rate = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer != 1:
        return 0
    if bit_rate in (0, 15) or sample_rate == 3:
        return 0
    is_version_1 = version == _VERSION_1
    bits = _BIT_RATES[is_version_1][bit_rate] * 1000 * (144 if is_version_1 else 72)
    return bits // _SAMPLE_RATES[version][sample_rate] + (header >> 9 & 1)


def _frame_size(header: int) -> tuple[int, int]:
    """Return the samples in a frame, and how many make a second."""
    version = header >> 19 & 3
    return 1152 if version == _VERSION_1 else 576, _SAMPLE_RATES[version][header >> 10 & 3]


def _read_info(frame: bytes) -> tuple[bool, int | None]:
    """Tell whether a first frame holds a Xing, Info or VBRI header, and how many frames it states.

    libmpg123 does not go by VBRI, hence no count from there.
    """
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark, 4, 44)
        if at >= 0:
            has_count = int.from_bytes(frame[at + 4 : at + 8], "big") & 1
            return True, int.from_bytes(frame[at + 8 : at + 12], "big") if has_count else None
    return frame.startswith(b"VBRI", 36), None


def _is_tag_or_end(data: mmap.mmap, at: int) -> bool:
    """Tell whether nothing but tags follows ``at``: ID3v1, APE, Lyrics3, or padding of zeros."""
    rest = data[at : at + 32]
    if rest.startswith((b"TAG", b"APETAGEX", b"LYRICSBEGIN")):
        return True
    return not rest.strip(b"\0") and not data[at : at + 65536].strip(b"\0")
