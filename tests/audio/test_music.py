"""Real music, where there is some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from earmark.audio import open_recording
from earmark.audio.ffmpeg import FFmpegSource
from support.sounds import FORMATS, write

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "war_of_freedom.ogg"


def test_the_example() -> None:
    assert EXAMPLE.stat().st_size < 400_000
    with open_recording(EXAMPLE) as recording:
        assert recording.duration == 20.0
        assert (recording.sample_rate, recording.channels) == (44100, 2)
        heard = recording.read(22050)
        assert recording.warnings == []
    direct, rate = soundfile.read(EXAMPLE, dtype="float32")
    expected = soxr.resample(direct.mean(axis=1), rate, 22050, "HQ")
    np.testing.assert_allclose(heard, expected, rtol=0, atol=1e-6)
    assert (
        "Permission is hereby granted"
        in (EXAMPLE.parent / "LICENSE-war_of_freedom.txt").read_text()
    )


@pytest.mark.parametrize("kind", ["wav-16", "flac", "ogg", "opus", "mp3", "m4a", "webm", "wma"])
def test_a_song_sounds_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    allowed = FORMATS[kind].rates
    if allowed and rate not in allowed:
        sound, rate = soxr.resample(sound, rate, 48000).astype(np.float32), 48000
    with open_recording(write(tmp_path, sound, rate, kind)) as recording:
        heard = recording.read(16000)
    with open_recording(EXAMPLE) as recording:
        original = recording.read(16000)

    def spectrum(samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512]
        return np.abs(np.fft.rfft(frames * np.hanning(1024))).mean(axis=0)

    one, other = spectrum(original), spectrum(heard)
    below_6_khz = slice(2, 384)
    decibels = 20 * np.log10(other[below_6_khz] / one[below_6_khz])
    assert np.abs(decibels).mean() < 0.7


def test_whole_songs(shared_data: Path) -> None:
    for file in sorted((shared_data / "songs").rglob("*.ogg"))[:2]:
        with open_recording(file) as recording:
            whole = np.concatenate(list(recording.blocks(16000)))
            assert len(whole) == pytest.approx(recording.duration * 16000, abs=1)
            for start in np.linspace(0, recording.duration - 3, 9):
                span = recording.read(16000, start, start + 3)
                at = round(start * 16000)
                np.testing.assert_allclose(span, whole[at : at + 48000], rtol=0, atol=1e-5)
            assert recording.warnings == []


def test_lossless_clips_are_read_bit_for_bit(shared_data: Path) -> None:
    files = sorted((shared_data / "gtzan" / "lossless").glob("*.flac"))
    assert files
    for file in files:
        integers, rate = soundfile.read(file, dtype="int16")
        with open_recording(file) as recording:
            assert recording.sample_rate == rate == 22050
            heard = np.concatenate(list(recording.blocks(22050)))
        np.testing.assert_array_equal(heard * 32768, integers)


def test_every_clip_opens_with_the_right_length(shared_data: Path) -> None:
    files = sorted((shared_data / "gtzan").rglob("*.ogg"))[::40]
    for file in files:
        with open_recording(file) as recording:
            assert recording.duration == soundfile.info(file).duration
            assert len(recording.read(16000, 0.5, 1.5)) == 16000


def test_a_dozen_spans_of_a_long_mp3_are_decoded_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six minutes little more than the spans is decoded."""
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    rate //= 2
    file = write(tmp_path / "long.mp3", np.tile(sound[::2, 0], 18), rate, "mp3")
    decoded = 0
    genuine = FFmpegSource._decode

    def decode(source: FFmpegSource) -> Iterator[Any]:
        nonlocal decoded
        for frame in genuine(source):
            decoded += 576 / rate
            yield frame

    monkeypatch.setattr(FFmpegSource, "_decode", decode)
    with open_recording(file) as recording:
        assert recording.duration == pytest.approx(360, abs=0.1)
        for start in np.linspace(0, recording.duration - 3, 12):
            assert len(recording.read(16000, start, start + 3)) == 48000
    assert 12 * 3 <= decoded < 60, "seconds"
