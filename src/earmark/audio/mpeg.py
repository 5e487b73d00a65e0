"""The frames of MPEG audio (MP1, MP2, MP3): where they begin, and how many a file states.

A file has no signature but that of its frames, eleven bits, which occur by chance as well. Several
frames that follow each other at the distance that each one's header says do not.

The layout of headers is that of ISO/IEC 11172-3 section 2.4.1.3; that of the Xing and VBRI headers
is described at https://www.codeproject.com/Articles/8295/MPEG-Audio-Frame-Header.
"""

from __future__ import annotations

from dataclasses import dataclass

from earmark.audio.files import Readable, View

_RUN = 5  # frames in a row that are taken for a beginning
_FURTHEST = 1 << 26  # bytes that are searched
_BLOCK = 1 << 18

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BITRATES = {  # kbit/s, by (is MPEG-1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the header of a frame says.

    Attributes
    ----------
    version, layer
        Version in its two bits: 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5. Layers are 1 to 3.
    rate
        In Hz.
    samples
        Of each channel.
    length
        In bytes, with the header.
    is_mono
        Whether there is one channel.
    """

    version: int
    layer: int
    rate: int
    samples: int
    length: int
    is_mono: bool

    @property
    def kind(self) -> tuple[int, int, int]:
        """What does not change within a file."""
        return self.version, self.layer, self.rate


def parse(header: bytes) -> Frame | None:
    """Return what the four bytes of a header say; None if they are none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    bits = 1000 * _BITRATES[version == 3, layer][bitrate - 1]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    padding = header[2] >> 1 & 1
    slot = 4 if layer == 1 else 1
    length = (samples // 8 * bits // hertz // slot + padding) * slot
    return Frame(version, layer, hertz, samples, length, header[3] >> 6 == 3)


def find_frames(file: View) -> int | None:
    """Return where the first frames that follow each other begin; None where there are none."""
    at = 0
    while at < min(file.size, _FURTHEST):
        block = file.peek(at, _BLOCK + 3)
        place = block.find(b"\xff")
        while 0 <= place < _BLOCK:
            if parse(block[place : place + 4]) and _is_run(file, at + place):
                return at + place
            place = block.find(b"\xff", place + 1)
        at += _BLOCK
    return None


def _is_run(file: View, at: int) -> bool:
    first = frame = parse(file.peek(at, 4))
    for _ in range(_RUN - 1):
        if frame is None or first is None or frame.kind != first.kind:
            return False
        at += frame.length
        frame = parse(file.peek(at, 4))
    return frame is not None and first is not None and frame.kind == first.kind


def stated_samples(file: Readable) -> int | None:
    """Return how many samples a file says that it has, in the header that encoders put first.

    Parameters
    ----------
    file
        Beginning with its first frame.

    Returns
    -------
    int or None
        Of each channel, with what the encoder put before and behind; None where the file does not
        say.
    """
    frame = parse(file.peek(0, 4))
    if frame is None or frame.layer != 3:
        return None
    is_mpeg_1 = frame.version == 3
    side = (17 if frame.is_mono else 32) if is_mpeg_1 else (9 if frame.is_mono else 17)
    head = file.peek(0, 200)
    xing, vbri = head[4 + side :], head[4 + 32 :]
    if xing[:4] in (b"Xing", b"Info") and xing[7] & 1:
        count = int.from_bytes(xing[8:12], "big")
    elif vbri[:4] == b"VBRI":
        count = int.from_bytes(vbri[14:18], "big")
    else:
        return None
    return count * frame.samples or None
