"""Other programs' ways of changing the tags of a sound file. Nothing here uses ``earmark``."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import mutagen
from mutagen import apev2, flac, id3, mp4

from support.programs import needs

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 300 + b"\xff\xd9"

needs_ffmpeg = needs("ffmpeg")


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg."""
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def copy_by_ffmpeg(source: Path, target: Path, *options: str) -> None:
    """Write another container around the same packets, with other tags."""
    tags = ("-metadata", "title=By another program " + "x" * 500, "-metadata", "genre=Polka")
    ffmpeg("-i", source, "-map", "0:a", "-c", "copy", *tags, *options, target)


def set_by_mutagen(path: Path, *, long: int = 3000) -> None:
    """Write artist, title and genre in the container's own way, and where it is easy a picture."""
    file = mutagen.File(path)
    assert file is not None, path
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, id3.ID3):
        file.tags.setall("TPE1", [id3.TPE1(3, ["Somebody Else" * 9])])
        file.tags.setall("TCON", [id3.TCON(3, ["Polka", "Waltz"])])
        file.tags.setall("COMM", [id3.COMM(3, "eng", "", ["c" * long])])
        file.tags.setall("APIC", [id3.APIC(3, "image/jpeg", 3, "", PICTURE)])
    elif isinstance(file, mp4.MP4):
        file["\xa9ART"], file["\xa9gen"] = ["Somebody Else"], ["Polka", "Waltz"]
        file["\xa9cmt"], file["covr"] = ["c" * long], [mp4.MP4Cover(PICTURE)]
    elif isinstance(file.tags, apev2.APEv2):
        file["Artist"], file["Genre"] = "Somebody Else", ["Polka", "Waltz"]
        file["Cover Art (Front)"] = apev2.APEValue(b"c.jpg\0" + PICTURE, apev2.BINARY)
    else:
        file["artist"], file["genre"] = ["Somebody Else"], ["Polka", "Waltz"]
        file["comment"] = ["c" * long]
        if isinstance(file, flac.FLAC):
            picture = flac.Picture()
            picture.data, picture.type, picture.mime = PICTURE, 3, "image/jpeg"
            file.add_picture(picture)
    file.save()


def id3v22(**texts: str) -> bytes:
    """Return a tag of ID3v2.2, which no writer of today makes: ``TT2="A Title"``."""
    frames = b""
    for name, text in texts.items():
        content = b"\0" + text.encode("latin-1")
        frames += name.encode() + len(content).to_bytes(3, "big") + content
    return b"ID3\2\0\0" + _syncsafe(len(frames)) + frames


def id3v24_compressed(name: str, text: str) -> bytes:
    """Return a tag of ID3v2.4 with one compressed text frame."""
    plain = b"\3" + text.encode()
    packed = zlib.compress(plain, 9)
    content = _syncsafe(len(plain)) + packed
    frame = name.encode() + _syncsafe(len(content)) + b"\0\x09" + content
    return b"ID3\4\0\0" + _syncsafe(len(frame)) + frame


def _syncsafe(number: int) -> bytes:
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


Edit = Callable[[Path], None]


def _put_in_front(data: bytes) -> Edit:
    return lambda path: _rewrite(path, lambda old: data + old)


def _put_behind(data: bytes) -> Edit:
    return lambda path: _rewrite(path, lambda old: old + data)


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _ape(path: Path) -> None:
    tag = apev2.APEv2()
    tag["Artist"] = "Somebody Else"
    tag["Cover Art (Front)"] = apev2.APEValue(b"c.jpg\0" + PICTURE, apev2.BINARY)
    tag.save(path)


def _id3(version: int, v1: int) -> Edit:
    def edit(path: Path) -> None:
        tag = id3.ID3()
        tag.add(id3.TPE1(3, ["Somebody Else"]))
        tag.add(id3.APIC(3, "image/jpeg", 3, "", PICTURE))
        tag.save(path, v1=v1, v2_version=version)

    return edit


_LYRICS = b"LYRICSBEGININD0000210EAR00005Artis"

AROUND: dict[str, Edit] = {
    "ID3v2.3 and ID3v1": _id3(3, 2),
    "ID3v2.4": _id3(4, 0),
    "ID3v2.2": _put_in_front(id3v22(TT2="A Title", TP1="Somebody")),
    "two of ID3v2": _put_in_front(id3v22(TT2="A Title") + id3v24_compressed("TIT2", "B Title")),
    "ID3v2 and padding": _put_in_front(b"ID3\3\0\0" + _syncsafe(100_000) + bytes(100_000)),
    "ID3v2.4 at the end": _put_behind(
        b"ID3\4\0\x10" + _syncsafe(512) + bytes(512) + b"3DI\4\0\x10" + _syncsafe(512)
    ),
    "APEv2": _ape,
    "ID3v1": _put_behind(b"TAG" + b"Title".ljust(124, b"\0") + b"\x11"),
    "Lyrics3 and ID3v1": _put_behind(
        _LYRICS + b"%06dLYRICS200" % len(_LYRICS) + b"TAG" + bytes(124) + b"\x11"
    ),
}
"""What may be put around the frames of MP3 and of formats that have no place for tags."""
