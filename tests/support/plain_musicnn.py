"""The network and its front end once more, as plainly as they can be written, in double precision.

Nothing here uses ``earmark``: only the weights are those of the file that is tested.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[np.float64]

RATE = 16_000
EPSILON = 1e-3


def read_weights(path: Path) -> dict[str, Array]:
    """Return the numbers inside an ONNX file by name."""
    return {
        tensor.name: numpy_helper.to_array(tensor).astype(np.float64)
        for tensor in onnx.load(path).graph.initializer
    }


def forward(weights: dict[str, Array], patch: Array) -> tuple[Array, Array]:
    """Return the tags [50] and the penultimate output [200] of one patch [187, 96]."""

    def normalized(values: Array, number: int) -> Array:
        """Batch normalization of values whose last axis is the channels."""
        scope = f"batch_normalization_{number}" if number else "batch_normalization"
        gamma, beta, mean, variance = (
            weights[f"{scope}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (values - mean) / np.sqrt(variance + EPSILON) + beta

    def filtered(image: Array, number: int) -> Array:
        """Convolve an image [time, band] and keep each filter's strongest band [time, filter]."""
        scope = f"conv2d_{number}" if number else "conv2d"
        kernel = weights[f"{scope}/kernel"][:, 0]  # [filter, time, band]
        padded = np.pad(image, (((kernel.shape[1] - 1) // 2, kernel.shape[1] // 2), (0, 0)))
        views = sliding_window_view(padded, kernel.shape[1:])  # [time, band, ...kernel]
        out = np.tensordot(views, kernel, axes=([2, 3], [1, 2])) + weights[f"{scope}/bias"]
        return normalized(np.maximum(out, 0), number + 1).max(axis=1)

    def over_time(sequence: Array, number: int) -> Array:
        """Convolve a sequence [time, channel] over 7 moments."""
        scope = f"conv2d_{number}"
        kernel = weights[f"{scope}/kernel"]  # [filter, channel, time]
        padded = np.pad(sequence, ((3, 3), (0, 0)))
        out = np.stack(
            [np.einsum("tc,fct->f", padded[at : at + 7], kernel) for at in range(len(sequence))]
        )
        return normalized(np.maximum(out + weights[f"{scope}/bias"], 0), number + 1)

    image = normalized(patch[:, :, None], 0)[:, :, 0]
    front = np.concatenate([filtered(image, number) for number in range(5)], axis=1)
    first = over_time(front, 5)
    second = over_time(first, 6) + first
    third = over_time(second, 7) + second
    layers = np.concatenate([front, first, second, third], axis=1)
    # Channel by channel, its maximum and then its mean.
    pooled = np.stack([layers.max(axis=0), layers.mean(axis=0)], axis=1).ravel()
    hidden = normalized(pooled, 9) @ weights["dense/kernel"] + weights["dense/bias"]
    penultimate = normalized(np.maximum(hidden, 0), 10)
    logits = penultimate @ weights["dense_1/kernel"] + weights["dense_1/bias"]
    return 1 / (1 + np.exp(-logits)), penultimate


def mel_to_hertz(mel: float) -> float:
    """Slaney's scale: 3 mels for every 200 Hz up to 1,000 Hz, 27 for every factor of 6.4 above."""
    if mel < 15:
        return 200 * mel / 3
    return float(1000 * 6.4 ** ((mel - 15) / 27))


def hertz_to_mel(hertz: float) -> float:
    """The inverse of ``mel_to_hertz``."""
    if hertz < 1000:
        return 3 * hertz / 200
    return float(15 + 27 * np.log(hertz / 1000) / np.log(6.4))


def filterbank(n_bands: int = 96, n_fft: int = 512) -> Array:
    """Return triangular filters [n_bands, n_fft // 2 + 1] of unit area, each number on its own."""
    top = hertz_to_mel(RATE / 2)
    corners = [mel_to_hertz(top * i / (n_bands + 1)) for i in range(n_bands + 2)]
    filters = np.zeros((n_bands, n_fft // 2 + 1))
    for band in range(n_bands):
        low, middle, high = corners[band : band + 3]
        for k in range(n_fft // 2 + 1):
            hertz = k * RATE / n_fft
            if low < hertz <= middle:
                filters[band, k] = (hertz - low) / (middle - low)
            elif middle < hertz < high:
                filters[band, k] = (high - hertz) / (high - middle)
        filters[band] *= 2 / (high - low)
    return filters


def log_mel(samples: Array, n_fft: int = 512, hop: int = 256) -> Array:
    """Return the log-mel spectrogram [frames, 96], by the definition of the Fourier transform."""
    n = np.arange(n_fft)
    window = np.sin(np.pi * n / n_fft) ** 2
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), n) / n_fft)
    filters = filterbank(n_fft=n_fft)
    frames = []
    for start in range(0, len(samples) - n_fft + 1, hop):
        spectrum = waves @ (window * samples[start : start + n_fft])
        frames.append(np.log10(1 + 10_000 * (filters @ np.abs(spectrum) ** 2)))
    return np.array(frames)
