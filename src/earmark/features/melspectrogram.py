"""The front end of the networks: log-mel spectrogram patches.

A patch is 187 frames × 96 bands, about 3 s: power spectrum by a 512-point FFT every 256 samples at
16,000 Hz under a periodic Hann window, triangular filters on Slaney's mel scale with unit area,
then log10(10000 x + 1), all in single precision (Pons and Serra, 2019).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.features.base import Samples

SAMPLE_RATE = 16_000
N_FFT = 512
HOP = 256
N_MELS = 96
N_FRAMES = 187
PATCH_LENGTH = (N_FRAMES - 1) * HOP + N_FFT  # samples that one patch looks at
PATCH_SECONDS = PATCH_LENGTH / SAMPLE_RATE

Float32 = NDArray[np.float32]


def slaney_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequencies in Hz of mels on Slaney's scale.

    Linear, 200/3 Hz a mel, up to 1,000 Hz; above, 27 mels for every factor of 6.4 (Slaney, Auditory
    Toolbox, 1998).
    """
    break_mel = 15.0
    above = 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - break_mel))
    return np.where(mel < break_mel, mel * 200.0 / 3.0, above)


@cache
def mel_filterbank() -> Float32:
    """Return the triangular filters [N_MELS, N_FFT // 2 + 1], each of unit area over Hz."""
    nyquist = SAMPLE_RATE / 2
    highest = 15.0 + np.log(nyquist / 1000.0) * 27.0 / np.log(6.4)
    corners = slaney_hertz(np.linspace(0.0, highest, N_MELS + 2))[:, None]
    bins = np.linspace(0.0, nyquist, N_FFT // 2 + 1)
    left, center, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins - left) / (center - left)
    falling = (right - bins) / (right - center)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (right - left))
    return filters.astype(np.float32)


@cache
def hann_window() -> Float32:
    """Return the periodic Hann window [N_FFT]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


def log_mel(samples: Samples) -> Float32:
    """Return the log-mel spectrogram [frames, N_MELS] of samples [n] at 16,000 Hz.

    The first frame looks at the first 512 samples; there are ``1 + (n - 512) // 256`` frames.
    """
    frames = sliding_window_view(samples, N_FFT)[::HOP]
    spectrum = np.fft.rfft(frames * hann_window())
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel: Float32 = power.astype(np.float32, copy=False) @ mel_filterbank().T
    scaled: Float32 = np.log10(np.float32(10_000) * mel + np.float32(1))
    return scaled


def patches(spectrogram: Float32, hop: int = N_FRAMES) -> Float32:
    """Cut a spectrogram [frames, N_MELS] into patches [n, N_FRAMES, N_MELS] every ``hop`` frames.

    What is left at the end is dropped; a spectrogram shorter than a patch is repeated to fill one.
    """
    if len(spectrogram) < N_FRAMES:
        repeats = -(-N_FRAMES // len(spectrogram))
        return np.tile(spectrogram, (repeats, 1))[None, :N_FRAMES]
    views = sliding_window_view(spectrogram, N_FRAMES, axis=0)[::hop]
    return np.ascontiguousarray(views.transpose(0, 2, 1))
