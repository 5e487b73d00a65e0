"""Mel-frequency cepstral coefficients and the Gaussian of them: the classic method.

The arithmetic is that of python_speech_features 0.6 with ``winlen=0.020, winstep=0.010, numcep=13,
nfilt=26, lowfreq=0, highfreq=rate/2, preemph=0.97, ceplifter=22, appendEnergy=False`` and its
default rectangular window, on samples scaled to the 16-bit range. What differs is the order of
work: whole blocks of frames at once, in single precision, their spectra by matrix products.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.features.base import Card, ExtractorSpec, Samples, Span
from earmark.features.gaussian import N_COEFFICIENTS, N_PACKED, RunningGaussian, pack, regularize
from earmark.features.power_spectrum import N_FFT, PowerSpectrum

SAMPLE_RATE = 22_050
FRAME_LENGTH = 441
FRAME_STEP = 221  # 220.5 rounded half up, as the classic implementation does
N_FILTERS = 26
PREEMPHASIS = np.float32(0.97)
LIFTER = 22
FULL_SCALE = np.float32(32_768)
FRAMES_A_BLOCK = 256  # whose spectra stay in the processor's cache
_PIECE = 1 << 15  # samples that stay in it while they are scaled

Float32 = NDArray[np.float32]


@cache
def mel_filterbank() -> Float32:
    """Return the triangular filters [N_FILTERS, N_FFT // 2 + 1].

    The corner frequencies are equally spaced in mel (2595 log10(1 + f / 700)) from 0 to half the
    sample rate and rounded down to FFT bins of (N_FFT + 1) / rate, as in python_speech_features.
    """
    highest = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    hertz = 700.0 * (10.0 ** (np.linspace(0.0, highest, N_FILTERS + 2) / 2595.0) - 1.0)
    corners = np.floor((N_FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(N_FFT // 2 + 1)
    left, center, right = (corners[i : i + N_FILTERS, None] for i in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (bins - left) / (center - left)
        falling = (right - bins) / (right - center)
    filters = np.where((bins >= left) & (bins < center), rising, 0.0)
    filters = np.where((bins >= center) & (bins < right), falling, filters)
    return filters.astype(np.float32)


@cache
def cepstral_transform() -> Float32:
    """Return the matrix [N_FILTERS, 13]: orthonormal DCT-II, then the sinusoidal lifter."""
    filters = np.arange(N_FILTERS)[:, None]
    orders = np.arange(N_COEFFICIENTS)[None, :]
    cosines = np.cos(np.pi * orders * (2 * filters + 1) / (2 * N_FILTERS))
    cosines *= np.where(orders == 0, np.sqrt(1 / N_FILTERS), np.sqrt(2 / N_FILTERS))
    lifter = 1 + (LIFTER / 2) * np.sin(np.pi * orders / LIFTER)
    return (cosines * lifter).astype(np.float32)


class CepstralTransform:
    """Frames to their coefficients; holds its buffers, so for one thread."""

    def __init__(self) -> None:
        self._energies = PowerSpectrum(FRAME_LENGTH, mel_filterbank(), FRAMES_A_BLOCK)

    def __call__(self, frames: Float32) -> Float32:
        """Return the coefficients [n, 13] of at most ``FRAMES_A_BLOCK`` pre-emphasized frames.

        They are [n, FRAME_LENGTH], as :func:`frame_blocks` yields them.
        """
        energies = self._energies(frames)
        # A filter that hears nothing has the energy of the smallest step of a double, not none.
        np.maximum(energies, np.float32(np.finfo(np.float64).eps), out=energies)
        coefficients: Float32 = np.log(energies, out=energies).T @ cepstral_transform()
        return coefficients


def frame_blocks(samples: Iterable[Samples]) -> Iterable[Float32]:
    """Cut a recording into pre-emphasized frames, some at a time.

    Parameters
    ----------
    samples
        Consecutive blocks of samples in [-1, 1], of any length.

    Yields
    ------
    Frames [n, FRAME_LENGTH] in 16-bit scale, at most ``FRAMES_A_BLOCK`` at a time. The last
    frame of a recording is filled up with zeros.
    """
    waiting = np.zeros(0, dtype=np.float32)
    previous = np.float32(0)
    n_samples = 0
    n_frames = 0
    enough = FRAME_LENGTH + FRAME_STEP * (FRAMES_A_BLOCK - 1)
    for block in _pieces(samples):
        # The recipe reads 16-bit samples, so what a lossy decoder leaves below one step is silence.
        scaled = np.asarray(block, dtype=np.float32) * FULL_SCALE
        np.rint(scaled, out=scaled)
        emphasized = np.empty_like(scaled)
        emphasized[0] = scaled[0] - PREEMPHASIS * previous
        np.multiply(scaled[:-1], -PREEMPHASIS, out=emphasized[1:])
        emphasized[1:] += scaled[1:]
        previous = scaled[-1]
        n_samples += len(block)
        waiting = np.concatenate([waiting, emphasized])
        while len(waiting) >= enough:
            yield sliding_window_view(waiting[:enough], FRAME_LENGTH)[::FRAME_STEP]
            n_frames += FRAMES_A_BLOCK
            waiting = waiting[FRAMES_A_BLOCK * FRAME_STEP :]
    if n_samples == 0:
        return
    n_total = 1 + max(0, -(-(n_samples - FRAME_LENGTH) // FRAME_STEP))
    n_left = n_total - n_frames
    if n_left <= 0:
        return
    tail = np.zeros(FRAME_LENGTH + FRAME_STEP * (n_left - 1), dtype=np.float32)
    tail[: len(waiting)] = waiting[: len(tail)]
    yield sliding_window_view(tail, FRAME_LENGTH)[::FRAME_STEP]


def _pieces(samples: Iterable[Samples]) -> Iterator[Samples]:
    for block in samples:
        for start in range(0, len(block), _PIECE):
            yield block[start : start + _PIECE]


class Mfcc:
    """The classic feature extractor: the Gaussian of a recording's MFCC frames.

    A vector has 104 numbers: the mean [13] and the upper triangle of the covariance [91].
    """

    spec = ExtractorSpec("mfcc", "1", N_PACKED, "gaussian-kl", "float64")
    card = Card(
        description="13 mel-frequency cepstral coefficients of every 10 ms, as one Gaussian",
        license="MIT",
        citation="Mandel and Ellis, Song-level features and SVMs for music classification, 2005",
        link="https://github.com/jameslyons/python_speech_features",
        outputs=(("mean", N_COEFFICIENTS), ("covariance", N_PACKED - N_COEFFICIENTS)),
    )
    sample_rate = SAMPLE_RATE

    def spans(self, duration: float) -> Sequence[Span] | None:
        """Return None: the Gaussian is that of the whole recording."""
        return None

    def extract(self, segments: Iterable[Samples]) -> NDArray[np.float64]:
        """Return the Gaussian [104] of a recording given as consecutive blocks.

        Raises
        ------
        FeatureError
            Fewer than 14 frames, or all frames are the same.
        """
        gaussian, transform = RunningGaussian(), CepstralTransform()
        for frames in frame_blocks(segments):
            gaussian.update(transform(frames))
        mean, covariance = gaussian.result()
        return pack(mean, regularize(covariance))


def extractor(*, providers: Sequence[str] | None = None, threads: int = 0) -> Mfcc:
    """Return the extractor; there is no network that ``providers`` and ``threads`` would be for."""
    return Mfcc()
