"""The front end of networks that look at a log-mel spectrogram.

Frames of a recording are windowed and transformed; the power of their spectra goes through
triangular filters on a mel scale, and is compressed. All is done in single precision.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.features.base import Samples

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_NUMBER = r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
_FORMULA = re.compile(
    rf"(?:{_NUMBER}\*)?(log10|log2|log1p|log)\((?:(?:{_NUMBER}\*)?x(?:\+{_NUMBER})?|max\(x,{_NUMBER}\))\)"
)
_LOGARITHMS = {"log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p}


@dataclass(frozen=True, slots=True)
class Compression:
    """How energies become what a network sees: ``factor · log(max(scale · x + offset, least))``.

    Attributes
    ----------
    logarithm
        ``"log"`` (natural), ``"log2"``, ``"log10"`` or ``"log1p"``.
    factor, scale, offset, least
        As above.
    """

    logarithm: str
    factor: float = 1.0
    scale: float = 1.0
    offset: float = 0.0
    least: float = 0.0

    @classmethod
    def parse(cls, formula: str) -> Compression:
        """Read a formula of x.

        Raises
        ------
        ValueError
            It is none of the kind below, or is not finite for silence.

        Examples
        --------
        >>> Compression.parse("log10(10000 * x + 1)")
        Compression(logarithm='log10', factor=1.0, scale=10000.0, offset=1.0, least=0.0)
        >>> Compression.parse("10 * log10(max(x, 1e-10))").least
        1e-10
        """
        found = _FORMULA.fullmatch(formula.replace(" ", ""))
        if found is None:
            raise ValueError(
                "write it like log10(10000 * x + 1), log(x + 1e-5), log1p(x) or "
                "10 * log10(max(x, 1e-10))"
            )
        factor, logarithm, scale, offset, least = found.groups()
        made = cls(
            logarithm,
            float(factor or 1),
            float(scale or 1),
            float(offset or 0),
            float(least or 0),
        )
        with np.errstate(all="ignore"):
            if not np.isfinite(made.apply(np.array([0, 1], dtype=np.float32))).all():
                raise ValueError("it is not finite for silence; add a small number to x")
        return made

    def apply(self, energies: Float32) -> Float32:
        """Return the compressed energies, in single precision."""
        inside: Float32 = energies
        if self.scale != 1:
            inside = np.float32(self.scale) * inside
        if self.offset != 0:
            inside = inside + np.float32(self.offset)
        if self.least != 0:
            inside = np.maximum(inside, np.float32(self.least))
        compressed: Float32 = _LOGARITHMS[self.logarithm](inside)
        return compressed if self.factor == 1 else np.float32(self.factor) * compressed


@dataclass(frozen=True, slots=True)
class MelSpectrogram:
    """A mel spectrogram, with all that it depends on.

    Attributes
    ----------
    sample_rate
        In Hz.
    n_fft
        Samples of a frame and of its Fourier transform.
    hop_length
        Samples from one frame to the next.
    n_mels
        Bands.
    fmin, fmax
        Where the lowest band begins and the highest ends, in Hz.
    norm
        ``"slaney"``: filters of unit area over Hz. None: filters of height 1.
    power
        Exponent of the magnitudes: 2 is power, 1 magnitude.
    log
        How the energies are compressed; None: not at all.
    win_length
        Samples of the periodic Hann window, in the middle of a frame.
    htk
        The mel scale is 2595 log10(1 + f / 700) rather than Slaney's.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    norm: str | None
    power: float
    log: Compression | None
    win_length: int
    htk: bool = False

    def n_samples(self, n_frames: int) -> int:
        """Return how many samples ``n_frames`` frames look at."""
        return (n_frames - 1) * self.hop_length + self.n_fft

    def n_frames(self, n_samples: int) -> int:
        """Return how many whole frames fit into ``n_samples`` samples."""
        return max(0, 1 + (n_samples - self.n_fft) // self.hop_length)

    def __call__(self, samples: Samples) -> Float32:
        """Return the spectrogram [frames, n_mels] of samples [n]; n is at least ``n_fft``.

        The first frame looks at the first ``n_fft`` samples; what does not fill one is left out.
        """
        frames = sliding_window_view(samples, self.n_fft)[:: self.hop_length]
        spectrum = np.fft.rfft(frames * hann_window(self.win_length, self.n_fft))
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        if self.power != 2:
            power = power ** (self.power / 2)
        mel: Float32 = power.astype(np.float32, copy=False) @ filterbank(self).T
        return mel if self.log is None else self.log.apply(mel)


def slaney_hertz(mel: Float64) -> Float64:
    """Return the frequencies in Hz of mels on Slaney's scale.

    Linear, 200/3 Hz a mel, up to 1,000 Hz; above, 27 mels for every factor of 6.4 (Slaney, Auditory
    Toolbox, 1998).
    """
    break_mel = 15.0
    above = 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - break_mel))
    return np.where(mel < break_mel, mel * 200.0 / 3.0, above)


def slaney_mel(hertz: float) -> float:
    """Return the mel of a frequency in Hz on Slaney's scale; see `slaney_hertz`."""
    if hertz < 1000.0:
        return hertz * 3.0 / 200.0
    return 15.0 + math.log(hertz / 1000.0) * 27.0 / math.log(6.4)


def corners(settings: MelSpectrogram) -> Float64:
    """Return the corner frequencies [n_mels + 2] of the filters in Hz, equally spaced in mel."""
    count = settings.n_mels + 2
    if settings.htk:
        low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (settings.fmin, settings.fmax))
        return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, count) / 2595.0) - 1.0))
    return slaney_hertz(np.linspace(slaney_mel(settings.fmin), slaney_mel(settings.fmax), count))


@cache
def filterbank(settings: MelSpectrogram) -> Float32:
    """Return the triangular filters [n_mels, n_fft // 2 + 1]."""
    edges = corners(settings)[:, None]
    bins = np.arange(settings.n_fft // 2 + 1) * (settings.sample_rate / settings.n_fft)
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (center - left)
    falling = (right - bins) / (right - center)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if settings.norm == "slaney":
        filters = filters * (2.0 / (right - left))
    return filters.astype(np.float32)


@cache
def hann_window(length: int, n_fft: int) -> Float32:
    """Return the periodic Hann window of ``length`` in the middle of ``n_fft`` numbers."""
    window = np.zeros(n_fft)
    start = (n_fft - length) // 2
    window[start : start + length] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window.astype(np.float32)
