"""A file that is cut off says so, and one that is whole, however it was written, does not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from earmark.audio import open_recording
from earmark.audio.files import OpenFile, View
from earmark.audio.truncation import Cut, find_cut
from earmark.errors import AudioTruncated
from support.sounds import FORMATS, tune, write

RATE = 48000
ENDS_EARLY = ["ends early; its last part may be missing"]
STATED = ["wav-u8", "wav-16", "wav-24", "wav-float", "rf64", "aiff", "aiff-24", "au", "caf"]
# Container, encoding and byte order of what is not among FORMATS.
OTHERS = {
    "w64": ("W64", "PCM_16", "FILE"),
    "rifx": ("WAV", "PCM_16", "BIG"),
    "wavex": ("WAVEX", "PCM_24", "FILE"),
    "adpcm": ("WAV", "IMA_ADPCM", "FILE"),
    "aifc-float": ("AIFF", "FLOAT", "FILE"),
    "aifc-ulaw": ("AIFF", "ULAW", "FILE"),
    "aifc-sowt": ("AIFF", "PCM_16", "LITTLE"),
    "au-little": ("AU", "PCM_16", "LITTLE"),
}
# Container, codec and options of FFmpeg.
STREAMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "wav": ("wav", "pcm_s16le", {}),
    "w64": ("w64", "pcm_s16le", {}),
    "aiff": ("aiff", "pcm_s16be", {}),
    "au": ("au", "pcm_s16be", {}),
    "caf": ("caf", "pcm_s16le", {}),
    "ogg-opus": ("ogg", "libopus", {}),
    "ogg-flac": ("ogg", "flac", {}),
    "webm": ("webm", "libopus", {}),
    "mka": ("matroska", "flac", {}),
    "mp4-fragments": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
}


def other(path: Path, kind: str) -> Path:
    container, codec, endian = OTHERS[kind]
    with path.open("wb+") as handle:
        soundfile.write(handle, tune(8, RATE, channels=2), RATE, codec, endian, container)
    return path


class Pipe:
    """A file that can only be written on."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def stream(out: Pipe | str, container: str, codec: str, options: dict[str, str]) -> None:
    """Write 8 s by FFmpeg."""
    sound = tune(8, RATE)
    with av.open(out, "w", format=container, options=options) as muxer:
        track = muxer.add_stream(codec, rate=RATE, layout="mono")
        for at in range(0, len(sound), 4096):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 4096], "fltp", "mono")
            frame.sample_rate, frame.pts = RATE, at
            muxer.mux(track.encode(frame))
        muxer.mux(track.encode(None))


def cut_of(path: Path) -> Cut | None:
    with closing(OpenFile(str(path))) as file:
        return find_cut(View(file))


def said(path: Path) -> tuple[float, list[str]]:
    """Return the duration and the warnings, which must be there at once and no others later."""
    with open_recording(path) as recording:
        at_once = list(recording.warnings)
        heard = sum(len(block) for block in recording.blocks(RATE))
        assert heard == pytest.approx(recording.duration * RATE, abs=0.1 * RATE)
        assert [told for told in recording.warnings if "damaged" not in told] == [
            told for told in at_once if "damaged" not in told
        ]
        return recording.duration, recording.warnings


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


@pytest.mark.parametrize("kind", [*STATED, *OTHERS])
def test_what_is_missing_is_told_where_the_header_states_a_length(
    tmp_path: Path, kind: str
) -> None:
    sound = tune(8, RATE, channels=2)
    file = tmp_path / "x"
    file = other(file, kind) if kind in OTHERS else write(file, sound, RATE, kind)
    duration, warnings = said(file)
    assert (duration, warnings) == (pytest.approx(8, abs=0.1), [])
    duration, warnings = said(cut(file, 1 / 3))
    assert duration == pytest.approx(8 / 3, abs=0.05)
    assert len(warnings) == 1
    words = warnings[0].split()
    assert [float(words[1]), float(words[4])] == [
        pytest.approx(duration, abs=0.051),
        pytest.approx(8, abs=0.2),
    ]
    assert warnings[0] == f"only {words[1]} s of {words[4]} s can be decoded"


def test_a_span_of_what_is_left_is_what_it_was(tmp_path: Path) -> None:
    file = write(tmp_path / "x.wav", tune(9, RATE), RATE)
    with open_recording(cut(file, 1 / 3)) as recording:
        assert recording.warnings == ["only 3.0 s of 9.0 s can be decoded"]
        np.testing.assert_array_equal(recording.read(RATE, 1, 2), tune(9, RATE)[RATE : 2 * RATE])
        assert recording.warnings == ["only 3.0 s of 9.0 s can be decoded"]


