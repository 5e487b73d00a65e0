"""Damaged and hostile sound files, made from real ones of every format that tests can write.

`make` fills a folder; every file, link and pipe in it is a case that must end with a prediction or
with one clear line, within bounded time and memory. The same call makes the same bytes.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from support import sounds
from support.sounds import FORMATS

SECONDS = 1.6
HEAD = 256
"""Bytes in which most formats say what they hold."""

LIES = (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

BOMB = "bomb"
"""Beginning of the names of small files that ask for very much."""

Damage = tuple[str, bytes]


def make(folder: Path, *, every: int = 1) -> list[Path]:
    """Fill a folder with cases; return them sorted.

    Parameters
    ----------
    folder
        An empty one.
    every
        Of the files with the usual damages, take each so-many-th; those made by hand are all taken.
    """
    whole = {kind: _whole(folder, kind) for kind in FORMATS}
    kinds = list(whole)
    number = itertools.count()
    for at, (kind, data) in enumerate(whole.items()):
        other = whole[kinds[(at + 7) % len(kinds)]]
        ending = FORMATS[kind].extension
        for name, damaged in damages(kind, data, other):
            if next(number) % every == 0:
                (folder / f"{kind} {name}{ending}").write_bytes(damaged)
    for name, data in {**headers(whole), **tables(whole), **strangers(whole)}.items():
        (folder / name).write_bytes(data)
    for name, data in bombs(whole, 600 if every == 1 else 100).items():
        (folder / f"{BOMB} {name}").write_bytes(data)
    films(folder)
    odd_things(folder)
    return sorted(folder.iterdir())


def _whole(folder: Path, kind: str) -> bytes:
    rates = FORMATS[kind].rates
    rate = 16_000 if rates is None or 16_000 in rates else 32_000
    made = folder / f"whole{FORMATS[kind].extension}"
    sounds.write(made, sounds.tune(SECONDS, rate), rate, kind)
    data = made.read_bytes()
    made.unlink()
    return data


def damages(kind: str, data: bytes, other: bytes) -> Iterator[Damage]:
    """Yield what may befall any file: cuts, flipped bytes, headers of others, lengths that lie.

    Parameters
    ----------
    kind
        What the file is, so that each kind has damages of its own.
    data
        The file.
    other
        A file of another kind.
    """
    rng = random.Random(kind)
    size = len(data)
    for length in (1, 11, 47, size // 3, 2 * size // 3, size - 1):
        yield f"cut {length}", data[:length]
    for count, end in ((1, 32), (1, 64), (3, HEAD), (20, size), (400, size)):
        flipped = bytearray(data)
        for _ in range(count):
            flipped[rng.randrange(min(end, size))] ^= rng.randrange(1, 256)
        yield f"flipped {count} of {min(end, size)}", bytes(flipped)
    yield "another's head", other[:64] + data[64:]
    yield "head in another", data[:64] + other[64:]
    yield "zeros in the head", data[:16] + bytes(48) + data[64:]
    yield "zeros inside", data[: size // 3] + bytes(size // 3) + data[2 * size // 3 :]
    for lie, order in itertools.product(LIES, ("<I", ">I")):
        place = 4 * rng.randrange(1, HEAD // 4)
        yield (
            f"{lie:x} at {place} {'little' if order == '<I' else 'big'}",
            data[:place] + struct.pack(order, lie) + data[place + 4 :],
        )
    yield "heads in heads", data[:100] * 40 + data
    yield "twice", data + data
    yield "a tag of 200 MB before it", b"ID3\4\0\0" + bytes([0x60, 0, 0, 0]) + data


def headers(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Return files whose headers say what cannot be, by their names."""
    wav, found = whole["wav-16"], {}
    for field, place, form, values in (
        ("rate", 24, "<I", (0, 1, 2**31, 2**32 - 1)),
        ("channels", 22, "<H", (0, 255, 65_535)),
        ("bits", 34, "<H", (0, 1, 255, 65_535)),
        ("align", 32, "<H", (0, 65_535)),
        ("codec", 20, "<H", (0, 2, 0x11, 0x55, 0x161, 0xFFFE, 0xFFFF)),
        ("data size", 40, "<I", (0, 2**31, 2**32 - 1)),
        ("format size", 16, "<I", (0, 17, 2**32 - 1)),
    ):
        for value in values:
            changed = bytearray(wav)
            struct.pack_into(form, changed, place, value)
            found[f"wav {field} {value}.wav"] = bytes(changed)
    au = whole["au"]
    for name, rate, channels in (("0", 0, 1), ("2e31", 2**31, 1), ("255", 8000, 255)):
        found[f"au {name}.au"] = au[:16] + struct.pack(">II", rate, channels) + au[24:]
    found["hours in a kilobyte.au"] = au[:8] + struct.pack(">I", 2**32 - 2) + au[12:1024]
    found["hours in a kilobyte.wav"] = wav[:40] + struct.pack("<I", 2**32 - 2) + wav[44:1024]
    aiff = whole["aiff"]
    rate_at = aiff.index(b"COMM") + 16
    for name, rate in (
        ("infinite", b"\x7f\xff\x80" + bytes(7)),
        ("no number", b"\x7f\xff\xc0" + bytes(7)),
        ("negative", b"\xc0\x0e\xac\x44" + bytes(6)),
        ("nothing", bytes(10)),
        ("huge", b"\x7f\xfe" + b"\xff" * 8),
    ):
        found[f"aiff rate {name}.aiff"] = aiff[:rate_at] + rate + aiff[rate_at + 10 :]
    flac = bytearray(whole["flac"])
    # STREAMINFO: 20 bits of rate, 3 of channels less 1, 5 of bits less 1, 36 of samples.
    for name, rate, channels, bits, samples in (
        ("hours in a kilobyte", 16_000, 1, 16, 2**36 - 1),
        ("8 channels at 655 kHz", 655_350, 8, 16, 2**33),
        ("rate 0", 0, 1, 16, 25_600),
        ("32 bits", 16_000, 1, 32, 25_600),
    ):
        changed = bytearray(flac)
        packed = rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | samples
        changed[18:26] = packed.to_bytes(8, "big")
        found[f"flac {name}.flac"] = bytes(changed[:1024] if "kilobyte" in name else changed)
    for kind in ("ogg", "opus"):
        data = bytearray(whole[kind])
        at = -1
        while (at := data.find(b"OggS", at + 1)) >= 0:
            data[at + 6 : at + 14] = (2**63 - 1).to_bytes(8, "little")
        found[f"{kind} granules without end{FORMATS[kind].extension}"] = bytes(data)
    return found


