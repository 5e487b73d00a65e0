"""Files that are damaged or cut off are used as far as they decode, with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.errors import AudioError, AudioTruncated
from support.sounds import FORMATS, Samples, noise, sine, tune, write

RATE = 44100


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No decoder may write to stdout or stderr, whatever the file."""
    yield
    assert capfd.readouterr() == ("", "")


def hear(path: Path, rate: int = RATE) -> tuple[Samples, float, list[str]]:
    """Return all samples, the duration that was promised, and the warnings."""
    with open_recording(path) as recording:
        duration = recording.duration
        return np.concatenate(list(recording.blocks(rate))), duration, recording.warnings


def mp3_frames(data: bytes) -> list[int]:
    """Return where the frames of a 44.1 kHz layer III file without tags begin."""
    rates = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    at, found = 0, []
    while at + 4 <= len(data) and data[at] == 0xFF:
        found.append(at)
        at += 144_000 * rates[data[at + 2] >> 4] // 44100 + (data[at + 2] >> 1 & 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"m4a", "mp4", "alac"}))
def test_cut_in_the_middle(tmp_path: Path, kind: str) -> None:
    rate = 48000
    file = write(tmp_path, tune(8, rate, channels=2), rate, kind)
    whole = hear(file, rate)[0]
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    part, duration, _ = hear(file, rate)
    assert 3 * rate < len(part) < 7 * rate
    assert duration == pytest.approx(len(part) / rate, abs=0.12)
    same = slice(0, len(part) - rate // 4)
    assert np.corrcoef(part[same], whole[: len(part)][same])[0, 1] > 0.99
    with open_recording(file) as recording:
        np.testing.assert_allclose(recording.read(rate, 1, 2), part[rate : 2 * rate], atol=2e-2)


@pytest.mark.parametrize(
    "kind",
    [
        *("flac", "flac-24", "mp3", "wma", "mka", "webm", "tta", "wavpack"),
        *("wav-16", "wav-float", "rf64", "aiff", "au", "caf"),
    ],
)
def test_a_cut_is_told_where_the_header_says_more(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path, tune(8, 48000), 48000, kind)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    warnings = hear(file)[2]
    assert any("can be decoded" in warning for warning in warnings), warnings


def test_mp4_whose_sound_is_cut_off_behind_its_index(tmp_path: Path) -> None:
    # "faststart" puts the index first, as web sites want it.
    import av

    file = tmp_path / "x.m4a"
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        sound = tune(8, RATE)
        for at in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    part, duration, warnings = hear(file)
    assert 3 * RATE < len(part) < 5 * RATE
    assert duration == pytest.approx(len(part) / RATE, abs=0.1)
    assert any("of 8.0 s can be decoded" in warning for warning in warnings), warnings


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flac", "mp3", "aac", "ogg", "opus", "wma", "webm"])
def test_holes(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    file = write(tmp_path, tune(12, 48000), 48000, kind)
    data = bytearray(file.read_bytes())
    for i in (4, 5, 7):
        at = len(data) * i // 9
        data[at : at + 700] = rng.integers(0, 256, 700, dtype=np.uint8).tobytes()
    file.write_bytes(data)
    part, _, warnings = hear(file, 48000)
    assert len(part) > 6 * 48000  # in WebM a hole takes the rest of its five seconds along
    assert warnings
    expected = tune(12, 48000)[48000 : 4 * 48000]
    before = part[48000 - 2304 : 4 * 48000 + 2304]
    assert np.correlate(before, expected, "valid").max() > 0.9 * np.dot(expected, expected)
    with open_recording(file) as recording:  # a span before the holes
        assert len(recording.read(16000, 1, 2)) == 16000


def test_flac_goes_on_behind_damage(tmp_path: Path) -> None:
    file = write(tmp_path, tune(20, RATE), RATE, "flac")
    data = bytearray(file.read_bytes())
    at = len(data) // 2
    data[at : at + 100] = bytes(100)
    file.write_bytes(data)
    part, _, warnings = hear(file)
    sound = tune(20, RATE)
    assert len(sound) - len(part) < 3 * 4608
    np.testing.assert_array_equal(part[: 8 * RATE], sound[: 8 * RATE])
    np.testing.assert_array_equal(part[-8 * RATE :], sound[-8 * RATE :])
    assert any("damaged" in warning for warning in warnings)
    with open_recording(file) as recording:
        span = recording.read(RATE, 15, 16)
        np.testing.assert_array_equal(span, sound[15 * RATE : 16 * RATE])


class TestMp3:
    """MP3 files, whose length is nowhere for sure."""

    @pytest.fixture
    def sound(self) -> Samples:
        """Loud noise first, then a soft tone: the first frame's bit rate is far off the mean."""
        return np.concatenate([noise(2, RATE, level=0.5), sine(10, RATE, level=0.02)])

    @pytest.fixture
    def data(self, sound: Samples, tmp_path: Path) -> bytes:
        import soundfile

        file = tmp_path / "vbr.mp3"
        with soundfile.SoundFile(
            file, "w", RATE, 1, "MPEG_LAYER_III", compression_level=0.3, bitrate_mode="VARIABLE"
        ) as out:
            for at in range(0, len(sound), 4096):
                out.write(sound[at : at + 4096])
        return file.read_bytes()

    @pytest.mark.parametrize("first", [1, 120])
    def test_without_a_count(self, data: bytes, tmp_path: Path, first: int) -> None:
        frames = mp3_frames(data)
        file = tmp_path / "x.mp3"
        file.write_bytes(data[frames[first] :])
        part, duration, warnings = hear(file)
        # The first frame can be lost, since it may lean on ones before it.
        assert (len(frames) - first) * 1152 - len(part) in (0, 1152)
        assert duration == pytest.approx(len(part) / RATE, abs=0.06)
        assert warnings == []
        with open_recording(file) as recording:
            np.testing.assert_allclose(recording.read(RATE, 4, 6), part[4 * RATE : 6 * RATE])

    def test_wrong_count(self, data: bytes, tmp_path: Path) -> None:
        at = data.index(b"Xing") + 8
        for count in (0, 3, 10**9):
            file = tmp_path / "x.mp3"
            file.write_bytes(data[:at] + count.to_bytes(4, "big") + data[at + 4 :])
            part, duration, _ = hear(file)
            assert len(part) / RATE == pytest.approx(12, abs=0.1)
            assert duration == pytest.approx(12, abs=0.1)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"ID3\x03\0\0\0\0\0\x14COMM\0\0\0\x0a\0\0\x07" + b"\xff" * 9, b""),
            (b"ID3\x04\0\x10\0\0\0\x0a" + bytes(10) + b"3DI\x04\0\x10\0\0\0\x0a", b""),
            (b"", b"TAG" + b"x" * 125),
            (b"", b"APETAGEX" + bytes(200) + b"TAG" + b"x" * 125),
            (b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + b"ID3\x03\0\0\0\0\0\x0a" + bytes(10), b""),
        ],
    )
    def test_tags(self, data: bytes, tmp_path: Path, before: bytes, after: bytes) -> None:
        plain = hear(tmp_path / "vbr.mp3")[0]
        file = tmp_path / "x.mp3"
        file.write_bytes(before + data + after)
        part, duration, warnings = hear(file)
        np.testing.assert_array_equal(part, plain)
        assert duration == 12.0
        assert warnings == []

    def test_zeros_behind_the_sound(self, data: bytes, tmp_path: Path) -> None:
        plain = hear(tmp_path / "vbr.mp3")[0]
        (tmp_path / "x.mp3").write_bytes(data + bytes(5000))
        part, duration, _ = hear(tmp_path / "x.mp3")
        np.testing.assert_array_equal(part[: len(plain)], plain)
        assert 0 <= len(part) - len(plain) < 1152  # the last frame keeps what it was filled up with
        assert duration == pytest.approx(12, abs=0.03)

    @pytest.mark.parametrize("junk", [b"hello junk" * 30, b"junk" * 900, bytes(3000)])
    def test_junk_before_the_sound(self, data: bytes, tmp_path: Path, junk: bytes) -> None:
        for head in (junk, b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + junk):
            file = tmp_path / "x.mp3"
            file.write_bytes(head + data)
            try:
                part = hear(file)[0]
            except AudioError:
                assert head == b"junk" * 900  # to FFmpeg this looks like text
                continue
            assert len(part) / RATE == pytest.approx(12, abs=0.2)

    def test_flipped_bits(self, data: bytes, tmp_path: Path) -> None:
        rng = np.random.default_rng(5)
        broken = bytearray(data)
        for at in rng.integers(5000, len(data), 300):
            broken[at] ^= 1 << rng.integers(8)
        (tmp_path / "x.mp3").write_bytes(broken)
        assert len(hear(tmp_path / "x.mp3")[0]) > 6 * RATE

    def test_two_files_joined(self, data: bytes, tmp_path: Path) -> None:
        file = tmp_path / "x.mp3"
        file.write_bytes(data + data)
        assert len(hear(file)[0]) / RATE == pytest.approx(24, abs=0.2)