@pytest.mark.parametrize("kind", ["wav-16", "aiff", "au"])
def test_a_cut_of_an_instant(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "x", tune(8, RATE), RATE, kind)
    data = file.read_bytes()
    file.write_bytes(data[:-2000])
    assert said(file)[1] == ENDS_EARLY
    file.write_bytes(data[:-44])  # as if the writer had counted the header in
    assert said(file)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ogg", "opus", "ogg-flac"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.97, 0.9999])
def test_ogg_without_its_last_page(tmp_path: Path, kind: str, part: float) -> None:
    file = tmp_path / "x.ogg"
    if kind in FORMATS:
        write(file, tune(8, RATE), RATE, kind)
    else:
        stream(str(file), *STREAMS[kind])
    assert said(file) == (pytest.approx(8, abs=0.01), [])
    assert said(cut(file, part))[1] == ENDS_EARLY


def test_ogg_that_ends_between_two_pages_or_in_a_page_header(tmp_path: Path) -> None:
    file = write(tmp_path / "x.ogg", tune(8, RATE), RATE, "ogg")
    data = file.read_bytes()
    page = data.rindex(b"OggS")
    for length in (page, page + 3, page + 4, page + 6, page + 26, page + 27, len(data) - 1):
        file.write_bytes(data[:length])
        assert said(file)[1] == ENDS_EARLY, length
    file.write_bytes(data[: len(data) // 2] + bytes(len(data)))  # room that was never filled
    assert ENDS_EARLY[0] in said(file)[1]


@pytest.mark.parametrize("kind", sorted(STREAMS))
def test_a_stream_whose_length_was_not_known_is_whole(tmp_path: Path, kind: str) -> None:
    pipe = Pipe()
    stream(pipe, *STREAMS[kind])
    file = tmp_path / "x"
    file.write_bytes(pipe.data)
    assert said(file) == (pytest.approx(8, abs=0.05), [])


TAGS = {
    "ID3v1": b"TAG" + b"x" * 125,
    "ID3v2": b"ID3\x04\0\0\0\0\x02\0" + bytes(256),
    "APE": b"APETAGEX" + bytes(200) + b"TAG" + b"x" * 125,
    "zero": b"\0",
    "padding": bytes(200_000),
    "name of a page": b"OggS junk" * 3,
}


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_whole_files_with_something_behind_them(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path / "whole", tune(2, RATE), RATE, kind).read_bytes()
    for tail in (b"", *TAGS.values()):
        (tmp_path / "x").write_bytes(data + tail)
        assert cut_of(tmp_path / "x") is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("n", [47_999, 48_000, 48_001, 50_003])
def test_whole_files_of_any_length(tmp_path: Path, kind: str, n: int) -> None:
    file = write(tmp_path / "x", tune(2, RATE)[:n], RATE, kind)
    assert cut_of(file) is None
    with open_recording(file, min_duration=0.5) as recording:
        assert recording.warnings == []


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return name + struct.pack("<I", size) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def bytes_of_sound(n: int) -> bytes:
    """Return 8-bit samples."""
    return np.round(tune(3, 22050)[:n] * 100 + 128).astype(np.uint8).tobytes()


FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 22050, 22050, 1, 8))


def test_chunks_before_and_behind_the_sound(tmp_path: Path) -> None:
    tags = chunk(b"LIST", b"INFOIART" + struct.pack("<I", 5) + b"abcde\0")
    odd = chunk(b"id3 ", b"x" * 9_999)
    sound = chunk(b"data", bytes_of_sound(44_101))
    file = tmp_path / "x.wav"
    for whole in (riff(FMT, sound), riff(tags, odd, FMT, odd, sound), riff(FMT, sound, odd, tags)):
        file.write_bytes(whole)
        assert said(file) == (pytest.approx(44_101 / 22050), [])
    data = riff(FMT, sound, odd)
    file.write_bytes(data[:-5_000])  # the tags are cut, not the sound
    assert said(file) == (pytest.approx(44_101 / 22050), [])
    file.write_bytes(data[:-14_000])
    assert said(file)[1] == ["only 1.8 s of 2.0 s can be decoded"]


