"""Memory does not grow with the length of a recording, nor by what a header claims."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.audio import open_recording
from support.sounds import FORMATS, noise, tune, write

pytestmark = pytest.mark.slow


def long_file(folder: Path, kind: str, seconds: int) -> Path:
    rate = 48000
    second = tune(1, rate, channels=2)
    form = FORMATS[kind]
    if not form.container.isupper():
        return write(folder / f"{seconds}", np.tile(second, (seconds, 1)), rate, kind)
    path = folder / f"{seconds}{form.extension}"
    with soundfile.SoundFile(path, "w", rate, 2, form.codec, format=form.container) as sound:
        for _ in range(seconds):
            for at in range(0, rate, 4096):
                sound.write(second[at : at + 4096])
    return path


def peak(path: Path) -> tuple[int, int]:
    """Return the largest number of bytes held while listening, and how many samples came."""
    tracemalloc.start()
    try:
        with open_recording(path) as recording:
            count = sum(len(block) for block in recording.blocks(16000))
            for i in range(4):
                recording.read(16000, recording.duration * i / 5, recording.duration * i / 5 + 1)
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "m4a", "webm"])
def test_memory_does_not_grow_with_length(tmp_path: Path, kind: str) -> None:
    peak(long_file(tmp_path, kind, 2))  # what is set up once
    short, few = peak(long_file(tmp_path, kind, 12))
    long, many = peak(long_file(tmp_path, kind, 60))
    assert many > 4.9 * few
    assert long < short + 2_000_000
    assert long < 12_000_000  # a minute at 48 kHz in stereo is 23 MB


def test_a_claim_reserves_nothing(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "x.flac", noise(3), 22050, "flac").read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"  # 2**36 - 1 samples
    (tmp_path / "x.flac").write_bytes(data)
    assert peak(tmp_path / "x.flac")[0] < 12_000_000


def test_many_channels_are_decoded_in_smaller_blocks(tmp_path: Path) -> None:
    table = np.repeat(noise(4)[:, None], 200, axis=1)
    file = write(tmp_path / "x.wav", table, 22050)
    assert peak(file)[0] < 12_000_000
