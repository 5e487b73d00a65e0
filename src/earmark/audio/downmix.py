"""From many channels to one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from earmark.audio.silence import SILENCE
from earmark.audio.source import Source
from earmark.words import say

# The mean of n unrelated channels has 1/n of their mean energy. That of channels in opposite phase
# has none, or, behind lossy coding, what the coder got wrong. Below this part of 1/n the mean is
# not what anybody hears.
_CANCELED = 0.04
_PROBES, _PROBE_FRAMES = 8, 8192


class Mixer:
    """The mean of the channels, or one channel where the channels cancel out.

    Which of the two is decided once for a recording, so that every span of it is mixed alike: only
    if the mean is next to silent beside its channels at all of several places, spread over the
    file, the loudest channel stands for the recording.

    Parameters
    ----------
    open_source
        Opens the file once more, to look at those places.
    warn
        Takes a warning when one channel is chosen.
    """

    def __init__(self, open_source: Callable[[], Source], warn: Callable[[str], None]) -> None:
        self._open_source, self._warn = open_source, warn
        self._channel: int | None = None
        self._is_decided = False

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mono samples [n] of a block [n, channels]."""
        channels = block.shape[1]
        if channels == 1:
            return block[:, 0]
        if self._channel is None:
            mono = _mean(block)
            if self._is_decided or not _cancels(_energies(block), float(np.dot(mono, mono))):
                return mono
            self._decide(block)
            if self._channel is None:
                return mono
        return np.ascontiguousarray(block[:, self._channel])

    def _decide(self, block: NDArray[np.float32]) -> None:
        energies, mixed = np.zeros(block.shape[1]), 0.0
        source = self._open_source()
        try:
            for i in range(_PROBES):
                source.seek(source.frames * i // _PROBES)
                probe = source.read(_PROBE_FRAMES)
                mono = _mean(probe)
                energies += _energies(probe)
                mixed += float(np.dot(mono, mono))
        finally:
            source.close()
        self._is_decided = True
        if not energies.any():
            # All places are silent, so the passage at hand is all that is known of the recording.
            energies = _energies(block)
        if _cancels(energies, mixed):
            self._channel = int(np.argmax(energies))
            self._warn(
                say(
                    "the channels cancel out; only channel %(channel)s is used",
                    channel=self._channel + 1,
                )
            )


def _mean(block: NDArray[np.float32]) -> NDArray[np.float32]:
    # Column by column: numpy's mean over a short last axis is several times slower.
    channels = block.shape[1]
    total = block[:, 0].astype(np.float32)
    for channel in range(1, channels):
        total += block[:, channel]
    total *= np.float32(1.0 / channels)
    return total


def _energies(block: NDArray[np.float32]) -> NDArray[np.float64]:
    if not len(block):
        return np.zeros(block.shape[1])
    energies: NDArray[np.float64] = np.einsum("nc,nc->c", block, block).astype(np.float64)
    energies[energies < len(block) * SILENCE**2] = 0.0
    return energies


def _cancels(energies: NDArray[np.float64], mixed: float) -> bool:
    return mixed < _CANCELED * float(energies.mean()) / len(energies)
