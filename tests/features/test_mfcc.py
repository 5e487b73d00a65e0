"""The classic features, against python_speech_features and the rows of a public my.dat."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from python_speech_features import mfcc as reference_mfcc

from earmark.errors import ExtractorNotFound, FeatureError
from earmark.features import get_extractor
from earmark.features.gaussian import RunningGaussian, pack, regularize, unpack
from earmark.features.mfcc import SAMPLE_RATE, CepstralTransform, frame_blocks

GENRES = ("blues", "classical", "country", "disco", "hiphop")
GENRES += ("jazz", "metal", "pop", "reggae", "rock")


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Return chords with noise, in 16-bit steps as a sound file would hold them."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * f * t * (1 + 0.1 * np.sin(t))) for f in (220, 277, 330, 1500))
    sound = 0.1 * tones * (1 + np.sin(6 * t)) + 0.02 * rng.standard_normal(len(t))
    return (np.rint(sound * 32768 / 1.2) / 32768).astype(np.float32)


def coefficients(samples: np.ndarray) -> np.ndarray:
    """Return the coefficients [n, 13] of all frames."""
    transform = CepstralTransform()
    return np.concatenate([transform(frames) for frames in frame_blocks([samples])])


def oracle(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance as the recipe computes them, in double precision."""
    frames = reference_mfcc(
        (samples * 32768.0).astype(np.int16),
        SAMPLE_RATE,
        winlen=0.020,
        winstep=0.010,
        numcep=13,
        nfilt=26,
        nfft=512,
        lowfreq=0,
        highfreq=SAMPLE_RATE / 2,
        preemph=0.97,
        ceplifter=22,
        appendEnergy=False,
    )
    return frames.mean(axis=0), np.cov(frames.T)


@pytest.mark.parametrize("n_samples", [100, 441, 442, 662, 663, 22_050, 100_001])
def test_frames_agree_with_the_independent_implementation(n_samples: int) -> None:
    samples = music(5)[:n_samples]
    expected = reference_mfcc(
        (samples * 32768.0).astype(np.int16),
        SAMPLE_RATE,
        winlen=0.020,
        numcep=13,
        nfft=512,
        appendEnergy=False,
    )
    got = coefficients(samples)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-3)


def test_gaussian_agrees_with_the_independent_implementation() -> None:
    samples = music(4)
    mean, covariance = unpack(get_extractor("mfcc").extract([samples]))
    expected_mean, expected_covariance = oracle(samples)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-4 * np.abs(expected_mean).max())
    np.testing.assert_allclose(
        covariance, expected_covariance, atol=1e-4 * np.abs(expected_covariance).max()
    )


@pytest.mark.slow
def test_real_clips_agree_with_the_public_file(shared_data: Path) -> None:
    with (shared_data / "mydat" / "gtzan1000.dat").open("rb") as file:
        rows = [pickle.load(file) for _ in range(1000)]
    clips = sorted((shared_data / "gtzan" / "lossless").glob("*.flac"))
    assert len(clips) == 11
    for clip in clips:
        genre, number = clip.stem.split(".")
        expected_mean, expected_covariance, _ = rows[GENRES.index(genre) * 100 + int(number)]
        samples, rate = soundfile.read(clip, dtype="float32")
        assert rate == SAMPLE_RATE
        mean, covariance = unpack(get_extractor("mfcc").extract([samples]))
        deviations = np.sqrt(np.diag(expected_covariance))
        assert np.all(np.abs(mean - expected_mean) < 1e-3 * np.abs(expected_mean))
        assert np.all(
            np.abs(covariance - expected_covariance) < 1e-3 * np.outer(deviations, deviations)
        )
        exact_mean, exact_covariance = oracle(samples)
        assert np.all(np.abs(exact_mean - expected_mean) < 1e-9 * np.abs(expected_mean))
        assert np.all(
            np.abs(exact_covariance - expected_covariance) < 1e-9 * np.outer(deviations, deviations)
        )


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 90_000), max_size=6))
def test_where_blocks_end_does_not_matter(cuts: list[int]) -> None:
    samples = music(4)
    whole = get_extractor("mfcc").extract([samples])
    blocks = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    in_blocks = get_extractor("mfcc").extract(blocks)
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-6, atol=1e-6)


