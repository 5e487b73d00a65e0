"""Where in a song its most telling part is: that which is most like the whole of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.extraction import loaded
from earmark.listen import listen_windows

SECONDS = 20.0
"""Length of the part."""

_STEP = 5.0
_MOST_WINDOWS = 60


def telling_part(path: str, extractor: dict[str, Any], duration: float) -> float:
    """Return where the most telling part of a file begins, in seconds; a worker process does it.

    Parameters
    ----------
    path
        The file.
    extractor
        The spec of the extractor, as its ``to_json`` gives it.
    duration
        Of the file in seconds.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    if duration <= 1.25 * SECONDS:
        return 0.0
    step = max(_STEP, duration / _MOST_WINDOWS)
    starts, vectors = listen_windows(path, loaded(extractor), step=step)
    return most_typical(starts, np.asarray(vectors, dtype=np.float64), round(SECONDS / step))


def most_typical(starts: NDArray[np.float64], vectors: NDArray[np.float64], windows: int) -> float:
    """Return the start of the run of windows that are nearest to the median of all.

    Every number counts by its deviation over the windows. Windows are compared one by one, so that
    a run with a piece of the introduction does not pass for the mean of the song.

    Parameters
    ----------
    starts, vectors
        Of the windows: seconds [w] and embeddings [w, d].
    windows
        How many make a run, at least one.

    >>> most_typical(np.array([0.0, 5.0, 10.0]), np.array([[9.0], [3.0], [0.0]]), 1)
    5.0
    """
    count = int(np.clip(windows, 1, len(starts)))
    deviation = vectors.std(axis=0)
    points = (vectors - np.median(vectors, axis=0)) / np.where(deviation > 0, deviation, 1.0)
    strangeness = np.square(points).sum(axis=1)
    runs = np.convolve(strangeness, np.ones(count), mode="valid")
    return float(starts[int(np.argmin(runs))])
