"""Every format gives the samples that were put in."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.audio.ffmpeg import FFmpegSource
from earmark.audio.files import OpenFile, View
from earmark.audio.sndfile import SoundFileSource
from support.sounds import FORMATS, noise, sine, tune, write

LOSSLESS = [kind for kind, form in FORMATS.items() if form.accuracy is not None]
LOSSY = [kind for kind, form in FORMATS.items() if form.accuracy is None]
# Encoders begin with some samples of lead-in, and not every container says how many.
LARGEST_LEAD_IN = 2304
# FFmpeg's AAC decoder replaces noise-like bands by random noise, other noise after a seek.
RANDOM = {"m4a", "mp4", "aac"}


def rate_for(kind: str) -> int:
    rates = FORMATS[kind].rates
    return 48000 if rates and 44100 not in rates else 44100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module")
def file_of(folder: Path):
    """Return a function: kind -> the file of 8 s of stereo, written once."""
    files: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in files:
            rate = rate_for(kind)
            files[kind] = write(folder, tune(8, rate, channels=2), rate, kind)
        return files[kind]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_back_the_samples(file_of, kind: str) -> None:
    rate = rate_for(kind)
    with open_recording(file_of(kind)) as recording:
        heard = np.concatenate(list(recording.blocks(rate)))
        assert recording.sample_rate == rate
        assert recording.channels == 2
        assert recording.duration == 8.0
        assert recording.duration_is_exact
        assert recording.warnings == []
    expected = tune(8, rate, channels=2).mean(axis=1)
    assert heard.dtype == np.float32
    assert len(heard) == len(expected)
    accuracy = FORMATS[kind].accuracy
    assert accuracy is not None
    np.testing.assert_allclose(heard, expected, rtol=0, atol=accuracy)
    if accuracy <= 2**-15:  # the tune is made of 16-bit numbers
        np.testing.assert_array_equal(heard, expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_sound_the_same(file_of, kind: str) -> None:
    rate = rate_for(kind)
    with open_recording(file_of(kind)) as recording:
        heard = np.concatenate(list(recording.blocks(rate)))
        assert recording.sample_rate == rate
        assert recording.channels == 2
        assert recording.duration == pytest.approx(8.0, abs=0.1)
        if recording.duration_is_exact:
            assert len(heard) == round(recording.duration * rate)
    expected = tune(8, rate, channels=2).mean(axis=1)
    lag = lag_of(heard, expected)
    assert abs(lag) <= LARGEST_LEAD_IN
    heard, expected = (heard[lag:], expected) if lag >= 0 else (heard, expected[-lag:])
    n = min(len(heard), len(expected))
    assert n > 7.8 * rate
    assert np.corrcoef(heard[:n], expected[:n])[0, 1] > 0.97


def lag_of(late: np.ndarray, early: np.ndarray) -> int:
    """Return by how many samples ``late`` is behind, from their cross-correlation."""
    n = min(len(late), len(early))
    spectrum = np.fft.rfft(late[:n], 2 * n) * np.conj(np.fft.rfft(early[:n], 2 * n))
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < n else best - 2 * n


@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3", "m4a", "mp4", "webm"])
def test_the_lead_in_of_encoders_is_left_out(file_of, kind: str) -> None:
    rate = rate_for(kind)
    with open_recording(file_of(kind)) as recording:
        heard = recording.read(rate)
    assert lag_of(heard, tune(8, rate, channels=2).mean(axis=1)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["native", 16000])
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_a_span_is_that_part_of_the_whole(file_of, kind: str, target: int | str) -> None:
    rate = rate_for(kind) if target == "native" else int(target)
    with open_recording(file_of(kind)) as recording:
        whole = np.concatenate(list(recording.blocks(rate)))
        # Back and forth, near and far, at the edges, and two that overlap.
        for start, stop in [(6.9, 7.4), (0.0, 0.5), (0.003, 0.2), (3.21, 5.0), (4.9, 5.5), (5, 6)]:
            span = recording.read(rate, start, stop)
            expected = whole[round(start * rate) : round(stop * rate)]
            assert span.shape == expected.shape
            if kind in RANDOM:
                assert np.linalg.norm(span - expected) < 0.1 * np.linalg.norm(expected)
            else:
                np.testing.assert_allclose(span, expected, rtol=0, atol=2e-5)
        tail = recording.read(rate, recording.duration - 1, recording.duration + 1)
        assert len(tail) == pytest.approx(rate, abs=0.1 * rate)
        assert len(recording.read(rate, 20, 21)) == 0


def test_spans_of_aac_are_exact_where_the_encoder_leaves_noise_out(tmp_path: Path) -> None:
    file = write(tmp_path / "x.m4a", sine(8, 44100) + sine(8, 44100, hertz=3000), 44100, "m4a")
    with open_recording(file) as recording:
        whole = recording.read(44100)
        span = recording.read(44100, 4, 6)
    np.testing.assert_allclose(span, whole[4 * 44100 : 6 * 44100], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "m4a", "webm", "wma"])
def test_the_content_decides_not_the_name(file_of, tmp_path: Path, kind: str) -> None:
    for name in ("song.raw", "song", "song.wav", "song.m3u8", "song.jpg"):
        path = tmp_path / name
        path.write_bytes(file_of(kind).read_bytes())
        with open_recording(path) as recording:
            assert recording.duration == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("kind", ["wav-16", "m4a", "mp3"])
def test_odd_names(file_of, tmp_path: Path, kind: str) -> None:
    names = [
        b"caf\xe9 \xff\xfe.mp3",
        "音樂 🎵.mp3".encode(),
        b"-rf.mp3",
        b"a\nb.mp3",
        b"http:x.mp3",
    ]
    for name in names:
        path = tmp_path / name.decode("utf-8", "surrogateescape")
        path.write_bytes(file_of(kind).read_bytes())
        with open_recording(path) as recording:
            assert len(recording.read(16000, 1, 2)) == 16000
            assert recording.path == str(path)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 37800, 44101, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels(tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.tile(sine(2, rate, hertz=440)[:, None], (1, channels))
    file = write(tmp_path / "x.wav", sound, rate, "wav-24")
    with open_recording(file) as recording:
        assert (recording.sample_rate, recording.channels) == (rate, channels)
        heard = recording.read(16000)
    assert abs(len(heard) - 32000) <= 1
    expected = sine(2, 16000, hertz=440)[: len(heard)]
    middle = slice(800, -800)
    np.testing.assert_allclose(heard[middle], expected[middle], rtol=0, atol=1e-3)


def test_16_bit_samples_are_exactly_the_integers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    integers = rng.integers(-32768, 32768, 44100 * 2)
    for kind in ("wav-16", "flac", "aiff", "au", "caf", "alac", "wavpack", "tta", "mka"):
        file = write(tmp_path, (integers / 32768).astype(np.float32), 44100, kind)
        with open_recording(file) as recording:
            np.testing.assert_array_equal(recording.read(44100), integers / 32768)


def test_floats_beyond_full_scale_pass(tmp_path: Path) -> None:
    loud = 3 * sine(2)
    with open_recording(write(tmp_path / "x.wav", loud, 22050, "wav-float")) as recording:
        np.testing.assert_array_equal(recording.read(22050), loud)


def test_blocks_and_spans_do_not_disturb_each_other(file_of) -> None:
    with open_recording(file_of("mp3")) as recording:
        whole = np.concatenate(list(recording.blocks(16000)))
        mixed = []
        for i, block in enumerate(recording.blocks(16000)):
            mixed.append(block)
            recording.read(16000, 6 - i, 7 - i) if i < 5 else None
        np.testing.assert_array_equal(np.concatenate(mixed), whole)


def test_blocks_of_a_span(file_of) -> None:
    with open_recording(file_of("flac")) as recording:
        whole = recording.read(16000)
        some = np.concatenate(list(recording.blocks(16000, 2.5, 6.25)))
        rest = np.concatenate(list(recording.blocks(16000, 2.5)))
    np.testing.assert_allclose(some, whole[40000:100000], rtol=0, atol=1e-6)
    np.testing.assert_allclose(rest, whole[40000:], rtol=0, atol=1e-6)


def test_spans_leaves_out_pauses(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(22050 * 2, np.float32), noise(2), np.zeros(22050, np.float32)])
    with open_recording(write(tmp_path / "x.wav", sound, 22050)) as recording:
        got = list(recording.spans(22050, [(0, 1), (2, 3), (3, 3.5), (4.2, 4.8), (9, 10)]))
    assert [len(samples) for samples in got] == [22050, 11025]


@pytest.mark.parametrize("kind", ["wav-16", "aiff", "au", "rf64"])
def test_libsndfile_decodes_what_it_can(file_of, kind: str) -> None:
    with closing(OpenFile(str(file_of(kind)))) as file:
        SoundFileSource(View(file)).close()


@pytest.mark.parametrize("kind", ["wav-16", "wav-u8", "wav-24", "aiff", "au", "caf"])
def test_both_decoders_give_the_same_samples(file_of, kind: str) -> None:
    with (
        closing(OpenFile(str(file_of(kind)))) as file,
        closing(SoundFileSource(View(file))) as one,
        closing(FFmpegSource(View(file))) as other,
    ):
        shape = (one.sample_rate, one.channels, one.frames)
        assert shape == (other.sample_rate, other.channels, other.frames)
        np.testing.assert_array_equal(one.read(one.frames), other.read(one.frames))
