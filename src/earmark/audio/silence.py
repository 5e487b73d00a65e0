"""Checks of the samples themselves: sound, silence, and numbers that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from earmark.errors import AudioNotFinite, AudioSilent
from earmark.words import say

SILENCE = 1e-4
"""Half the distance of highest and lowest sample below which a recording is silent: -80 dB.

A 16-bit recording of nothing, with dither, stays below it. A constant offset is silent too.
"""

SILENT = "there is only silence in it; choose another recording"

_BEYOND_ANY_LEVEL = 1e11  # 32-bit integers that were saved as floats by mistake stay below it
_MOST_ENERGY = 1e22  # less than its square; a sum of squares below it needs no closer look
_FEW = 0.01  # the part of a block that may be no numbers

FEW_NOT_FINITE = say("a few samples are no numbers; they are taken for zero")


class LevelCheck:
    """Looks at the samples of one recording as they pass.

    Parameters
    ----------
    path
        For the messages.
    warn
        Takes a warning.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path
        self.count = 0
        self._warn = warn
        self._low, self._high = np.inf, -np.inf

    def finite(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return samples [n, channels] with zeros for the few that are no numbers.

        No numbers are NaN, the infinities, and what is beyond any level. One or two are what a
        faulty effect leaves behind; where there are many, all of the file is in doubt.

        Raises
        ------
        AudioNotFinite
            There are more than a few.
        """
        # The sum of squares is infinite or NaN if any sample is: one pass, no temporary array.
        flat = samples.ravel(order="K")
        with np.errstate(over="ignore", invalid="ignore"):
            energy = float(np.dot(flat, flat))
            if energy < _MOST_ENERGY:
                return samples
            is_number = np.abs(samples) < _BEYOND_ANY_LEVEL
        bad = samples.size - int(np.count_nonzero(is_number))
        if not bad:
            return samples
        if bad > max(1, _FEW * samples.size):
            raise AudioNotFinite(
                self.path,
                "many samples are infinite, not a number or absurdly large;"
                " export the sound again from its source",
            )
        self._warn(FEW_NOT_FINITE)
        return np.where(is_number, samples, np.float32(0.0))

    def update(self, samples: NDArray[np.float32]) -> None:
        """Take note of more mono samples [n]."""
        if len(samples):
            self.count += len(samples)
            self._low = min(self._low, float(samples.min()))
            self._high = max(self._high, float(samples.max()))

    @property
    def is_silent(self) -> bool:
        """Whether all samples so far are (nearly) equal."""
        return not self._high - self._low > 2 * SILENCE

    def finish(self) -> None:
        """Raise AudioSilent where all that passed was silent."""
        if self.count and self.is_silent:
            raise AudioSilent(self.path, SILENT)