def tables(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Return MP4 files whose sample tables lie, and tags that unpack to far more than they are."""
    found = {}
    for box, lie in itertools.product((b"stsz", b"stts", b"stco", b"stsc", b"mdhd", b"stsd"), LIES):
        data = bytearray(whole["m4a"])
        at = data.index(box) + (16 if box == b"mdhd" else 8)
        data[at : at + 4] = struct.pack(">I", lie)
        found[f"m4a {box.decode()} {lie:x}.m4a"] = bytes(data)
    data = bytearray(whole["m4a"])
    at = data.index(b"stts") + 8
    # One entry: 2**31 samples, each as long.
    data[at : at + 12] = struct.pack(">III", 1, 2**31 - 1, 2**31 - 1)
    found["m4a stts of years.m4a"] = bytes(data)
    found["m4a boxes in boxes.m4a"] = data[:32] + b"".join(
        struct.pack(">I4s", 8 * (4000 - level), b"moov") for level in range(4000)
    )
    mp3 = whole["mp3"]
    packed = zlib.compress(b"\x03" + b"x" * (64 * 2**20), 9)
    for name, version, flags, size in (
        ("v2.3", 3, 0x80, struct.pack(">I", 64 * 2**20)),
        ("v2.4", 4, 0x09, _syncsafe(64 * 2**20)),
    ):
        for frame in (b"TIT2", b"TXXX", b"APIC"):
            body = size + packed
            length = struct.pack(">I", len(body)) if version == 3 else _syncsafe(len(body))
            tag = frame + length + bytes([0, flags]) + body
            head = b"ID3" + bytes([version, 0, 0]) + _syncsafe(len(tag))
            found[f"mp3 packed {frame.decode()} {name}.mp3"] = head + tag + mp3
    title = b"\x03" + b"\x1b[31m\x00\xe2\x80\xae=HYPERLINK(1)\n" * 40_000
    tag = b"TIT2" + _syncsafe(len(title)) + b"\0\0" + title
    found["mp3 title of a megabyte.mp3"] = b"ID3\4\0\0" + _syncsafe(len(tag)) + tag + mp3
    return found


def bombs(whole: dict[str, bytes], megabytes: int) -> dict[str, bytes]:
    """Return small files that ask a decoder for gigabytes, or for hours of the processor.

    Whoever reads them in a process of its own is ended at its limit; for others they are too much.
    """
    found, mp3 = {}, whole["mp3"]
    for count in (3_000_000, 120_000_000):
        data = bytearray(whole["m4a"])
        # So many samples of one byte each, all in one chunk: an index entry for each.
        at = data.index(b"stsz") + 8
        data[at : at + 8] = struct.pack(">II", 1, count)
        at = data.index(b"stsc") + 8
        data[at : at + 16] = struct.pack(">IIII", 1, 1, count, 1)
        at = data.index(b"stts") + 8
        data[at : at + 12] = struct.pack(">III", 1, count, 1024)
        found[f"of {count} samples.m4a"] = bytes(data)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()
    for frame in (b"TIT2", b"APIC", b"COMM"):
        body = struct.pack(">I", megabytes * 2**20) + packed
        tag = frame + struct.pack(">I", len(body)) + b"\0\x80" + body
        found[f"packed {frame.decode()}.mp3"] = b"ID3\3\0\0" + _syncsafe(len(tag)) + tag + mp3
    frames = (b"TXXX" + _syncsafe(3) + b"\0\0\3a\0") * 80_000
    found["of frames.mp3"] = b"ID3\4\0\0" + _syncsafe(len(frames)) + frames + mp3
    chapters = (b"CHAP" + _syncsafe(18) + b"\0\0a\0" + bytes(16)) * 40_000
    found["of chapters.mp3"] = b"ID3\4\0\0" + _syncsafe(len(chapters)) + chapters + mp3
    ogg = whole["ogg"]
    at = ogg.index(b"\x03vorbis") + 7
    comments = b"\0\0\0\0" + struct.pack("<I", 2**32 - 1)
    found["of comments.ogg"] = ogg[:at] + comments + ogg[at + 8 :]
    return found


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def strangers(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Return files that are no sound, under names of sound."""
    return {
        "nothing.mp3": b"",
        "script.mp3": b"#!/bin/sh\ntouch /tmp/was-run\n",
        "playlist.m3u8": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "playlist as.mp3": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.mp3\n#EXT-X-ENDLIST\n",
        "list.ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "list as.ogg": b"ffconcat version 1.0\nfile 'wav-16 twice.wav'\n",
        "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
        b"t=0 0\nm=audio 9 RTP/AVP 0\n",
        "sheet.cue": b'FILE "/etc/passwd" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
        "image.mp3": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**31 - 1, 2**31 - 1),
        "image.wav": b"GIF89a\xff\xff\xff\xff\0\0\0",
        "page.html.mp3": b"<html><script>alert(1)</script></html>" * 100,
        "archive.flac": b"PK\x03\x04" + bytes(200),
        "database.ogg": b"SQLite format 3\0" + bytes(200),
        "pickle.dat.mp3": b"\x80\x04cos\nsystem\n(S'touch /tmp/was-run'\ntR.",
        "random.mp3": random.Random(1).randbytes(100_000),
        "random.m4a": b"\0\0\0\x20ftypM4A " + random.Random(2).randbytes(100_000),
        "random.flac": b"fLaC\0\0\0\x22" + random.Random(3).randbytes(100_000),
        "frames.mp3": b"\xff\xfb\x90\x44" * 50_000,
        "zeros.mp3": bytes(1_000_000),
        "ones.wav": b"\xff" * 1_000_000,
        "midi.mp3": b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0",
        "all at once.mp3": b"".join(data[:4000] for data in whole.values()),
    }


