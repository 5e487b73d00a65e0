"""Whether a network answers as it should: signals that Earmark makes, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float = NDArray[np.floating]

SIGNAL = "sweep-1"
"""The signal whose numbers a model folder states."""

# Processors round differently; a network in single precision comes 1e-5 near on all of them.
RELATIVE = 4e-3
OF_LARGEST = 1e-4

LEAST_SPREAD = 1e-3
"""Vectors of unlike signals that are nearer to each other than this part of their length are the
same."""


def sweep(seconds: float, sample_rate: int) -> Float32:
    """Return the signal ``sweep-1``: three tones that glide, with a beat.

    It is written in Hz and seconds, so that a network that is given another sample rate than its
    own hears something else. Each tone starts at f Hz and ends an octave higher after 4 s, then
    starts again.

    Returns
    -------
    Samples [round(seconds · sample_rate)] in [-0.5, 0.5].
    """
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    lap = time % 4.0
    # The phase of a tone whose frequency is f 2^(t / 4): the integral of that.
    octave = 4.0 / np.log(2.0) * (2.0 ** (lap / 4.0) - 1.0)
    tones = sum(
        level * np.sin(2 * np.pi * hertz * octave)
        for hertz, level in ((110.0, 0.5), (440.0, 0.3), (1_760.0, 0.2))
    )
    beat = 0.25 + 0.75 * np.exp(-8.0 * (time % 0.5))
    return np.asarray(0.5 * tones * beat, dtype=np.float32)


def hiss(seconds: float, sample_rate: int) -> Float32:
    """Return noise, the same each time, from the 32 bits of a multiplicative generator."""
    count = round(seconds * sample_rate)
    numbers = np.random.Generator(np.random.PCG64(1)).random(count)
    return np.asarray(0.3 * (2.0 * numbers - 1.0), dtype=np.float32)


def clicks(seconds: float, sample_rate: int) -> Float32:
    """Return four clicks a second."""
    samples = np.zeros(round(seconds * sample_rate), dtype=np.float32)
    samples[:: max(1, sample_rate // 4)] = 0.9
    return samples


UNLIKE = (sweep, hiss, clicks)
"""Signals that no ear takes for one another."""


def difference(got: Float, stated: Sequence[float]) -> str | None:
    """Say where numbers differ from the stated ones by more than rounding; None where nowhere."""
    wanted = np.asarray(stated, dtype=np.float64)
    if len(wanted) > len(got):
        return f"states {len(wanted)} numbers; there are {len(got)}"
    found = np.asarray(got[: len(wanted)], dtype=np.float64)
    allowed = RELATIVE * np.abs(wanted) + OF_LARGEST * np.abs(wanted).max()
    off = np.abs(found - wanted)
    wrong = np.flatnonzero(~(off <= allowed))
    if len(wrong) == 0:
        return None
    worst = int(wrong[np.argmax(off[wrong] - allowed[wrong])])
    return f"number {worst + 1} is {found[worst]:.6g}, not {wanted[worst]:.6g}"


def is_one_place(vectors: Float) -> bool:
    """Whether all vectors [n, d] are the same but for a thousandth of their length."""
    lengths = np.linalg.norm(vectors, axis=1)
    spread = np.linalg.norm(vectors - vectors[0], axis=1)
    return bool(spread.max() <= LEAST_SPREAD * max(float(lengths.max()), 1e-12))