def test_a_long_recording_is_many_blocks() -> None:
    samples = music(40)
    mean, covariance = unpack(get_extractor("mfcc").extract([samples]))
    expected_mean, expected_covariance = oracle(samples)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-4 * np.abs(expected_mean).max())
    np.testing.assert_allclose(
        covariance, expected_covariance, atol=1e-4 * np.abs(expected_covariance).max()
    )


def test_packing_is_a_round_trip() -> None:
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(5, 13))
    factor = rng.normal(size=(5, 13, 13))
    covariance = factor @ factor.transpose(0, 2, 1)
    back_mean, back_covariance = unpack(pack(mean, covariance))
    np.testing.assert_array_equal(back_mean, mean)
    np.testing.assert_allclose(back_covariance, covariance, rtol=1e-12)


def test_merging_gaussians_is_numpy_cov() -> None:
    rng = np.random.default_rng(2)
    frames = rng.normal(size=(300, 13)) * np.arange(1, 14) + 1e4
    running = RunningGaussian()
    for block in np.split(frames, [1, 1, 50, 299]):
        running.update(block)
    mean, covariance = running.result()
    np.testing.assert_allclose(mean, frames.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(frames.T), rtol=1e-6, atol=1e-6)


def test_a_pure_tone_can_be_compared() -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 441 * t).astype(np.float32) * 0.5
    _, covariance = unpack(get_extractor("mfcc").extract([tone]))
    assert np.isfinite(np.linalg.inv(covariance)).all()
    assert np.linalg.eigvalsh(covariance)[0] > 0


def test_what_has_no_covariance_is_refused() -> None:
    with pytest.raises(FeatureError, match="14"):
        get_extractor("mfcc").extract([music(0.1)])
    with pytest.raises(FeatureError, match="same"):
        regularize(np.zeros((13, 13)))


def test_an_unknown_extractor_is_named() -> None:
    with pytest.raises(ExtractorNotFound, match="'loudness'"):
        get_extractor("loudness")


@pytest.mark.parametrize("level", [1.0, 1e-3, 1e-4])
def test_samples_are_those_of_a_sixteen_bit_file(level: float) -> None:
    rng = np.random.default_rng(4)
    # What no 16-bit file holds, as lossy decoders give it; at the lowest level, three steps.
    samples = (level * music(3) + rng.uniform(-0.4, 0.4, 3 * SAMPLE_RATE) / 32768).astype("float32")
    steps = np.rint(samples * np.float32(32768))
    got = coefficients(samples)
    expected = reference_mfcc(
        steps.astype(np.int16), SAMPLE_RATE, winlen=0.020, numcep=13, nfft=512, appendEnergy=False
    )
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=5e-2)
    rounded = coefficients(steps / 32768)
    np.testing.assert_array_equal(got, rounded)


def test_what_is_below_one_step_is_silence() -> None:
    rng = np.random.default_rng(5)
    hiss = (rng.uniform(-0.49, 0.49, SAMPLE_RATE) / 32768).astype(np.float32)
    heard, nothing = (coefficients(samples) for samples in (hiss, np.zeros_like(hiss)))
    np.testing.assert_array_equal(heard, nothing)


def test_only_a_singular_covariance_is_shrunk_and_by_a_millionth() -> None:
    rng = np.random.default_rng(6)
    turn = np.linalg.qr(rng.normal(size=(13, 13)))[0]
    variances = np.geomspace(100.0, 1e-3, 13)
    sound = (turn * variances) @ turn.T
    np.testing.assert_array_equal(regularize(sound), sound)
    # A pure tone: no variance in most directions.
    variances[3:] = 0.0
    singular = (turn * variances) @ turn.T
    singular = (singular + singular.T) / 2
    shrunk = regularize(singular)
    assert np.trace(shrunk) == pytest.approx(np.trace(singular), rel=1e-9)
    level = variances.mean()
    expected = np.sort((1 - 1e-6) * variances + 1e-6 * level)
    np.testing.assert_allclose(np.linalg.eigvalsh(shrunk), expected, rtol=1e-6)
    assert np.abs(shrunk - singular).max() < 2e-6 * variances.max()
