"""ID3v2 made plain: the few texts that are wanted, however a tag has packed them.

Taggers of twenty-five years have written these tags in three versions, with frames that are
compressed or hold no FF byte before another ("unsynchronisation"), and with sizes of the wrong
kind. Here the wanted frames are taken out and written as one small tag of version 2.4, which any
reader can read. A compressed frame is unpacked no further than a text is kept.

Layouts are those of https://id3.org: id3v2-00, id3v2.3.0, id3v2.4.0-structure.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from earmark.audio.files import View

RECORDING = "musicbrainz_trackid"
"""What the MusicBrainz identifier of a recording is called in most tags."""

LONGEST = 4096
"""Bytes of a frame that are kept."""

_MOST = 1 << 24  # bytes of a tag that are looked at; texts stand before pictures or soon after
_MOST_FRAMES = 4096
_LONGEST_FRAME = 16 * LONGEST  # bytes that are looked at; the end of a packed text is not needed
_WANTED = {
    b"TP1": b"TPE1",
    b"TP2": b"TPE2",
    b"TT2": b"TIT2",
    b"TAL": b"TALB",
    b"TCO": b"TCON",
}
_MUSICBRAINZ = b"http://musicbrainz.org\0"
"""Of a frame UFID: who gave the identifier of the recording that follows."""

_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")


class _Frame(NamedTuple):
    name: bytes
    flags: int
    content: bytes


def plain_id3(tag: View) -> bytes:
    """Return the texts of an ID3v2 tag that are wanted as a tag without any tricks.

    Parameters
    ----------
    tag
        The tag, with its header.

    Returns
    -------
    bytes
        Artists, title, album, genres and the MusicBrainz identifier, in a tag of version 2.4; all
        texts in UTF-8, each of at most `LONGEST` bytes; empty where the tag says nothing of these.
    """
    head = tag.peek(0, 10)
    if len(head) < 10 or head[:3] != b"ID3" or not 2 <= head[3] <= 4:
        return b""
    version, flags = head[3], head[5]
    body = tag.peek(10, min(_synchsafe(head[6:10]), _MOST))
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    if version == 2 and flags & 0x40:  # compressed as a whole, in a way that was never told
        return b""
    if version > 2 and flags & 0x40:
        body = body[_synchsafe(body[:4]) if version == 4 else 4 + _number(body[:4]) :]
    frames = b""
    for frame in _frames(body, version):
        if version == 4 and flags & 0x80:
            frame = frame._replace(flags=frame.flags | 0x02)
        name = _WANTED.get(frame.name, frame.name)
        text = _text(frame, version) if name in _WANTED.values() else ""
        if frame.name in (b"UFID", b"UFI") and frame.content.startswith(_MUSICBRAINZ):
            # Readers look for such identifiers among texts of one's own.
            name, text = b"TXXX", f"{RECORDING}\0{_identifier(frame.content)}"
        if text:
            content = b"\3" + text.encode("utf-8", "replace")[:LONGEST]
            frames += name + _synchsafe_bytes(len(content)) + b"\0\0" + content
    return b"ID3\4\0\0" + _synchsafe_bytes(len(frames) + 10) + frames + bytes(10) if frames else b""


def _frames(body: bytes, version: int) -> Iterator[_Frame]:
    head = 6 if version == 2 else 10
    at = 0
    for _ in range(_MOST_FRAMES):
        name = body[at : at + (3 if version == 2 else 4)]
        if at + head > len(body) or not _is_name(name):
            return
        if version == 2:
            size, flags = _number(body[at + 3 : at + 6]), 0
        else:
            size, flags = _number(body[at + 4 : at + 8]), body[at + 9]
            if version == 4:
                size = _true_size(body, at, size)
        start = at + head
        at = start + size
        yield _Frame(name, flags, body[start : min(at, start + _LONGEST_FRAME)])


def _true_size(body: bytes, at: int, plain: int) -> int:
    """Return the size of a frame of version 2.4, which some taggers wrote as in version 2.3."""
    size = _synchsafe(body[at + 4 : at + 8])
    if any(byte & 0x80 for byte in body[at + 4 : at + 8]):
        return plain
    if (
        size != plain
        and not _can_follow(body, at + 10 + size)
        and _can_follow(body, at + 10 + plain)
    ):
        return plain
    return size


def _can_follow(body: bytes, at: int) -> bool:
    name = body[at : at + 4]
    return at == len(body) or _is_name(name) or (len(name) > 0 and not any(name))


def _text(frame: _Frame, version: int) -> str:
    """Return the text of a frame, several with a zero between them; empty if there is none."""
    content, flags = frame.content, frame.flags
    if version == 3:
        if flags & 0x40:  # encrypted
            return ""
        content = content[(4 if flags & 0x80 else 0) + (1 if flags & 0x20 else 0) :]
        is_compressed = bool(flags & 0x80)
    else:
        if flags & 0x04:
            return ""
        if flags & 0x40:
            content = content[1:]
        if flags & 0x01 or flags & 0x08:
            content = content[4:]
        if flags & 0x02:
            content = content.replace(b"\xff\0", b"\xff")
        is_compressed = bool(flags & 0x08)
    if is_compressed:
        try:
            content = zlib.decompressobj().decompress(content, LONGEST)
        except zlib.error:
            return ""
    content = content[:LONGEST]
    if not content or content[0] >= len(_ENCODINGS):
        return ""
    encoding, content = _ENCODINGS[content[0]], content[1:]
    if encoding.startswith("utf-16"):
        content = content[: len(content) & ~1]
    if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16-le"
    text = content.decode(encoding, "replace")
    # Each of several texts of UTF-16 can have a mark of its own.
    return text.replace("\ufeff", "").strip("\0")


def _identifier(content: bytes) -> str:
    return content[len(_MUSICBRAINZ) :][:64].decode("latin-1")


def _is_name(name: bytes) -> bool:
    return len(name) >= 3 and all(48 <= byte <= 57 or 65 <= byte <= 90 for byte in name)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _synchsafe(data: bytes) -> int:
    size = 0
    for byte in data:
        size = size << 7 | byte & 0x7F
    return size


def _synchsafe_bytes(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
