"""The networks' front end, against loops that follow its definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features.melspectrogram import (
    Compression,
    MelSpectrogram,
    filterbank,
    hann_window,
    slaney_hertz,
    slaney_mel,
)
from support import plain_musicnn, sounds

SAMPLE_RATE, N_FFT, HOP, N_MELS, N_FRAMES = 16_000, 512, 256, 96, 187
PATCH_LENGTH = (N_FRAMES - 1) * HOP + N_FFT

log_mel = MelSpectrogram(
    sample_rate=SAMPLE_RATE,
    n_fft=N_FFT,
    hop_length=HOP,
    n_mels=N_MELS,
    fmin=0,
    fmax=8_000,
    norm="slaney",
    power=2,
    log=Compression.parse("log10(10000 * x + 1)"),
    win_length=N_FFT,
)
"""The front end of the default network."""


def test_the_scale_is_linear_then_logarithmic() -> None:
    mels = np.linspace(0, 45, 181)
    expected = [plain_musicnn.mel_to_hertz(mel) for mel in mels]
    np.testing.assert_allclose(slaney_hertz(mels), expected, rtol=1e-12)
    assert slaney_hertz(np.array([15.0]))[0] == pytest.approx(1000)
    assert slaney_hertz(np.array([42.0]))[0] == pytest.approx(6400)
    for mel in mels:
        assert slaney_mel(float(slaney_hertz(np.array([mel]))[0])) == pytest.approx(mel)


def test_the_filters_are_triangles_of_unit_area() -> None:
    filters = filterbank(log_mel)
    np.testing.assert_allclose(filters, plain_musicnn.filterbank(), atol=1e-9, rtol=1e-5)
    assert filters.shape == (N_MELS, N_FFT // 2 + 1)
    # The wide filters are sampled finely enough for their area to show.
    areas = filters[-20:].sum(axis=1) * SAMPLE_RATE / N_FFT
    np.testing.assert_allclose(areas, 1, rtol=0.02)
    assert (filters.max(axis=1) > 0).all(), "no band is deaf"


def test_the_window_is_periodic() -> None:
    window = hann_window(N_FFT, N_FFT)
    assert window[0] == 0
    np.testing.assert_allclose(window[1:], window[:0:-1], atol=1e-7)
    np.testing.assert_allclose(window[: N_FFT // 2] + window[N_FFT // 2 :], 1, atol=1e-6)


@pytest.mark.parametrize("level", [1e-4, 0.1, 1.0])
def test_log_mel_agrees_with_double_precision_loops(level: float) -> None:
    music = sounds.tune(0.5, SAMPLE_RATE) + sounds.noise(0.5, SAMPLE_RATE, level=0.01)
    samples = (level * music).astype(np.float32)
    expected = plain_musicnn.log_mel(samples.astype(np.float64))
    got = log_mel(samples)
    assert got.dtype == np.float32
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_the_loudest_sound_does_not_overflow() -> None:
    loud = np.where(np.arange(PATCH_LENGTH) // 20 % 2, 1.0, -1.0).astype(np.float32)
    assert np.isfinite(log_mel(loud)).all()
    np.testing.assert_array_equal(log_mel(np.zeros(PATCH_LENGTH, np.float32)), 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(N_FFT, 20_000))
def test_frames_are_those_that_fit(n_samples: int) -> None:
    samples = sounds.noise(2, SAMPLE_RATE)[:n_samples]
    spectrogram = log_mel(samples)
    assert len(spectrogram) == 1 + (n_samples - N_FFT) // HOP
    # Each frame looks at its own 512 samples and at nothing else.
    np.testing.assert_allclose(
        spectrogram[-1], log_mel(samples[(len(spectrogram) - 1) * HOP :])[0], atol=1e-5
    )


def test_a_patch_is_as_many_samples_as_its_frames_look_at() -> None:
    assert log_mel.n_samples(N_FRAMES) == PATCH_LENGTH
    assert log_mel.n_frames(PATCH_LENGTH) == N_FRAMES
    assert log_mel(np.zeros(PATCH_LENGTH, np.float32)).shape == (N_FRAMES, N_MELS)
    assert len(log_mel(np.zeros(PATCH_LENGTH - 1, np.float32))) == N_FRAMES - 1


def by_loops(front_end: MelSpectrogram, samples: np.ndarray) -> np.ndarray:
    """Return a mel spectrogram before its logarithm, in double precision, bin by bin."""
    rate, n_fft, width = front_end.sample_rate, front_end.n_fft, front_end.win_length
    pad = (n_fft - width) // 2
    window = np.zeros(n_fft)
    window[pad : pad + width] = scipy.signal.get_window("hann", width)

    def hertz(mel: float) -> float:
        return 700 * (10 ** (mel / 2595) - 1) if front_end.htk else plain_musicnn.mel_to_hertz(mel)

    def mel(hertz: float) -> float:
        return 2595 * np.log10(1 + hertz / 700) if front_end.htk else slaney_mel(hertz)

    low, high = mel(front_end.fmin), mel(front_end.fmax)
    edges = [
        hertz(low + (high - low) * i / (front_end.n_mels + 1)) for i in range(front_end.n_mels + 2)
    ]
    rows = []
    for start in range(0, len(samples) - n_fft + 1, front_end.hop_length):
        spectrum = np.abs(scipy.fft.rfft(window * samples[start : start + n_fft]))
        row = np.zeros(front_end.n_mels)
        for band in range(front_end.n_mels):
            left, center, right = edges[band : band + 3]
            for number, magnitude in enumerate(spectrum):
                at = number * rate / n_fft
                if left < at < right:
                    slope = (at - left) / (center - left)
                    height = slope if at <= center else (right - at) / (right - center)
                    area = 2 / (right - left) if front_end.norm == "slaney" else 1
                    row[band] += height * area * magnitude**front_end.power
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize(("power", "win_length"), [(2.0, 400), (1.0, 512), (0.5, 300)])
def test_any_mel_spectrogram_agrees_with_loops(
    htk: bool, norm: str | None, power: float, win_length: int
) -> None:
    front_end = MelSpectrogram(
        sample_rate=22_050,
        n_fft=512,
        hop_length=160,
        n_mels=24,
        fmin=125,
        fmax=7_500,
        norm=norm,
        power=power,
        log=None,
        win_length=win_length,
        htk=htk,
    )
    samples = (sounds.tune(0.1, 22_050) + sounds.noise(0.1, 22_050, level=0.1)).astype(np.float32)
    expected = by_loops(front_end, samples.astype(np.float64))
    got = front_end(samples)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("formula", "plain"),
    [
        ("log10(10000 * x + 1)", lambda x: np.log10(10_000 * x + 1)),
        ("log(x + 1e-5)", lambda x: np.log(x + 1e-5)),
        ("log1p(x)", np.log1p),
        ("log1p(10000*x)", lambda x: np.log1p(10_000 * x)),
        ("log2(0.5 * x + 0.25)", lambda x: np.log2(0.5 * x + 0.25)),
        ("10 * log10(max(x, 1e-10))", lambda x: 10 * np.log10(np.maximum(x, 1e-10))),
    ],
)
def test_a_formula_is_what_it_says(formula: str, plain: Callable[[np.ndarray], np.ndarray]) -> None:
    energies = np.array([0, 1e-7, 1e-3, 0.5, 20], np.float32)
    got = Compression.parse(formula).apply(energies)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, plain(energies.astype(np.float64)), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "log10",
        "log10(x)",
        "log(x + 0)",
        "ln(x+1)",
        "log(y+1)",
        "__import__('os')",
        "log(x+1)+2",
    ],
)
def test_other_formulas_are_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=r"write it like|not finite for silence"):
        Compression.parse(formula)
