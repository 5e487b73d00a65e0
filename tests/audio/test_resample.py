"""Resampling does not depend on blocks, and spans agree with the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.audio import open_recording
from earmark.audio.resample import plan, resample
from earmark.errors import AudioSilent
from support.sounds import noise, sine, tune, write

RATES = st.sampled_from([4000, 8000, 11025, 16000, 22050, 32000, 37800, 44100, 44101, 48000, 96000])


def blocks_of(samples: np.ndarray, cuts: list[float]) -> list[np.ndarray]:
    return np.split(samples, sorted(int(cut * len(samples)) for cut in cuts))


@settings(max_examples=60, deadline=None)
@given(
    native=RATES,
    rate=st.sampled_from([16000, 22050, 44100]),
    cuts=st.lists(st.floats(0, 1), max_size=12),
    seconds=st.floats(0.01, 1.5),
)
def test_block_boundaries_do_not_matter(
    native: int, rate: int, cuts: list[float], seconds: float
) -> None:
    samples = noise(seconds, native)
    blocks = list(resample(iter(blocks_of(samples, cuts)), native, rate))
    out = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
    whole = samples if native == rate else soxr.resample(samples, native, rate, "HQ")
    np.testing.assert_array_equal(out, whole)
    assert abs(len(out) - len(samples) * rate / native) <= 1


@settings(max_examples=60, deadline=None)
@given(
    native=RATES,
    rate=st.sampled_from([16000, 22050]),
    start=st.floats(0, 2.4),
    length=st.floats(0.01, 2),
)
def test_a_planned_span_is_that_span_of_the_whole(
    native: int, rate: int, start: float, length: float
) -> None:
    samples = noise(2.5, native)
    whole = np.concatenate(list(resample([samples], native, rate)))
    first, last = round(start * rate), round((start + length) * rate)
    reading = plan(native, rate, first, last)
    blocks = list(resample([samples[reading.read_from : reading.read_to]], native, rate))
    got = np.concatenate(blocks)[reading.drop :][: reading.keep] if blocks else samples[:0]
    np.testing.assert_allclose(got, whole[first:last], rtol=0, atol=2e-6)


@settings(max_examples=40, deadline=None)
@given(native=RATES, rate=st.integers(1000, 200_000), first=st.integers(0, 10**9))
def test_a_plan_reads_enough_and_not_much_more(native: int, rate: int, first: int) -> None:
    reading = plan(native, rate, first, first + rate)
    assert reading.read_to is not None
    assert 0 <= reading.read_from <= first * native / rate
    assert reading.read_to >= (first + rate) * native / rate
    assert reading.read_to - reading.read_from < 3.3 * native + 2
    # Input and output samples fall together where reading begins.
    assert reading.read_from * rate == (first - reading.drop) * native


def test_equal_rates_pass_unchanged() -> None:
    block = noise(0.1)
    assert next(resample([block], 22050, 22050)) is block


def test_a_tone_stays_that_tone_and_one_above_the_limit_goes() -> None:
    for native in (44100, 48000, 96000):
        low = np.concatenate(list(resample([sine(1, native, hertz=1000)], native, 16000)))
        np.testing.assert_allclose(
            low[800:-800], sine(1, 16000, hertz=1000)[800:-800], rtol=0, atol=1e-4
        )
        high = np.concatenate(list(resample([sine(1, native, hertz=9000)], native, 16000)))
        assert np.abs(high[800:-800]).max() < 1e-4  # it would come back as 7 kHz


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(start=st.floats(0, 4), length=st.floats(0.05, 3), rate=st.sampled_from([16000, 22050, 8000]))
@pytest.mark.parametrize("kind", ["wav-16", "flac", "mp3", "ogg", "opus", "alac", "webm"])
def test_read_is_a_slice_of_blocks(
    files: dict[str, tuple[Path, dict[int, np.ndarray]]],
    kind: str,
    start: float,
    length: float,
    rate: int,
) -> None:
    path, wholes = files[kind]
    with open_recording(path) as recording:
        if rate not in wholes:
            wholes[rate] = np.concatenate(list(recording.blocks(rate)))
        span = recording.read(rate, start, start + length)
    expected = wholes[rate][round(start * rate) : round((start + length) * rate)]
    np.testing.assert_allclose(span, expected, rtol=0, atol=2e-5)


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, dict[int, np.ndarray]]]:
    folder = tmp_path_factory.mktemp("spans")
    sound = np.stack([noise(5, 48000), noise(5, 48000, seed=1)], axis=1)
    kinds = ("wav-16", "flac", "mp3", "ogg", "opus", "alac", "webm")
    return {kind: (write(folder, sound, 48000, kind), {}) for kind in kinds}


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
@pytest.mark.parametrize(("start", "stop"), [(2.05, 3.0), (2.05, 3.95), (3.0, 3.95)])
def test_sound_beside_a_silent_span_is_not_sound_in_it(
    tmp_path: Path, rate: int, start: float, stop: float
) -> None:
    """The filter needs what is before and after a span, and that says nothing of its level."""
    table = np.concatenate([tune(2), np.zeros(2 * 22_050, np.float32), tune(2)])
    with open_recording(write(tmp_path / "pause.wav", table, 22_050)) as recording:
        with pytest.raises(AudioSilent):
            recording.read(rate, start, stop)
        around = [(1.0, 2.0), (start, stop), (4.0, 5.0)]
        assert len(list(recording.spans(rate, around))) == 2


def test_a_little_sound_at_the_edge_of_a_span_is_sound_in_it(tmp_path: Path) -> None:
    table = np.concatenate([tune(2), np.zeros(2 * 22_050, np.float32), tune(2)])
    with open_recording(write(tmp_path / "pause.wav", table, 22_050)) as recording:
        for start, stop in [(1.9, 3.0), (3.0, 4.1)]:
            assert recording.read(16_000, start, stop).any()
