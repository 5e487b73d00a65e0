"""Whether a file ends before its sound does, by what its own headers say.

Decoders take what is there, and most say nothing of a file that was cut off: libsndfile counts the
frames of the bytes that are left. What tells is the length in front of the sound against the length
of the file, and in Ogg the mark on the last page. Nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from earmark.audio.files import Readable, View
from earmark.audio.ogg import END_OF_STREAM, last_page, page_length

_MOST_CHUNKS = 10_000
# Some writers of WAV count the header in, so that a file that is whole lacks a few bytes.
_SLACK = 128
_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_INFO, _DURATION = b"\x15\x49\xa9\x66", b"\x44\x89"
_ASF_DATA = b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_BOXES = {b"ftyp", b"moov", b"free", b"skip", b"wide", b"uuid", b"meta", b"sidx", b"styp", b"emsg"}


@dataclass(frozen=True, slots=True)
class Cut:
    """What is known of a file that ends early.

    Attributes
    ----------
    present
        The share of the sound's bytes that are there; None where no length was promised.
    has_index
        Whether the list of what the file holds is all there.
    """

    present: float | None = None
    has_index: bool = True


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a format strings its chunks together.

    Attributes
    ----------
    first
        Where the first one begins.
    sound
        The name of the one that holds the sound.
    name, size
        How many bytes these take.
    order
        Of the size's bytes.
    align
        Chunks begin at multiples of this.
    counts_header
        Whether the size includes the chunk's header.
    """

    first: int
    sound: bytes
    name: int = 4
    size: int = 4
    order: str = "little"
    align: int = 2
    counts_header: bool = False


_WAV = _Layout(12, b"data")
_AIFF = _Layout(12, b"SSND", order="big")
_LAYOUTS = {
    (b"RIFF", b"WAVE"): _WAV,
    (b"RF64", b"WAVE"): _WAV,
    (b"BW64", b"WAVE"): _WAV,
    (b"RIFX", b"WAVE"): _Layout(12, b"data", order="big"),
    (b"FORM", b"AIFF"): _AIFF,
    (b"FORM", b"AIFC"): _AIFF,
}
_WAVE64 = _Layout(40, b"data", name=16, size=8, align=8, counts_header=True)
_CAF = _Layout(8, b"data", size=8, order="big", align=1)


def find_cut(file: View) -> Cut | None:
    """Tell whether a file ends before its sound does; None where nothing says so.

    Parameters
    ----------
    file
        The file, without tags before its sound.

    Returns
    -------
    Cut or None
        None as well where the length was not known to the writer, as when it wrote to a pipe.
    """
    size = file.size
    head = file.peek(0, 64)
    layout = _LAYOUTS.get((head[:4], head[8:12]))
    if layout is not None:
        return _cut_of(*_find_sound(file, layout, size), size)
    if head.startswith(b"riff") and head[24:28] == b"wave":
        return _cut_of(*_find_sound(file, _WAVE64, size), size)
    if head.startswith(b"caff"):
        return _cut_of(*_find_sound(file, _CAF, size), size)
    if head.startswith((b".snd", b"dns.")):
        order = "big" if head[0] == ord(".") else "little"
        return _cut_of(_number(head[4:8], order), _stated(_number(head[8:12], order)), size)
    if head.startswith(b"OggS"):
        return _cut_of_ogg(file)
    if head[4:8] == b"ftyp":
        return _cut_of_mp4(file, size)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _cut_of_matroska(file, head, size)
    if head.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
        return _cut_of_asf(file, head, size)
    return None


def _cut_of(start: int, length: int | None, size: int) -> Cut | None:
    """Compare what is promised, ``length`` bytes from ``start``, with the file's ``size``."""
    if length is None or start + length <= size + _SLACK:
        return None
    return Cut(max(0, size - start) / length)


