"""How learned features are compared, and how unlike a whole library a vector is.

Every number is standardized, so that each of them counts the same, and the angle between two
vectors is taken. Some tracks are then near to everything, others to nothing (hubs and orphans, as
in every space of many dimensions: Radovanović, Nanopoulos and Ivanović, 2010), so each distance is
measured by how far the track's own neighbors are from it (local scaling: Zelnik-Manor and Perona,
2004; for music: Schnitzer, Flexer, Schedl and Widmer, 2012). No label is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, blocks, subsample
from earmark.neighbors.blocks import Block
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.listed import Finder, Listed
from earmark.neighbors.metrics import Cosine, leveled, mean_of

# From how many tracks the neighborhood of each is estimated, at most.
MOST_SCALED_BY = 1_000
LEAST_SCALE = 1e-3
# The cosines of so many points and those stay in a processor's cache.
_POINTS_A_BLOCK = 256
_FEW = 8
OUTLIER_SHRINKAGE = 0.05


def scaled_distances(ranks: Float64, median: float) -> Float64:
    """Return ranks of locally scaled search as distances, from 0 to 1."""
    distances: Float64 = -np.expm1(-np.square(ranks) / median)
    # What is excluded is infinitely far, not at the largest distance that a track can have.
    return np.where(np.isinf(ranks), np.inf, distances)


class LocalScaling:
    """An index of tracks under locally scaled distances.

    The distance of a query to a track is 1 − exp(−d² / (σ̄ σ)): d is the cosine distance of the
    standardized vectors, σ (the local scale) that from the track to its k-th neighbor and σ̄ the
    median σ. It lies between 0 and 1. Ordering by it is ordering by d / √σ = (1 − q·x) / √σ, the
    inner product of (q, 1) and (−x, 1) / √σ, which every engine for inner products can search.

    Parameters
    ----------
    vectors
        The tracks [n, d].
    k
        Which neighbor tells the local scale of a track.
    learn_from
        Rows of ``vectors`` from which means, deviations and scales are taken; None: all.
    """

    def __init__(self, vectors: Float, k: int, learn_from: Indices | None = None) -> None:
        rows = np.arange(len(vectors)) if learn_from is None else learn_from
        known = vectors if learn_from is None else vectors[learn_from]
        level, power = leveled(known)
        mean = mean_of(level)
        deviation = _deviation(level, mean)
        self._mean = mean / power
        # A number that never changes says nothing; dividing by one leaves it at zero.
        self._deviation = np.where(deviation > 1e-9, deviation, 1.0) / power
        self._cosine = Cosine(self._standardize)
        self._among = self.points(vectors[subsample(rows, MOST_SCALED_BY)])
        self._nth = nth_of(k, len(self._among), len(rows))
        scales: list[Float64] = []

        def weights(exact: Float64) -> Float64:
            scales.append(self._scales(exact))
            return 1 / np.sqrt(scales[-1])

        self._index = BruteForce(self._cosine, vectors, weights)
        self._median = float(np.median(np.concatenate(scales)[rows]))

    @classmethod
    def kept(cls, facts: Mapping[str, NDArray[Any]], blocks: Sequence[Block]) -> Self:
        """Return the index of tracks that was made before, by its `facts` and `parts`."""
        index = object.__new__(cls)
        index._mean, index._deviation = np.array(facts["mean"]), np.array(facts["deviation"])
        index._cosine = Cosine(index._standardize)
        index._among, index._nth = np.array(facts["among"]), int(facts["nth"])
        index._median = float(facts["median"])
        index._index = BruteForce.of_blocks(index._cosine, blocks)
        return index

    def look_at_few(self, finder: Finder, known: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
        """Find the nearest by a finder, as `Listed.of` joins it with these tracks."""
        self._index.listed = Listed.of(finder, known, ids, self._index.keys_of)

    def parts(self) -> Iterator[tuple[Block, Float]]:
        """Yield the tracks in blocks with their keys."""
        return self._index.parts()

    def __len__(self) -> int:
        return len(self._index)

    def _standardize(self, vectors: Float) -> Float:
        standardized: Float = vectors - self._mean
        standardized /= self._deviation
        return standardized

    def _scales(self, exact: Float64) -> Float64:
        """Return the local scales [n] of tracks in their exact form [n, d]."""
        points = exact.astype(np.float32)
        # What has no direction is not a number there.
        points[np.isnan(points[:, 0])] = 0.0
        return local_scales(points, self._among, self._nth)

    def _weights(self, exact: Float64) -> Float64:
        return 1 / np.sqrt(self._scales(exact))

    def facts(self) -> dict[str, NDArray[Any]]:
        """Return what was learned from the tracks, by which `Ranking` does without this index."""
        return {
            "mean": np.asarray(self._mean),
            "deviation": np.asarray(self._deviation),
            "among": self._among,
            "nth": np.array(self._nth),
            "median": np.array(self._median),
        }

    def points(self, vectors: Float) -> Float:
        """Return the standardized vectors [n, d] at length 1, in single precision."""
        return self._cosine.unit(vectors).astype(np.float32)

    def search(
        self,
        queries: Float,
        n_neighbors: int,
        exclude: Sequence[Indices] | None = None,
        *,
        exact: bool = False,
    ) -> tuple[Float64, Indices]:
        """Return the distances and rows [q, min(n_neighbors, n)] of the nearest tracks."""
        ranks, rows = self._index.search(queries, n_neighbors, exclude, exact=exact)
        return self._distances(ranks), rows

    def within(self, queries: Float, radius: Float64 | float) -> tuple[Indices, Indices, Float64]:
        """Return every pair of a query and a track that are nearer than a radius."""
        with np.errstate(divide="ignore"):
            limits = np.sqrt(-np.log1p(-np.minimum(radius, 1.0)) * self._median)
        numbers, rows, ranks = self._index.within(queries, limits)
        return numbers, rows, self._distances(ranks)

    def distances(self, queries: Float) -> Float64:
        """Return the distances [q, n] to all tracks, for small numbers of both."""
        return self._distances(self._index.distances(queries))

    def _distances(self, ranks: Float64) -> Float64:
        return scaled_distances(ranks, self._median)

    def copy(self) -> Self:
        """Return an index of the same tracks that can be changed without changing this one."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._index = self._index.copy()
        return other

    def add(self, vectors: Float, rows: Indices | None = None) -> None:
        """Take in tracks [m, d]; means, deviations and the scales of others stay as they are."""
        self._index.add(vectors, self._weights, rows=rows)

    def remove(self, rows: Indices) -> None:
        """Take tracks out; those behind them move up."""
        self._index.remove(rows)


