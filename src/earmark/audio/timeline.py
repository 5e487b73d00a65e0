"""From time stamps in a container to samples.

A span is only worth having if it begins at the sample that it says. How well time stamps tell,
depends on the container:

* MP4 and most formats for sound alone count single samples, or finer. A stamp is a place.
* Matroska, WebM and ASF count milliseconds, about 48 samples. But where all packets hold the same
  number of samples, a place is a multiple of that number, and a millisecond is near enough to tell
  which.
* Elsewhere stamps after a seek are guessed from the bit rate, or packets differ in length. Then
  nothing tells, and a span must be reached by decoding all that comes before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, slots=True)
class Timeline:
    """Places in a stream that counts time in ticks.

    Attributes
    ----------
    ticks
        In a second divided by samples in a second: ticks per sample.
    anchor_stamp, anchor_place
        A stamp, in ticks, and the sample that it stands for.
    step
        Places are whole multiples of this many samples from the anchor; 1 where stamps are fine.
    """

    ticks: Fraction
    anchor_stamp: int
    anchor_place: int
    step: int = 1

    def place(self, stamp: int) -> int:
        """Return the sample that a stamp stands for."""
        steps = round(Fraction(stamp - self.anchor_stamp) / (self.ticks * self.step))
        return self.anchor_place + self.step * steps

    def stamp(self, place: int) -> int:
        """Return the last stamp that is not after a sample."""
        return self.anchor_stamp + int((place - self.anchor_place) * self.ticks // 1)


def is_even(stamps: Sequence[int], ticks_per_packet: Fraction) -> bool:
    """Tell whether packets follow each other at one distance, but for rounding to whole ticks.

    The first packet may be shorter, since encoders cut their lead-in from it.
    """
    if len(stamps) < 3 or ticks_per_packet < 4:
        return False
    rest = np.asarray(stamps[1:], np.int64)
    ideal = rest[0] + np.arange(len(rest)) * float(ticks_per_packet)
    return bool(np.abs(rest - ideal).max() <= 1.01)
