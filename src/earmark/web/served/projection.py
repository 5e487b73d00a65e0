"""Every track as a point in the plane: the two directions in which the library varies most."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earmark.library import Snapshot
from earmark.neighbors import Voter

MOST_MOVED = 0.05
"""Until this share of the tracks has changed, all others stay where they are on the map."""


@dataclass(frozen=True)
class Projection:
    """The tracks of one revision of a library as points in the plane.

    Attributes
    ----------
    snapshot
        The tracks.
    voter
        What compares them.
    points
        [n, 2], the middle at 0 and the farthest at 1 or -1 on both axes; what came since the axes
        were chosen may lie beyond.
    mean, scale, axes
        What takes a vector, as the voter compares it, to the plane: [m], [m], [m, 2].
    middle, extent
        Of the plane, before it is brought to [-1, 1]: [2], [2].
    share
        The part of the variance that each axis shows [2].
    moved
        How many tracks have changed since the axes were chosen.
    """

    snapshot: Snapshot
    voter: Voter
    points: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    axes: NDArray[np.float64]
    middle: NDArray[np.float64]
    extent: NDArray[np.float64]
    share: NDArray[np.float64]
    moved: int = 0

    def place(self, vector: NDArray[np.floating]) -> tuple[float, float]:
        """Return the point of one more vector [d]; it may lie beyond all others."""
        x, y = self._places(vector[None])[0]
        return float(x), float(y)

    def _places(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the points [m, 2] of vectors [m, d]."""
        compared = np.asarray(self.voter.points(vectors), dtype=np.float64)
        plane = ((compared - self.mean) / self.scale) @ self.axes
        places: NDArray[np.float64] = (plane - self.middle) / self.extent
        return places

    def follow(self, snapshot: Snapshot, voter: Voter) -> Projection | None:
        """Return the projection with a few tracks that have changed; all others stay in place.

        None where another snapshot came between, where they are many, and where the vote was fitted
        anew.
        """
        if snapshot.since is None or snapshot.since[0] != self.snapshot.revision:
            return None
        moved = self.moved + len(snapshot.since[1])
        if moved > MOST_MOVED * len(snapshot) or voter.parameters != self.voter.parameters:
            return None
        touched = snapshot.since[1].tolist()
        before, after = self.snapshot.rows_of(touched), snapshot.rows_of(touched)
        points = np.empty((len(snapshot), 2))
        points[np.delete(np.arange(len(points)), after)] = np.delete(self.points, before, axis=0)
        points[after] = self._places(snapshot.vectors[after])
        return replace(self, snapshot=snapshot, voter=voter, points=points, moved=moved)


def project(snapshot: Snapshot, voter: Voter) -> Projection:
    """Project the tracks, as the voter compares them, on their first two principal components.

    The classic vote compares Gaussians, whose numbers have different units; they are brought to
    variance 1 first, so its map is a likeness of the distances only.
    """
    compared = np.asarray(voter.points(snapshot.vectors), dtype=np.float64)
    mean = compared.mean(axis=0)
    spread = compared.std(axis=0) if voter.parameters.majority else np.ones(compared.shape[1])
    scale = np.where(spread > 0, spread, 1.0)
    scaled = (compared - mean) / scale
    # The eigenvectors of the m x m covariance are the axes of the SVD, at a cost linear in n.
    variances, directions = np.linalg.eigh(scaled.T @ scaled)
    axes = directions[:, ::-1][:, :2]
    # The sign of an axis is arbitrary; fix it, so that a map looks the same every time.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    plane = scaled @ axes
    low, high = plane.min(axis=0), plane.max(axis=0)
    middle, extent = (high + low) / 2, (high - low) / 2
    extent = np.where(extent > 0, extent, 1.0)
    share = np.clip(variances[::-1][:2], 0, None) / max(variances.sum(), np.finfo(float).tiny)
    points = (plane - middle) / extent
    return Projection(snapshot, voter, points, mean, scale, axes, middle, extent, share)


class ProjectionCache:
    """The projection of a library, made anew when the library has changed.

    Parameters
    ----------
    current
        Returns the vote of the library and its tracks as they are now, the same objects as long as
        nothing has changed.
    """

    def __init__(self, current: Callable[[], tuple[Voter, Snapshot]]) -> None:
        self._current = current
        self._lock = threading.Lock()
        self._projection: Projection | None = None

    def current(self) -> Projection:
        """Return the projection of the library as it is now.

        Raises
        ------
        LibraryEmpty
            It has no labelled tracks.
        """
        with self._lock:
            voter, snapshot = self._current()
            known = self._projection
            if known is None or known.snapshot is not snapshot:
                followed = None if known is None else known.follow(snapshot, voter)
                known = self._projection = followed or project(snapshot, voter)
            return known

    def place(self, vector: NDArray[np.floating]) -> tuple[float, float]:
        """Return the point of one more vector [d]."""
        return self.current().place(vector)