def nth_of(k: int, n_among: int, n_tracks: int) -> int:
    """Return which neighbor in a sample of ``n_among`` of the tracks is about as far as the k-th.

    The track itself, at distance 0, counts as number 0.
    """
    return int(np.clip(round(k * n_among / n_tracks), 1, n_among - 1))


def local_scales(points: Float, among: Float, nth: int) -> Float64:
    """Return the cosine distance [n] of each point to its n-th neighbor among some others.

    Parameters
    ----------
    points, among
        Unit vectors [n, d] and [m, d].
    nth
        Which neighbor, from 0.

    Returns
    -------
    Distances, at least ``LEAST_SCALE``: copies of a track are at distance zero, and with no scale
    at all nothing else would be near it.
    """
    scales = np.empty(len(points))
    others = np.ascontiguousarray(among.T)
    room = np.empty((min(len(points), _POINTS_A_BLOCK), len(among)), np.result_type(points, among))
    for part in blocks(len(points), _POINTS_A_BLOCK):
        cosines = np.matmul(points[part], others, out=room[: part.stop - part.start])
        if nth <= _FEW:
            # To take out the largest some times is quicker than to sort around one place.
            rows = np.arange(len(cosines))
            for _ in range(nth):
                cosines[rows, cosines.argmax(axis=1)] = -np.inf
            scales[part] = 1 - cosines.max(axis=1)
        else:
            cosines.partition(len(among) - 1 - nth, axis=1)
            scales[part] = 1 - cosines[:, len(among) - 1 - nth]
    return np.maximum(scales, LEAST_SCALE)


def _deviation(vectors: Float, mean: Float64) -> Float64:
    """Return the standard deviation of each number [d] of vectors [n, d]."""
    total = np.zeros_like(mean)
    for part in blocks(len(vectors)):
        centered = vectors[part] - mean
        total += np.square(centered, out=centered).sum(axis=0)
    return np.sqrt(total / len(vectors))


def shrink(covariance: Float64, amount: float) -> Float64:
    """Return a covariance [d, d] moved by ``amount`` toward the identity of the same trace.

    A covariance of zeros becomes the identity times ``amount``.
    """
    level = float(np.trace(covariance)) / len(covariance) or 1.0
    shrunk: Float64 = (1 - amount) * covariance + amount * level * np.eye(len(covariance))
    return shrunk


class OutlierScore:
    """How far a vector is out of a library's distribution, whatever its genres.

    The score is the Mahalanobis distance to the library's mean under its covariance, shrunk,
    divided by the square root of the dimension: about 1 for a vector like those of the library.

    Parameters
    ----------
    vectors
        Vectors [n, d] of the library.
    """

    def __init__(self, vectors: Float) -> None:
        level, self._power = leveled(vectors)
        mean = mean_of(level)
        self._mean = mean / self._power
        covariance = np.zeros((len(mean), len(mean)))
        for part in blocks(len(level)):
            centered = level[part] - mean
            covariance += centered.T @ centered
        self._whiten = np.linalg.inv(
            np.linalg.cholesky(shrink(covariance / len(level), OUTLIER_SHRINKAGE))
        )

    @classmethod
    def kept(cls, facts: Mapping[str, NDArray[Any]]) -> Self:
        """Return the score that was fitted before, by its `facts`."""
        score = object.__new__(cls)
        score._mean, score._whiten = np.array(facts["center"]), np.array(facts["whiten"])
        score._power = float(facts["power"])
        return score

    def facts(self) -> dict[str, NDArray[Any]]:
        """Return what was learned from the vectors."""
        return {"center": self._mean, "whiten": self._whiten, "power": np.array(self._power)}

    def of(self, vectors: Float, unsettled: Float64 | float = 0.0) -> Float64:
        """Return the score of each vector [n, d], as [n].

        ``unsettled`` is the part of the square [n] that comes of having heard little of a song.
        """
        white = ((vectors - self._mean) * self._power) @ self._whiten.T
        square = np.mean(np.square(white), axis=1) - unsettled
        scores: Float64 = np.sqrt(np.maximum(square, 0.0))
        return scores