def films(folder: Path) -> None:
    """Write a film without sound, and half an hour of silence that takes no room."""
    with av.open(str(folder / "silent film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for shade in range(20):
            picture = np.full((64, 64, 3), 10 * shade, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    sounds.write(folder / "silence.flac", sounds.silence(1800, 8000), 8000, "flac")
    sounds.write(folder / "silence.wv", sounds.silence(600, 8000), 8000, "wavpack")


def odd_things(folder: Path) -> None:
    """Make what has a name like a song and is no file."""
    (folder / "folder.mp3").mkdir()
    (folder / "to nothing.mp3").symlink_to("there is no such file.mp3")
    (folder / "circle one.mp3").symlink_to("circle two.mp3")
    (folder / "circle two.mp3").symlink_to("circle one.mp3")
    (folder / "own circle.mp3").symlink_to("own circle.mp3")
    if os.name == "posix":
        os.mkfifo(folder / "pipe.mp3")
        for device in ("zero", "random", "tty"):
            (folder / f"device {device}.mp3").symlink_to(f"/dev/{device}")
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(folder)  # the name of a socket may have 100 characters
            try:
                listener.bind("socket.mp3")
            finally:
                os.chdir(here)


class Restless:
    """Files that grow, shrink, vanish and are replaced while others read them.

    Parameters
    ----------
    folder
        Where they are; they keep changing until the block is left.
    """

    def __init__(self, folder: Path) -> None:
        data = _whole(folder, "wav-16")
        self.paths = [folder / f"{what}.wav" for what in ("grows", "shrinks", "vanishes", "turns")]
        self._data = data
        self._end = threading.Event()
        for path in self.paths:
            path.write_bytes(data)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        grows, shrinks, vanishes, turns = self.paths
        turn = 0
        acts: list[Callable[[], object]] = [
            lambda: grows.write_bytes(self._data * (1 + turn % 5)),
            lambda: os.truncate(shrinks, len(self._data) // (1 + turn % 50)),
            lambda: vanishes.unlink() if vanishes.exists() else vanishes.write_bytes(self._data),
            lambda: turns.write_bytes((self._data, b"#EXTM3U\n", bytes(9000))[turn % 3]),
        ]
        while not self._end.wait(0.002):
            turn += 1
            for act in acts:
                act()
            if turn % 3 == 0:
                shrinks.write_bytes(self._data)

    def __enter__(self) -> Restless:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