@pytest.mark.parametrize(
    "length",
    [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x80000000, 0x7FFFF000],
)
def test_lengths_that_stand_for_not_known(tmp_path: Path, length: int) -> None:
    file = tmp_path / "x.wav"
    file.write_bytes(riff(FMT, chunk(b"data", bytes_of_sound(44_100), length)))
    duration, warnings = said(file)
    assert duration == pytest.approx(2, abs=0.001)
    assert warnings == []


def test_headers_that_lead_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for data in (
        riff(*[chunk(b"JUNK", b"")] * 20_000),
        b"riff" + bytes(20) + b"wave" + bytes(200),
        b"caff\0\1\0\0" + b"free" + b"\xff" * 8 + bytes(100),
        b"RF64\xff\xff\xff\xffWAVEds64",
        b"\0\0\0\x20ftyp" + bytes(24) + b"\0\0\0\1mdat" + b"\0",
        b"\0\0\0\x20ftyp" + bytes(24) + b"\0\0\0\3mdat",
        b"\x1a\x45\xdf\xa3" + b"\1" + b"\xff" * 7,
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\0",
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + bytes(50),
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + b"\xff" * 60,
    ):
        for length in range(1, min(80, len(data))):
            file.write_bytes(data[:length])
            cut_of(file)
        file.write_bytes(data)
        assert cut_of(file) is None


class TestContainers:
    """What FFmpeg reads."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., Path]:
        def make(container: str, codec: str, **options: str) -> Path:
            stream(str(tmp_path / "x"), container, codec, options)
            return tmp_path / "x"

        return make

    @pytest.mark.parametrize("part", [0.5, 0.98])
    def test_mp4_with_its_index_first(self, make: Callable[..., Path], part: float) -> None:
        file = make("mp4", "aac", movflags="faststart")
        assert said(file) == (8.0, [])
        warnings = said(cut(file, part))[1]
        warnings = [told for told in warnings if "damaged" not in told]
        assert len(warnings) == 1
        if part == 0.5:
            assert warnings[0].startswith("only ")
            assert warnings[0].endswith("of 8.0 s can be decoded")
        else:
            assert warnings == ENDS_EARLY

    def test_mp4_without_its_index(self, make: Callable[..., Path]) -> None:
        file = make("mp4", "aac")
        data = file.read_bytes()
        index = data.rindex(b"moov") - 4
        for length in (len(data) // 2, index, index + 50, index + 200, index + 320, index + 1000):
            file.write_bytes(data[:length])
            with pytest.raises(AudioTruncated):
                open_recording(file)

    def test_mp4_of_fragments(self, make: Callable[..., Path]) -> None:
        options = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}
        file = make("mp4", "aac", **options)
        assert said(file) == (pytest.approx(8, abs=0.05), [])
        duration, warnings = said(cut(file, 0.6))
        assert duration == pytest.approx(4.8, abs=0.3)
        assert ENDS_EARLY[0] in warnings

    @pytest.mark.parametrize(("container", "codec"), [("webm", "libopus"), ("matroska", "flac")])
    @pytest.mark.parametrize("part", [0.6, 0.97])
    def test_matroska(self, tmp_path: Path, container: str, codec: str, part: float) -> None:
        file = tmp_path / "x"
        stream(str(file), container, codec, {})
        assert said(file) == (8.0, [])
        warnings = said(cut(file, part))[1]
        assert len(warnings) == 1
        assert warnings == ENDS_EARLY or warnings[0].endswith("of 8.0 s can be decoded")
        pipe = Pipe()
        stream(pipe, container, codec, {})
        file.write_bytes(pipe.data)
        assert said(cut(file, part))[1] == ENDS_EARLY

    def test_wma_says_the_length_that_it_had(self, tmp_path: Path) -> None:
        file = write(tmp_path / "x.wma", tune(8, RATE), RATE, "wma")
        assert said(file) == (pytest.approx(8, abs=0.1), [])
        with open_recording(cut(file, 0.6)) as recording:
            warnings = [told for told in recording.warnings if told.startswith("only")]
            assert len(warnings) == 1
            assert float(warnings[0].split()[4]) == pytest.approx(8, abs=0.3)

    @pytest.mark.parametrize("codec", ["libmp3lame", "ac3"])
    def test_wav_of_something_else_than_samples(
        self, make: Callable[..., Path], codec: str
    ) -> None:
        file = make("wav", codec)
        assert said(file) == (pytest.approx(8, abs=0.05), [])
        warnings = said(cut(file, 0.6))[1]
        assert len(warnings) == 1
        assert warnings[0].startswith("only 4.8 s of 8.")
