"""Every track as a point in the plane: the two directions in which the library varies most."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.library import Library, Snapshot


@dataclass(frozen=True)
class Chart:
    """A map of one revision of a library.

    Attributes
    ----------
    snapshot
        The tracks.
    points
        [n, 2], about 0 with the largest absolute coordinate 1.
    mean, scale, axes
        What takes a vector there: [d], [d], [d, 2].
    share
        The part of the variance that each axis shows [2].
    """

    snapshot: Snapshot
    points: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    axes: NDArray[np.float64]
    share: NDArray[np.float64]

    def place(self, vector: NDArray[np.floating]) -> tuple[float, float]:
        """Return the point of one more vector [d]."""
        x, y = ((np.asarray(vector, dtype=np.float64) - self.mean) / self.scale) @ self.axes
        return float(x), float(y)


def chart(snapshot: Snapshot) -> Chart:
    """Project the tracks on their first two principal components.

    Every number of a vector is brought to variance 1 first, since the numbers have different units.
    """
    vectors = np.asarray(snapshot.vectors, dtype=np.float64)
    mean = vectors.mean(axis=0)
    spread = vectors.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    scaled = (vectors - mean) / scale
    # The axes of the d x d covariance are those of the SVD, at a cost that grows only with n.
    variances, directions = np.linalg.eigh(scaled.T @ scaled)
    axes = directions[:, ::-1][:, :2]
    # The sign of an axis is arbitrary; fix it, so that a map looks the same every time.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    points = scaled @ axes
    largest = np.abs(points).max() or 1.0
    share = variances[::-1][:2] / max(variances.sum(), np.finfo(float).tiny)
    return Chart(snapshot, points / largest, mean, scale, axes / largest, share)


class StarMap:
    """The chart of a library, made anew when the library has changed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._chart: Chart | None = None

    def chart(self) -> Chart:
        """Return the chart of the library as it is now."""
        with self._lock:
            snapshot = self._library.snapshot()
            if self._chart is None or self._chart.snapshot.revision != snapshot.revision:
                self._chart = chart(snapshot)
            return self._chart

    def place(self, vector: NDArray[np.floating]) -> tuple[float, float]:
        """Return the point of one more vector [d]."""
        return self.chart().place(vector)
