"""What worker processes do for the server: a song's embedding first, then its picture.

The answer does not wait for the picture, which has a call of its own behind the answers of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.audio import open_recording
from earmark.extraction import TOLD_OF, Extracted, Looked, extract, loaded, look
from earmark.features import FeatureExtractor, Samples, Vector
from earmark.listen import listen_windows
from earmark.workers import report_progress

PEAKS = 600
"""Points of a waveform."""

SHORTEST_SEGMENT = 5.0
MOST_SEGMENTS = 120
PEAK_RATE = 4000
"""In Hz; enough to see where a song is loud, and cheap."""


@dataclass(frozen=True, slots=True)
class Analyzed:
    """What the vote needs to know of a song."""

    looked: Looked
    extracted: Extracted


@dataclass(frozen=True, slots=True)
class Picture:
    """How a song goes on over time.

    Attributes
    ----------
    peaks
        How loud it is, at most ``PEAKS`` numbers in [0, 1].
    starts, vectors
        Of its segments: seconds [w] and embeddings [w, d].
    step
        Seconds of a segment.
    """

    peaks: NDArray[np.float32]
    starts: NDArray[np.float64]
    vectors: NDArray[np.floating]
    step: float


def hear(path: str, extractor: dict[str, Any], max_duration: float) -> Analyzed:
    """Hear a song.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    return Analyzed(
        look(path), extract(path, extractor, max_duration=max_duration, segments=TOLD_OF)
    )


def picture(path: str, extractor: dict[str, Any], duration: float) -> Picture:
    """Follow a song of ``duration`` seconds over time.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    peaks = waveform(path, duration, lambda done: report_progress(0.3 * done))
    step = max(SHORTEST_SEGMENT, duration / MOST_SEGMENTS)
    expected = max(1, round(duration / step))
    watched = _Watched(
        loaded(extractor), lambda count: report_progress(0.3 + 0.7 * count / expected)
    )
    starts, vectors = listen_windows(path, watched, step=step)
    return Picture(peaks, starts, np.asarray(vectors, dtype=np.float64), step)


def waveform(
    path: str, duration: float, progress: Callable[[float], None] | None = None
) -> NDArray[np.float32]:
    """Return how loud a file is over time: the largest absolute sample of equal parts.

    Parameters
    ----------
    path
        Any sound file.
    duration
        Of the file in seconds; what goes beyond it falls into the last part.
    progress
        Called with the share that is done, now and then.

    Returns
    -------
    At most ``PEAKS`` numbers in [0, 1].

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    total = max(1, round(duration * PEAK_RATE))
    count = min(PEAKS, total)
    peaks = np.zeros(count, dtype=np.float32)
    done = 0
    with open_recording(path) as recording:
        for block in recording.blocks(PEAK_RATE):
            at = np.minimum((done + np.arange(len(block))) * count // total, count - 1)
            np.maximum.at(peaks, at, np.abs(block))
            done += len(block)
            if progress is not None:
                progress(min(1.0, done / total))
    return np.clip(peaks, 0, 1)


class _Watched:
    """A feature extractor that tells how many segments it has done."""

    def __init__(self, inner: FeatureExtractor, tell: Callable[[int], None]) -> None:
        self._inner = inner
        self._tell = tell
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def extract(self, segments: Iterable[Samples]) -> Vector:
        vector = self._inner.extract(segments)
        self._count += 1
        self._tell(self._count)
        return vector
