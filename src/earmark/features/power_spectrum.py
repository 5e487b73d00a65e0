"""The power spectrum of many short frames, by two matrix products instead of a transform of each.

A discrete Fourier transform of N = N1 N2 numbers falls apart into N2 transforms of N1 numbers, a
turn of each result, and N1 transforms of N2 numbers (Cooley and Tukey 1965): with n = N2 n1 + n2
and k = k1 + N1 k2, X[k] is

    sum over n2 of  e^(-2 pi i n2 (k1 + N1 k2) / N)  sum over n1 of  e^(-2 pi i n1 k1 / N1) x[n]

Each sum is a matrix product. It takes more multiplications than a fast transform, but a matrix
product of many frames runs at the processor's full speed, which no short transform does.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

N_FFT = 512
_N1, _N2 = 32, 16
_K1 = _N1 // 2 + 1  # the other half mirrors these, since samples are real

Float32 = NDArray[np.float32]


@cache
def _first(n_rows: int) -> Float32:
    """Return the matrix [2 _K1, n_rows] of the inner sum: real and imaginary rows by turns."""
    angles = -2 * np.pi * np.outer(np.arange(_K1), np.arange(n_rows)) / _N1
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).reshape(-1, n_rows).astype(np.float32)


@cache
def _second() -> Float32:
    """Return the matrices [_K1, 2 _N2, 2 _N2] of the outer sum, turns included.

    Rows and columns are first the real parts, then the imaginary ones.
    """
    k1, k2, n2 = np.ogrid[:_K1, :_N2, :_N2]
    angles = -2 * np.pi * n2 * (k1 + _N1 * k2) / N_FFT
    cosines, sines = np.cos(angles), np.sin(angles)
    upper = np.concatenate([cosines, -sines], axis=2)
    lower = np.concatenate([sines, cosines], axis=2)
    return np.concatenate([upper, lower], axis=1).astype(np.float32)


class PowerSpectrum:
    """The filtered power spectrum of frames of one length; holds its buffers, so for one thread.

    Parameters
    ----------
    frame_length
        Samples a frame, at most 512; what is missing to 512 counts as zeros.
    filters
        Weights [n_filters, 257] of the bins.
    n_frames
        How many frames are taken at a time, at most.

    Examples
    --------
    >>> frames = np.random.default_rng(0).standard_normal((3, 441)).astype(np.float32)
    >>> ours = PowerSpectrum(441, np.eye(257, dtype=np.float32), 3)(frames)
    >>> np.allclose(ours, np.abs(np.fft.rfft(frames, 512)).T ** 2 / 512, atol=1e-5)
    True
    """

    def __init__(self, frame_length: int, filters: Float32, n_frames: int) -> None:
        n_rows = -(-frame_length // _N2)
        self._first, self._second = _first(n_rows), _second()
        self._filters = self._on_our_bins(filters)
        self._frames = np.zeros((n_rows * _N2, n_frames), np.float32)
        self._inner = np.empty((2 * _K1, _N2, n_frames), np.float32)
        self._outer = np.empty((_K1, 2 * _N2, n_frames), np.float32)
        self._power = np.empty((_K1, _N2, n_frames), np.float32)

    @staticmethod
    def _on_our_bins(filters: Float32) -> Float32:
        """Return the filters [n_filters, _K1 _N2] in the order in which the bins come out."""
        k1, k2 = np.ogrid[:_K1, :_N2]
        bins = k1 + _N1 * k2
        is_mirrored = bins > N_FFT // 2
        ours = filters[:, np.where(is_mirrored, N_FFT - bins, bins)] / np.float32(N_FFT)
        # The first and the last of k1 are mirrors of themselves: there each bin comes out twice.
        ours[:, [0, -1]] *= ~is_mirrored[[0, -1]]
        flat: Float32 = ours.reshape(len(filters), -1)
        return flat

    def __call__(self, frames: Float32) -> Float32:
        """Return the filters' energies [n_filters, n] of frames [n, frame_length].

        The power of a bin is the square of its magnitude, divided by 512.
        """
        n, length = frames.shape
        n_frames = self._frames.shape[1]
        self._frames[:length, :n] = frames.T
        by_place = self._frames.reshape(-1, _N2, n_frames).transpose(1, 0, 2)
        np.matmul(self._first, by_place, out=self._inner.transpose(1, 0, 2))
        np.matmul(self._second, self._inner.reshape(self._outer.shape), out=self._outer)
        np.multiply(self._outer, self._outer, out=self._outer)
        np.add(self._outer[:, :_N2], self._outer[:, _N2:], out=self._power)
        energies: Float32 = self._filters @ self._power.reshape(-1, n_frames)
        return energies[:, :n]
