"""Every track as a point in the plane: the two directions in which the library varies most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark.library import Snapshot
from earmark.neighbors import Voter
from earmark.web.served import map_points

MOST_MOVED = 0.05
"""Until this share of the tracks has changed, all others stay where they are on the map."""

BLOCK = 8_192
"""Tracks that are projected at once, so that very many take no memory beside their points."""


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

    @cached_property
    def packed(self) -> bytes:
        """The points as one body of bytes, made once."""
        return map_points.pack(self.snapshot, self.points, self.share)

    def places_of(self, track_ids: list[int]) -> dict[int, tuple[float, float]]:
        """Return the points of those tracks that have one, by their ids."""
        rows = self.snapshot.rows_of(track_ids)
        points = self.points[rows].tolist()
        return {
            track_id: (x, y)
            for track_id, (x, y) in zip(self.snapshot.ids[rows].tolist(), points, strict=True)
        }

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
    mean, covariance = _moments(snapshot, voter)
    spread = np.sqrt(np.diag(covariance)) if voter.parameters.majority else np.ones(len(mean))
    scale = np.where(spread > 0, spread, 1.0)
    # Its eigenvectors are the axes of the SVD, at a cost linear in n.
    variances, directions = np.linalg.eigh(covariance / np.outer(scale, scale))
    axes = directions[:, ::-1][:, :2]
    # The sign of an axis is arbitrary; fix it, so that a map looks the same every time.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    plane = np.empty((len(snapshot), 2))
    for rows, compared in _compared(snapshot, voter):
        plane[rows] = ((compared - mean) / scale) @ axes
    low, high = plane.min(axis=0), plane.max(axis=0)
    middle, extent = (high + low) / 2, (high - low) / 2
    extent = np.where(extent > 0, extent, 1.0)
    share = np.clip(variances[::-1][:2], 0, None) / max(variances.sum(), np.finfo(float).tiny)
    points = (plane - middle) / extent
    return Projection(snapshot, voter, points, mean, scale, axes, middle, extent, share)


def _compared(snapshot: Snapshot, voter: Voter) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield some rows after others, with their vectors as the voter compares them [b, m]."""
    for start in range(0, len(snapshot), BLOCK):
        rows = slice(start, min(start + BLOCK, len(snapshot)))
        yield rows, np.asarray(voter.points(snapshot.vectors[rows]), dtype=np.float64)


def _moments(snapshot: Snapshot, voter: Voter) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean [m] and covariance [m, m] of the vectors as the voter compares them.

    They are taken from the first of them, so that no digits are lost where all lie far from 0, and
    a number that is the same in all of them has no variance at all.
    """
    first = np.asarray(voter.points(snapshot.vectors[:1]), dtype=np.float64)[0]
    total, products = np.zeros(len(first)), np.zeros((len(first), len(first)))
    for _, compared in _compared(snapshot, voter):
        apart = compared - first
        total += apart.sum(axis=0)
        products += apart.T @ apart
    offset = total / len(snapshot)
    covariance = products / len(snapshot) - np.outer(offset, offset)
    np.fill_diagonal(covariance, np.clip(np.diag(covariance), 0, None))
    return first + offset, covariance


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
        self._making: tuple[Snapshot, Future[Projection]] | None = None

    def current(self) -> Projection:
        """Return the projection of the library as it is now.

        It is made once for each state of the library: who asks meanwhile waits for it, and nobody
        else does.

        Raises
        ------
        LibraryEmpty
            It has no labelled tracks.
        """
        voter, snapshot = self._current()
        with self._lock:
            known = self._projection
            if known is not None and known.snapshot is snapshot:
                return known
            if self._making is not None and self._making[0] is snapshot:
                made, is_mine = self._making[1], False
            else:
                made, is_mine = Future[Projection](), True
                self._making = snapshot, made
        if is_mine:
            self._make(known, voter, snapshot, made)
        return made.result()

    def _make(
        self, known: Projection | None, voter: Voter, snapshot: Snapshot, made: Future[Projection]
    ) -> None:
        """Make a projection, or follow the last one, and hand it to all who wait."""
        projection = known
        try:
            # Threads of small products wait busily for each other where the cores are not free.
            with threadpool_limits(1, user_api="blas"):
                followed = None if known is None else known.follow(snapshot, voter)
                projection = followed or project(snapshot, voter)
            made.set_result(projection)
        except BaseException as error:
            made.set_exception(error)
        with self._lock:
            # One of a newer state may have begun meanwhile, and then it is the one to keep.
            if self._making is not None and self._making[1] is made:
                self._projection, self._making = projection, None

    def place(self, vector: NDArray[np.floating]) -> tuple[float, float]:
        """Return the point of one more vector [d]."""
        return self.current().place(vector)
