"""Where in a file the sound begins and ends: tags and padding before and behind it.

Taggers put blocks of their own before or behind the sound of any format, most of them with their
length. Decoders that were not made for them take them for damaged sound, or reckon a duration
from a size that holds a picture as well. Here they are cut off by their own sizes, and decoders are
given what is left.

Sizes and marks are those of https://id3.org (ID3v1, ID3v2.4 section 3.1 and 3.4, Lyrics3 and
Lyrics3 v2.00) and of https://wiki.hydrogenaud.io/index.php?title=APEv2_specification.
"""

from __future__ import annotations

from collections.abc import Iterator

from earmark.audio.files import View
from earmark.audio.signatures import states_its_end

_MOST_TAGS = 32
_FEWEST_ZEROS = 64  # fewer in front may belong to the first number of a file
_MOST_ZEROS = 1 << 28  # bytes
_BLOCK = 1 << 16
_LONGEST_LYRICS = 5_200  # bytes of Lyrics3 version 1, whose length stands nowhere


def find_sound(file: View) -> View:
    """Return the part of a file between the tags before its sound and those behind it.

    Parameters
    ----------
    file
        The whole file.

    Returns
    -------
    View
        The whole file as well where nothing is left between tags, or sizes cannot be true.
    """
    return find_tags(file)[1]


def find_tags(file: View) -> tuple[list[View], View]:
    """Return the tags before and behind the sound of a file, and the sound between them.

    Parameters
    ----------
    file
        The whole file.

    Returns
    -------
    tags
        Those in front from front to back, then those behind it from back to front. One in front
        can also be a run of zeros.
    sound
        As `find_sound` returns it.
    """
    tags, start, stop = [], 0, 0
    for start, stop in _in_front(file):
        tags.append(file.part(start, stop))
    sound = file.part(stop)
    if states_its_end(sound.peek(0, 16)):
        return tags, sound
    behind, start = [], sound.size
    for start, stop in _behind(sound):
        behind.append(sound.part(start, stop))
    if start <= 0:
        return tags, sound
    return tags + behind, sound.part(0, start)


# -- in front --------------------------------------------------------------------------------


def _in_front(file: View) -> Iterator[tuple[int, int]]:
    at = 0
    for _ in range(_MOST_TAGS):
        head = file.peek(at, 32)
        length = _id3v2_length(head) or _ape_length(head, is_header=True)
        if not length:
            length = _count_zeros(file, at)
            if length < (1 if at else _FEWEST_ZEROS):
                break
        if at + length >= file.size:
            break
        yield at, at + length
        at += length


def _id3v2_length(head: bytes, mark: bytes = b"ID3") -> int:
    """Return the length of an ID3v2 tag with its header and footer, by either of those."""
    is_tag = head[:3] == mark and len(head) >= 10 and head[3] < 0xFF and head[4] < 0xFF
    if not is_tag or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    has_footer = mark == b"3DI" or (head[3] >= 4 and head[5] & 0x10)
    return size + (20 if has_footer else 10)


def _ape_length(mark: bytes, *, is_header: bool) -> int:
    """Return the length of an APE tag by its header or its footer."""
    if not mark.startswith(b"APETAGEX") or len(mark) < 32:
        return 0
    version, size = _little(mark[8:12]), _little(mark[12:16])
    flags = _little(mark[20:24]) if version >= 2000 else 0
    if bool(flags & 1 << 29) != is_header or size < 32:
        return 0
    return size + (32 if is_header or flags & 1 << 31 else 0)


def _count_zeros(file: View, at: int) -> int:
    """Return how many zeros stand at a place before something else, 0 if nothing follows."""
    end = at
    while end - at < _MOST_ZEROS:
        block = file.peek(end, _BLOCK)
        if not block:
            return 0
        rest = block.lstrip(b"\0")
        end += len(block) - len(rest)
        if rest:
            return end - at - _leading_zeros(file, end)
    return 0


def _leading_zeros(file: View, at: int) -> int:
    """Return how many of the zeros before a place belong to the file that begins there."""
    head = file.peek(at - 3, 11)
    for zeros in (3, 2, 1):  # the first box of an MP4 file is short, so its size begins with zeros
        if head[3 - zeros + 4 :].startswith(b"ftyp"):
            return zeros
    return 2 if head[1:].startswith((b"\0\0\1\xba", b"\0\0\1\xb3")) else 0  # MPEG films


# -- behind ----------------------------------------------------------------------------------


def _behind(file: View) -> Iterator[tuple[int, int]]:
    stop = file.size
    for _ in range(_MOST_TAGS):
        length = (
            _id3v1_length(file, stop)
            or _ape_length(file.peek(stop - 32, 32), is_header=False)
            or _id3v2_length(file.peek(stop - 10, 10), b"3DI")
            or _lyrics_length(file, stop)
        )
        if not length or length > stop:
            break
        yield stop - length, stop
        stop -= length


def _id3v1_length(file: View, stop: int) -> int:
    if file.peek(stop - 128, 3) != b"TAG" or stop < 128:
        return 0
    return 128 + 227 if file.peek(stop - 128 - 227, 4) == b"TAG+" else 128


def _lyrics_length(file: View, stop: int) -> int:
    mark = file.peek(stop - 9, 9)
    if mark == b"LYRICS200":
        digits = file.peek(stop - 15, 6)
        length = int(digits) + 15 if digits.isdigit() else 0
        return length if file.peek(stop - length, 11) == b"LYRICSBEGIN" else 0
    if mark == b"LYRICSEND":
        begin = max(0, stop - _LONGEST_LYRICS)
        at = file.peek(begin, stop - begin).rfind(b"LYRICSBEGIN")
        return stop - begin - at if at >= 0 else 0
    return 0


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
