"""Sound files in every container that Earmark tags, and readers of tags that are not Earmark's."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

from mutagen.id3 import APIC, ID3, TALB, TIT2, TPE1

from support import sounds

KINDS = {
    "mp3-v23": ".mp3",
    "mp3-v24": ".mp3",
    "mp3-bare": ".mp3",
    "mp3-id3v1": ".mp3",
    "mp3-ape": ".mp3",
    "aac": ".aac",
    "tta": ".tta",
    "flac": ".flac",
    "flac-bare": ".flac",
    "ogg": ".ogg",
    "opus": ".opus",
    "m4a": ".m4a",
    "alac": ".m4a",
    "wma": ".wma",
    "wavpack": ".wv",
    "musepack": ".mpc",
    "monkey": ".ape",
    "ogg-bare": ".ogg",
    "m4a-bare": ".m4a",
    "wma-bare": ".wma",
    "wavpack-bare": ".wv",
    "tta-bare": ".tta",
    "wav": ".wav",
    "wav-info": ".wav",
    "aiff": ".aiff",
}
"""Names of containers, with the endings of their files."""

SILENT = ("musepack", "monkey")
"""Nobody here can make such files; these have the head of one and noise."""

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
TAGS = {"title": "Königin der Nacht", "artist": "Anna", "album": "Öde"}


class Memory(io.BytesIO):
    """A file in memory that has a name."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


@cache
def content(kind: str) -> bytes:
    """Return the bytes of a tagged file without a genre, made once."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"song{KINDS[kind]}"
        _MAKERS[kind](path)
        return path.read_bytes()


def memory(kind: str) -> Memory:
    """Return such a file as an open one."""
    return Memory(content(kind), f"song{KINDS[kind]}")


def write(folder: Path, kind: str, name: str = "song") -> Path:
    """Write such a file."""
    path = folder / f"{name}{KINDS[kind]}"
    path.write_bytes(content(kind))
    return path


def ape_values(data: bytes, key: str) -> list[str]:
    """Return the values of an item of an APEv2 tag, read byte by byte."""
    at = data.rindex(b"APETAGEX")  # the footer
    size, count = struct.unpack("<II", data[at + 12 : at + 20])
    position = at + 32 - size
    for _ in range(count):
        length, _flags = struct.unpack("<II", data[position : position + 8])
        end = data.index(b"\0", position + 8)
        name = data[position + 8 : end].decode()
        value = data[end + 1 : end + 1 + length]
        if name.lower() == key.lower():
            return value.decode().split("\0")
        position = end + 1 + length
    return []


def _sound(kind: str, **tags: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        rate = 48_000 if kind == "opus" else 44_100
        sounds.write(
            path, sounds.tune(1.5, rate), rate, kind, tags={**TAGS, **tags} if tags else {}
        )

    return make


def _id3(minor: int, *, v1: int = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _sound("mp3")(path)
        ID3().delete(path)
        tags = ID3()
        tags.add(TIT2(encoding=1, text=TAGS["title"]))
        tags.add(TPE1(encoding=1, text=["Anna", "Berta"]))
        tags.add(TALB(encoding=1, text=TAGS["album"]))
        tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=PICTURE))
        tags.save(path, v1=v1, v2_version=minor, v23_sep=None)

    return make


def _bare(path: Path) -> None:
    _sound("mp3")(path)
    ID3().delete(path)


def _id3v1_only(path: Path) -> None:
    _bare(path)
    text = TAGS["title"].encode("latin-1").ljust(30, b"\0")
    with path.open("ab") as file:
        file.write(b"TAG" + text + bytes(60) + b"1999" + b"a comment".ljust(30, b" ") + b"\xff")


def _with_ape(path: Path) -> None:
    from mutagen.apev2 import APEv2

    _id3v1_only(path)
    _id3_into(path)
    tag = path.read_bytes()[-128:]
    tags = APEv2()
    tags["Replaygain_Track_Gain"] = "-3.1 dB"
    tags.save(path)
    with path.open("ab") as file:
        file.write(tag)


def _id3_into(path: Path) -> None:
    tags = ID3()
    tags.add(TIT2(encoding=3, text="Another title"))
    former = path.read_bytes()[-128:]
    tags.save(path, v1=0)
    with path.open("ab") as file:
        file.write(former)


def _flac(path: Path) -> None:
    from mutagen.flac import FLAC, Picture

    _sound("flac")(path)
    flac = FLAC(path)
    flac["title"] = TAGS["title"]
    flac["ARTIST"] = ["Anna", "Berta"]
    picture = Picture()
    picture.data, picture.mime, picture.type = PICTURE, "image/png", 3
    flac.add_picture(picture)
    flac.save()


def _wav_info(path: Path) -> None:
    _sound("wav-16")(path)
    data = path.read_bytes()
    text = TAGS["artist"].encode() + b"\0"
    body = b"INFOIART" + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
    whole = data + b"LIST" + struct.pack("<I", len(body)) + body
    # Behind it another chunk, so that it cannot grow in its place.
    whole += b"note" + struct.pack("<I", 4) + b"rest"
    path.write_bytes(whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:])


def _aac(path: Path) -> None:
    _sound("aac")(path)
    tags = ID3()
    tags.add(TIT2(encoding=3, text=TAGS["title"]))
    tags.save(path)


def _musepack(path: Path) -> None:
    head = b"MP+\x07" + struct.pack("<I", 40) + bytes([0, 0, 0, 0]) + bytes(20)
    path.write_bytes(head + bytes(range(1, 251)) * 40)
    _ape_title(path)


def _monkey(path: Path) -> None:
    head = b"MAC " + struct.pack("<HHIIIIIIII", 3990, 0, 52, 24, 0, 0, 0, 0, 0, 0)
    form = struct.pack("<HHIIIHHI", 2000, 0, 73728, 44100, 1, 16, 2, 44100)
    path.write_bytes(head.ljust(52, b"\0") + form + bytes(range(1, 251)) * 40)
    _ape_title(path)


def _ape_title(path: Path) -> None:
    from mutagen.apev2 import APEv2

    tags = APEv2()
    tags["Title"] = TAGS["title"]
    tags["Artist"] = ["Anna", "Berta"]
    tags.save(path)


_MAKERS: dict[str, Callable[[Path], None]] = {
    "mp3-v23": _id3(3),
    "mp3-v24": _id3(4, v1=2),
    "mp3-bare": _bare,
    "mp3-id3v1": _id3v1_only,
    "mp3-ape": _with_ape,
    "aac": _aac,
    "tta": _sound("tta", date="1999"),
    "flac": _flac,
    "flac-bare": _sound("flac"),
    "ogg": _sound("ogg", date="1999"),
    "opus": _sound("opus", date="1999"),
    "m4a": _sound("m4a", date="1999"),
    "alac": _sound("alac", date="1999"),
    "wma": _sound("wma", date="1999"),
    "wavpack": _sound("wavpack", date="1999"),
    "ogg-bare": _sound("ogg"),
    "m4a-bare": _sound("m4a"),
    "wma-bare": _sound("wma"),
    "wavpack-bare": _sound("wavpack"),
    "tta-bare": _sound("tta"),
    "musepack": _musepack,
    "monkey": _monkey,
    "wav": _sound("wav-16"),
    "wav-info": _wav_info,
    "aiff": _sound("aiff"),
}
