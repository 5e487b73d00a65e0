"""Which segments of a recording a network hears, and how they are cut out of samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.errors import FeatureError
from earmark.features.base import Samples, Span

QUIET = 1e-5
"""The RMS below which a segment is silence: one third of a 16-bit step."""


def spread(duration: float, seconds: float, most: int) -> Sequence[Span]:
    """Return up to ``most`` segments of ``seconds`` each, evenly spread over a recording.

    A recording of ``duration`` seconds that is shorter than all of them together is heard whole.
    """
    if duration <= most * seconds:
        return [Span(0.0, duration)]
    # The middles of equal parts: neither the first nor the last seconds, which often fade.
    part = duration / most
    starts = (np.arange(most) + 0.5) * part - seconds / 2
    return [Span(float(start), float(start) + seconds) for start in starts]


def cut(samples: Samples, length: int, *, repeat: bool = True) -> Iterator[Samples]:
    """Cut samples [n] into segments [length] that touch.

    What is left at the end is covered by a last segment that overlaps the one before it, where it
    is at least half a segment long. Fewer samples than one segment are repeated to fill it, or
    stay as they are.
    """
    for start, stop in places(len(samples), length):
        part = samples[start:stop]
        short = repeat and len(part) < length
        yield np.tile(part, -(-length // len(part)))[:length] if short else part


def places(count: int, length: int) -> Iterator[tuple[int, int]]:
    """Return where the segments lie that `cut` makes of so many samples.

    >>> list(places(9, 4)), list(places(10, 4)), list(places(2, 4))
    ([(0, 4), (4, 8)], [(0, 4), (4, 8), (6, 10)], [(0, 2)])
    """
    if 0 < count < length:
        yield 0, count
        return
    for start in range(0, count - length + 1, length):
        yield start, start + length
    if count > length and count % length >= length // 2:
        yield count - length, count


def cut_all(
    arrays: Iterable[Samples], length: int, *, repeat: bool = True
) -> tuple[list[Samples], NDArray[np.intp]]:
    """Cut each of several arrays of samples into segments.

    Returns
    -------
    The segments [s], and where each begins and stops [s, 2] where the arrays lie one behind the
    other.
    """
    parts: list[Samples] = []
    found: list[tuple[int, int]] = []
    at = 0
    for samples in arrays:
        parts += cut(samples, length, repeat=repeat)
        found += [(at + start, at + stop) for start, stop in places(len(samples), length)]
        at += len(samples)
    return parts, np.array(found, dtype=np.intp).reshape(-1, 2)


def sounding(segments: Sequence[Samples]) -> list[Samples]:
    """Return the segments that are not silent.

    Raises
    ------
    FeatureError
        There are none.
    """
    if not segments:
        raise FeatureError("nothing of it was heard")
    loud = [segment for segment in segments if rms(segment) > QUIET]
    if not loud:
        raise FeatureError("what was heard of it is silent")
    return loud


def rms(samples: NDArray[np.floating]) -> float:
    """Return the root mean square of samples [n], in double precision."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def leveled(segments: Sequence[Samples], level: float) -> list[Samples]:
    """Bring segments of one recording, together, to a root mean square."""
    overall = np.sqrt(np.mean([rms(segment) ** 2 for segment in segments]))
    gain = np.float32(level / overall)
    return [segment * gain for segment in segments]
