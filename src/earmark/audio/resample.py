"""Changing the sampling rate of a stream of mono blocks with soxr.

Output sample m stands at m / rate seconds, whatever the blocks. Input and output samples fall on
the same instants every ``period`` input samples, and a span that begins on such an instant comes
out as the same span of the whole does, once the filter has warmed up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUALITY = "HQ"
_WARM_UP = 0.1  # seconds; enough for 1e-6 at 1 kHz, the lowest rate that is accepted


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What to read to get the output samples from ``first`` to ``last``.

    Attributes
    ----------
    read_from, read_to
        Input samples to feed; ``read_to`` None means to the end.
    drop
        Output samples to leave out at the beginning.
    first, last
        Input samples that sound in the output, without those read for the filter's sake; ``last``
        None means to the end.
    keep
        Output samples to keep after those; None means all.
    """

    read_from: int
    read_to: int | None
    first: int
    last: int | None
    drop: int
    keep: int | None

    def end(self, limit: int) -> int:
        """Return ``last``, or ``limit`` where that is less."""
        return limit if self.last is None else max(0, min(self.last, limit))


def plan(native: int, rate: int, first: int, last: int | None) -> ReadPlan:
    """Plan how to get output samples [first, last) at ``rate`` from input at ``native`` Hz."""
    keep = None if last is None else max(0, last - first)
    if native == rate:
        return ReadPlan(first, last, first, last, 0, keep)
    common = math.gcd(native, rate)
    period, out_period = native // common, rate // common
    margin = math.ceil(_WARM_UP * native)
    meeting = max(0, first // out_period - math.ceil(margin / period))
    end = None if last is None else math.ceil(last * native / rate)
    return ReadPlan(
        read_from=meeting * period,
        read_to=None if end is None else end + margin,
        first=first * native // rate,
        last=end,
        drop=first - meeting * out_period,
        keep=keep,
    )


def resample(
    blocks: Iterable[NDArray[np.float32]], native: int, rate: int
) -> Iterator[NDArray[np.float32]]:
    """Yield mono blocks [n] at ``rate`` Hz for mono blocks at ``native`` Hz.

    The samples do not depend on where the blocks begin and end; they are those of ``soxr.resample``
    over the whole. At equal rates the blocks pass unchanged.
    """
    if native == rate:
        yield from blocks
        return
    # Imported where it is needed, as the decoders are.
    import soxr

    stream = soxr.ResampleStream(native, rate, 1, "float32", QUALITY)
    for block in blocks:
        out = stream.resample_chunk(np.ascontiguousarray(block))
        if len(out):
            yield out
    out = stream.resample_chunk(np.empty(0, np.float32), last=True)
    if len(out):
        yield out