def test_two_ogg_files_joined(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ogg", tune(3, RATE, seed=1), RATE, "ogg").read_bytes()
    second = write(tmp_path / "b.ogg", tune(3, RATE, seed=2), RATE, "ogg").read_bytes()
    (tmp_path / "c.ogg").write_bytes(first + second)
    part, duration, warnings = hear(tmp_path / "c.ogg")
    assert len(part) / RATE == pytest.approx(6, abs=0.1)
    assert duration == pytest.approx(6, abs=0.1)
    assert warnings == []


def test_codec_that_nobody_knows(tmp_path: Path) -> None:
    data = write(tmp_path / "x.m4a", tune(2, RATE), RATE, "alac").read_bytes()
    (tmp_path / "x.m4a").write_bytes(data.replace(b"alac", b"zzzz"))
    with pytest.raises(AudioTruncated):
        open_recording(tmp_path / "x.m4a")


def test_file_that_is_gone_or_replaced_while_open(tmp_path: Path) -> None:
    file = write(tmp_path / "x.wav", tune(3, RATE), RATE)
    with open_recording(file) as recording:
        file.unlink()
        assert len(recording.read(RATE, 1, 2)) == RATE  # it is still open
        write(file, tune(2, 22050), 22050)
        whole = np.concatenate(list(recording.blocks(RATE)))
        np.testing.assert_array_equal(whole, tune(3, RATE))
    with pytest.raises(AudioError):
        list(recording.blocks(RATE))


def test_file_that_grows_while_open(tmp_path: Path) -> None:
    file = write(tmp_path / "x.wav", tune(3, RATE), RATE)
    with open_recording(file) as recording:
        with file.open("ab") as more:
            more.write(bytes(200_000))
        assert len(np.concatenate(list(recording.blocks(RATE)))) >= 3 * RATE
