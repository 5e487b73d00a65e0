"""The networks' front end, against loops that follow its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features.melspectrogram import (
    HOP,
    N_FFT,
    N_FRAMES,
    N_MELS,
    PATCH_LENGTH,
    SAMPLE_RATE,
    hann_window,
    log_mel,
    mel_filterbank,
    patches,
    slaney_hertz,
)
from support import plain_musicnn, sounds


def test_the_scale_is_linear_then_logarithmic() -> None:
    mels = np.linspace(0, 45, 181)
    expected = [plain_musicnn.mel_to_hertz(mel) for mel in mels]
    np.testing.assert_allclose(slaney_hertz(mels), expected, rtol=1e-12)
    assert slaney_hertz(np.array([15.0]))[0] == pytest.approx(1000)
    assert slaney_hertz(np.array([42.0]))[0] == pytest.approx(6400)


def test_the_filters_are_triangles_of_unit_area() -> None:
    filters = mel_filterbank()
    np.testing.assert_allclose(filters, plain_musicnn.filterbank(), atol=1e-9, rtol=1e-5)
    assert filters.shape == (N_MELS, N_FFT // 2 + 1)
    # The wide filters are sampled finely enough for their area to show.
    areas = filters[-20:].sum(axis=1) * SAMPLE_RATE / N_FFT
    np.testing.assert_allclose(areas, 1, rtol=0.02)
    assert (filters.max(axis=1) > 0).all(), "no band is deaf"


def test_the_window_is_periodic() -> None:
    window = hann_window()
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
    assert log_mel(np.zeros(PATCH_LENGTH, np.float32)).shape == (N_FRAMES, N_MELS)
    assert len(log_mel(np.zeros(PATCH_LENGTH - 1, np.float32))) == N_FRAMES - 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 600), st.integers(1, 400))
def test_patches_start_every_hop_frames(n_frames: int, hop: int) -> None:
    spectrogram = np.arange(n_frames, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    cut = patches(spectrogram, hop)
    if n_frames < N_FRAMES:
        np.testing.assert_array_equal(cut[:, :, 0], [np.arange(N_FRAMES) % n_frames])
        return
    starts = range(0, n_frames - N_FRAMES + 1, hop)
    assert cut.shape == (len(starts), N_FRAMES, 3)
    for patch, start in zip(cut, starts, strict=True):
        np.testing.assert_array_equal(patch, spectrogram[start : start + N_FRAMES])
