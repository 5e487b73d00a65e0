"""Checks of the samples themselves: sound, silence, and numbers that are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.errors import AudioNotFinite, AudioSilent

SILENCE = 1e-4
"""Half the distance of highest and lowest sample below which a recording is silent: -80 dB.

A 16-bit recording of nothing, with dither, stays below it. A constant offset is silent too.
"""

SILENT = "there is only silence in it; choose another recording"

# Sum of squares of a block. 32-bit integers that were saved as floats by mistake stay below it.
_MOST_ENERGY = 1e28


class LevelCheck:
    """Looks at the samples of one recording as they pass.

    Parameters
    ----------
    path
        For the messages.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        self._low, self._high = np.inf, -np.inf

    def require_finite(self, samples: NDArray[np.float32]) -> None:
        """Raise AudioNotFinite where a sample is no number, infinite, or beyond any level."""
        # The sum of squares is infinite or NaN if any sample is: one pass, no temporary array.
        flat = samples.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            energy = float(np.dot(flat, flat))
        if not energy < _MOST_ENERGY:
            raise AudioNotFinite(
                self.path,
                "some samples are infinite, not a number or absurdly large;"
                " export the sound again from its source",
            )

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