def find_rest(file: View) -> int:
    """Return how many bytes behind the sound are nothing that its format knows.

    A header that promises less sound than there is leaves the rest of it there.

    Parameters
    ----------
    file
        The file, without tags before its sound.
    """
    head = file.peek(0, 64)
    if head.startswith((b".snd", b"dns.")):
        order = "big" if head[0] == ord(".") else "little"
        length = _stated(_number(head[8:12], order))
        end = _number(head[4:8], order) + length if length else file.size
    elif (layout := _LAYOUTS.get((head[:4], head[8:12]))) is not None:
        end = _end_of_chunks(file, layout)
    else:
        return 0
    rest = file.peek(end, 16)
    if rest.startswith((b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")) or not rest.strip(b"\0"):
        return 0
    return max(0, file.size - end)


def _end_of_chunks(file: View, layout: _Layout) -> int:
    """Return where chunks end, once the sound was among them."""
    has_sound, end = False, 0
    for name, start, length in _chunks(file, layout, file.size):
        is_name = all(0x20 <= byte < 0x7F for byte in name)
        if has_sound and not (is_name and start + length <= file.size + _SLACK):
            return end
        has_sound = has_sound or name == layout.sound
        if has_sound and name == layout.sound and _stated(length) is None:
            return file.size
        end = start + length + -(start + length) % layout.align
    return end if has_sound else file.size


def states_duration(file: Readable) -> bool:
    """Tell whether a Matroska file says how long it is; one that was sent while made does not."""
    at = 0
    for wanted in (_SEGMENT, _INFO, _DURATION):
        found = _find_element(file, at, wanted)
        if found is None:
            return False
        at = found
    return True


def _find_element(file: Readable, at: int, wanted: bytes) -> int | None:
    """Return where the content of an element begins, that stands at ``at`` or behind it."""
    for _ in range(64):
        head = file.peek(at, 12)
        name = _vint(head)[0]
        width, length = _vint(head[name : name + 8])
        if not name or not width or head.startswith(_CLUSTER):
            return None
        if head[:name] == wanted:
            return at + name + width
        if length is None:
            return None
        at += name + width + length
    return None


# -- chunks ----------------------------------------------------------------------------------


def _find_sound(file: View, layout: _Layout, size: int) -> tuple[int, int | None]:
    """Return where the sound begins and how many bytes of it are promised, where that is said."""
    wide = None
    for name, start, length in _chunks(file, layout, size):
        if name == b"ds64":
            wide = _number(file.peek(start + 8, 8), "little")
        if name == layout.sound:
            if length == 0xFFFFFFFF and wide is not None:
                return start, _stated(wide, is_wide=True)
            return start, _stated(length, is_wide=layout.size == 8)
    return 0, None


def _chunks(file: View, layout: _Layout, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name (4 bytes), where its content begins, and the content's length."""
    at, header = layout.first, layout.name + layout.size
    for _ in range(_MOST_CHUNKS):
        head = file.peek(at, header)
        if len(head) < header:
            return
        length = _number(head[layout.name :], layout.order)
        length -= header if layout.counts_header else 0
        if length < 0:
            return
        yield head[:4], at + header, length
        at += header + length
        at += -at % layout.align
        if at >= size:
            return


def _stated(length: int, *, is_wide: bool = False) -> int | None:
    """Return a length, or None for what is written where the length is not known beforehand.

    That is 0, the largest number with or without its sign, or one that is a little less, such
    as 0x7F000000 of SoX.
    """
    if is_wide:
        return length if 0 < length < 1 << 62 else None
    is_known = 0 < length < 0x7F00_0000 or 0x8001_0000 < length < 0xFFFF_0000
    return length if is_known else None


# -- other containers ------------------------------------------------------------------------


def _cut_of_ogg(file: View) -> Cut | None:
    page = last_page(file)
    if page is None:
        return Cut()
    at, header = page
    length = page_length(header)
    is_whole = length is not None and at + length <= file.size
    return None if is_whole and header[5] & END_OF_STREAM else Cut()


def _cut_of_mp4(file: View, size: int) -> Cut | None:
    """Look for a box of sound or film, or the index, that is not all there.

    What share of the sound is missing, only the index tells, which FFmpeg reads.
    """
    at = 0
    for _ in range(_MOST_CHUNKS):
        head = file.peek(at, 16)
        name = head[4:8]
        if len(head) < 8 or name not in _BOXES | {b"mdat", b"moof"}:
            return None
        length = _number(head[:4], "big")
        if length == 1:
            length = _number(head[8:16], "big")
        if length < 8:  # 0 is a box that goes to the end, however far that is
            return None
        at += length
        if at > size:
            if name in (b"mdat", b"moof", b"moov"):
                return Cut(has_index=name != b"moov")
            return None
    return None


def _cut_of_matroska(file: View, head: bytes, size: int) -> Cut | None:
    width, length = _vint(head[4:12])
    at = 4 + width + (length or 0)
    head = file.peek(at, 12)
    if not head.startswith(_SEGMENT):
        return None
    width, length = _vint(head[4:12])
    at += 4 + width
    if length is not None:
        return Cut() if at + length > size else None
    # Of a stream only its clusters, some seconds each, have a length.
    for _ in range(_MOST_CHUNKS):
        head = file.peek(at, 12)
        name = _vint(head)[0]
        width, length = _vint(head[name : name + 8])
        if not name or length is None:
            return None
        at += name + width + length
        if at > size:
            return Cut() if head.startswith(_CLUSTER) else None
    return None


def _vint(data: bytes) -> tuple[int, int | None]:
    """Return the width of an EBML number and the number, which is None for "not known"."""
    if not data or not data[0]:
        return 0, None
    width = 9 - data[0].bit_length()
    number = _number(data[:width], "big") & ((1 << 7 * width) - 1)
    return width, None if number == (1 << 7 * width) - 1 else number


def _cut_of_asf(file: View, head: bytes, size: int) -> Cut | None:
    at = _number(head[16:24], "little")
    head = file.peek(at, 24) if at < size else b""
    if not head.startswith(_ASF_DATA):
        return None
    return _cut_of(at, _stated(_number(head[16:24], "little"), is_wide=True), size)


# -- bytes -----------------------------------------------------------------------------------


def _number(data: bytes, order: str) -> int:
    return int.from_bytes(data, "big" if order == "big" else "little")
