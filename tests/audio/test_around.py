"""Tags and padding before and behind the sound, whole files that were joined, wrong claims."""

from __future__ import annotations

import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.audio.bounds import find_sound
from earmark.audio.files import OpenFile, View
from support.sounds import FORMATS, sine, tune, write

pytestmark = pytest.mark.slow

RATE = 48000


def id3v2(padding: int, *, footer: bool = False) -> bytes:
    size = bytes(padding >> shift & 0x7F for shift in (21, 14, 7, 0))
    body = bytes(padding)
    if footer:
        return b"ID3\4\0\x10" + size + body + b"3DI\4\0\x10" + size
    return b"ID3\3\0\0" + size + body


def ape(size: int, *, front: bool = False) -> bytes:
    value = b"c.jpg\0\xff\xd8\xff\xe0" + bytes(size)
    item = struct.pack("<II", len(value), 2) + b"Cover Art (Front)\0" + value
    ends = []
    for flags in (0xA0000000, 0x80000000):
        ends.append(b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8))
    return ends[0] + item + ends[1]


LYRICS = b"LYRICSBEGININD0000210EAR00009An Artist" + b"[00:01]la la la\r\n" * 400
TAIL = {
    "ID3v1": b"TAG" + b"x" * 125,
    "extended ID3v1": b"TAG+" + b"x" * 223 + b"TAG" + b"x" * 125,
    "APE": ape(300_000),
    "APE and ID3v1": ape(300_000) + b"TAG" + b"x" * 125,
    "Lyrics3 v2": LYRICS + b"%06d" % len(LYRICS) + b"LYRICS200",
    "Lyrics3 v1": b"LYRICSBEGIN" + b"[00:01]la la la\r\n" * 200 + b"LYRICSEND",
    "ID3v2.4": id3v2(70_000, footer=True),
    "all of them": ape(99) + id3v2(50, footer=True) + LYRICS + b"%06d" % len(LYRICS) + b"LYRICS200",
}
HEAD = {
    "ID3v2": id3v2(1000),
    "two ID3v2": id3v2(5000) + id3v2(7),
    "ID3v2 with a footer": id3v2(200, footer=True),
    "APE": ape(1_500_000),
    "zeros": bytes((1 << 20) + 17),
    "ID3v2 and zeros": id3v2(100) + bytes(5),
}
SEQUENTIAL = ["mp3", "aac", "flac", "wavpack", "tta", "ac3"]


def hear(path: Path) -> tuple[np.ndarray, float, list[str]]:
    with open_recording(path) as recording:
        duration = recording.duration
        return np.concatenate(list(recording.blocks(RATE))), duration, recording.warnings


@pytest.mark.parametrize("tail", TAIL)
@pytest.mark.parametrize("kind", SEQUENTIAL)
def test_tags_behind_the_sound_change_nothing(tmp_path: Path, kind: str, tail: str) -> None:
    file = write(tmp_path, tune(4, RATE), RATE, kind)
    whole, duration, warnings = hear(file)
    data = file.read_bytes()
    file.write_bytes(data + TAIL[tail])
    heard, after, told = hear(file)
    np.testing.assert_array_equal(heard, whole)
    assert after == duration
    assert told == warnings == []
    with closing(OpenFile(str(file))) as opened:
        assert find_sound(View(opened)).size <= len(data)


@pytest.mark.parametrize("head", HEAD)
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_tags_before_the_sound_change_nothing(tmp_path: Path, kind: str, head: str) -> None:
    file = write(tmp_path, tune(3, RATE), RATE, kind)
    whole, duration, _ = hear(file)
    file.write_bytes(HEAD[head] + file.read_bytes())
    heard, after, warnings = hear(file)
    assert warnings == []
    assert after == duration
    if kind not in ("m4a", "mp4", "aac"):  # whose noise is drawn anew
        np.testing.assert_array_equal(heard, whole)


def test_a_tag_that_says_it_is_longer_than_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "x.mp3", tune(3, RATE), RATE, "mp3")
    file.write_bytes(id3v2(1000)[:6] + b"\x7f\x7f\x7f\x7f" + bytes(300) + file.read_bytes())
    assert hear(file)[1] == pytest.approx(3, abs=0.1)


def test_junk_before_an_mp3_is_passed_over_by_its_name(tmp_path: Path) -> None:
    data = write(tmp_path / "x", tune(3, RATE), RATE, "mp3").read_bytes()
    (tmp_path / "x.mp3").write_bytes(b"Dear Sir, this is a letter.\n" * 99_999 + data)
    assert hear(tmp_path / "x.mp3")[1] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 48000])
@pytest.mark.parametrize("kind", ["opus", "webm"])
def test_opus_is_decoded_at_its_own_speed_whatever_its_header_says(
    tmp_path: Path, rate: int, kind: str
) -> None:
    file = write(tmp_path, sine(20, rate, hertz=1000), rate, kind)
    heard, duration, warnings = hear(file)
    assert duration == pytest.approx(20, rel=0.002)
    assert len(heard) / RATE == pytest.approx(20, rel=0.002)
    assert warnings == []
    spectrum = np.abs(np.fft.rfft(heard[RATE : 11 * RATE]))
    assert np.argmax(spectrum) / 10 == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_joined_ogg_files_with_equal_serials_or_one_that_comes_back(
    tmp_path: Path, kind: str
) -> None:
    one = write(tmp_path / "a", tune(3, RATE, seed=1), RATE, kind).read_bytes()
    other = write(tmp_path / "b", tune(2, RATE, seed=2), RATE, kind).read_bytes()
    parts = {name: hear(tmp_path / name)[0] for name in "ab"}
    for order, data in {"aa": one + one, "aba": one + other + one, "ab": one + other}.items():
        (tmp_path / "c").write_bytes(data)
        heard, duration, warnings = hear(tmp_path / "c")
        expected = np.concatenate([parts[name] for name in order])
        np.testing.assert_allclose(heard, expected, rtol=0, atol=1e-6)
        assert duration == pytest.approx(len(expected) / RATE)
        assert warnings == []
        with open_recording(tmp_path / "c") as recording:  # across a seam, and back
            for start in (2.5, 0.5, 4.2, 2.9):
                span = recording.read(RATE, start, start + 0.7)
                at = round(start * RATE)
                np.testing.assert_allclose(span, expected[at : at + len(span)], atol=1e-4)


def test_flac_that_claims_fewer_samples_than_there_are(tmp_path: Path) -> None:
    file = write(tmp_path / "x.flac", tune(6, RATE), RATE, "flac")
    data = bytearray(file.read_bytes())
    data[22:26] = (2 * RATE).to_bytes(4, "big")
    file.write_bytes(data)
    heard, duration, _ = hear(file)
    assert duration == 6
    np.testing.assert_array_equal(heard, tune(6, RATE))


@pytest.mark.parametrize(("kind", "at", "order"), [("wav-16", 40, "<I"), ("au", 8, ">I")])
def test_a_header_that_claims_less_than_there_is_is_told(
    tmp_path: Path, kind: str, at: int, order: str
) -> None:
    file = write(tmp_path / "x", tune(6, RATE), RATE, kind)
    assert hear(file)[2] == []
    data = bytearray(file.read_bytes())
    struct.pack_into(order, data, at, 2 * RATE * 2)
    file.write_bytes(data)
    heard, _, warnings = hear(file)
    assert len(heard) == 6 * RATE or "speaks of less sound" in warnings[0]
