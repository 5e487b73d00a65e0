"""The space in which learned features are compared, fitted to the tracks of a library.

Every number is standardized, so that each of them counts the same, and the angle between two
vectors is taken. Some tracks are then near to everything, others to nothing (hubs and orphans, as
in every space of many dimensions: Radovanović, Nanopoulos and Ivanović, 2010), so each distance is
measured by how far the track's own neighbors are from it (local scaling: Zelnik-Manor and Perona,
2004; for music: Schnitzer, Flexer, Schedl and Widmer, 2012). No label is used.
"""

from __future__ import annotations

import numpy as np

from earmark.neighbors.metrics import Float, Float64, Index, leveled, normalize
from earmark.neighbors.search import Indices, thin

# From how many tracks the neighborhood of each is estimated, at most.
MOST_SCALED_BY = 1_000
LEAST_REACH = 1e-3
FAMILIARITY_SHRINKAGE = 0.05


class Space(Index):
    """Labelled tracks in standardized space, with the reach of each.

    The distance of a query to a track is 1 − exp(−d² / (σ̄ σ)): d is the cosine distance of the
    standardized vectors, σ that from the track to its k-th neighbor and σ̄ the median σ. It lies
    between 0 and 1.

    Parameters
    ----------
    vectors
        The tracks [n, d].
    k
        Which neighbor tells the reach of a track.
    learn_from
        Rows of ``vectors`` from which the scales are taken; None: all.
    """

    def __init__(self, vectors: Float, k: int, learn_from: Indices | None = None) -> None:
        known = vectors if learn_from is None else vectors[learn_from]
        level, power = leveled(known)
        self._mean = level.mean(axis=0, dtype=np.float64) / power
        deviation = level.std(axis=0, dtype=np.float64)
        # A number that never changes says nothing; dividing by one leaves it at zero.
        self._deviation = np.where(deviation > 1e-9, deviation, 1.0) / power
        self._keys = self.embed(vectors)
        rows = np.arange(len(vectors)) if learn_from is None else learn_from
        reaches = reach(self._keys, rows, k)
        self._scales = np.median(reaches[rows]) * reaches

    def embed(self, vectors: Float) -> Float:
        """Return the standardized vectors [n, d] at length 1."""
        return normalize((vectors - self._mean) / self._deviation).astype(np.float32)

    def compare(self, prepared: Float) -> Float:
        """Return the distances [q, n] of queries that are embedded [q, d] to the tracks."""
        cosine = 1 - prepared @ self._keys.T
        np.square(cosine, out=cosine)
        cosine /= self._scales
        return -np.expm1(-cosine)


def reach(points: Float, rows: Indices, k: int) -> Float:
    """Return the cosine distance [n] of each point to its k-th neighbor among some of them.

    Parameters
    ----------
    points
        Unit vectors [n, d].
    rows
        Those of ``points`` to choose from. Of more than ``MOST_SCALED_BY`` an even sample is taken,
        and a neighbor that is as much nearer in rank.
    k
        Which neighbor.
    """
    among = thin(rows, MOST_SCALED_BY)
    nth = int(np.clip(round(k * len(among) / len(rows)), 1, len(among) - 1))
    distances = 1 - points @ points[among].T
    # Copies of a track are at distance zero; with no reach at all, nothing else would be near it.
    return np.maximum(np.partition(distances, nth, axis=1)[:, nth], LEAST_REACH)


def shrink(covariance: Float64, amount: float) -> Float64:
    """Return a covariance [d, d] moved by ``amount`` toward the identity of the same trace.

    A covariance of zeros becomes the identity times ``amount``.
    """
    level = float(np.trace(covariance)) / len(covariance) or 1.0
    shrunk: Float64 = (1 - amount) * covariance + amount * level * np.eye(len(covariance))
    return shrunk


class Familiarity:
    """How strange a vector is to a library as a whole, whatever its genres.

    The strangeness is the Mahalanobis distance to the library's mean under its covariance, shrunk,
    divided by the square root of the dimension: about 1 for a vector like those of the library.

    Parameters
    ----------
    vectors
        Vectors [n, d] of the library.
    """

    def __init__(self, vectors: Float) -> None:
        level, self._power = leveled(vectors)
        mean = level.mean(axis=0, dtype=np.float64)
        self._mean = mean / self._power
        centered = level - mean
        covariance = shrink(centered.T @ centered / len(vectors), FAMILIARITY_SHRINKAGE)
        self._whiten = np.linalg.inv(np.linalg.cholesky(covariance))

    def strangeness(self, vectors: Float, unsettled: Float64 | float = 0.0) -> Float64:
        """Return how strange each vector [n, d] is [n].

        ``unsettled`` is the part of the square [n] that comes of having heard little of a song.
        """
        white = ((vectors - self._mean) * self._power) @ self._whiten.T
        square = np.mean(np.square(white), axis=1) - unsettled
        strange: Float64 = np.sqrt(np.maximum(square, 0.0))
        return strange
