"""The space in which learned features are compared, fitted to the labelled tracks of a library.

Every number is standardized first. Half of the distance is then the cosine of what is left, the
sound as the network hears it; the other half is the cosine after a linear projection onto the
directions that separate the library's genres best beside how much tracks of one genre differ
(discriminant analysis of Fisher, 1936, and Rao, 1948, with a shrunk covariance as by Friedman,
1989). The first half keeps sounds apart that the labels do not; the second attends to the labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.metrics import Float, Float64, normalize

# Chosen by leave-one-artist-out; docs/how-it-decides.md has the table.
SHRINKAGE = 0.3
PROJECTED_SHARE = 0.5


class Space:
    """Maps vectors [n, d] to unit vectors whose cosine distance is the fitted one.

    Parameters
    ----------
    vectors
        Vectors [n, d] to fit to.
    labels
        Their genres [n], as numbers.
    """

    def __init__(self, vectors: Float, labels: NDArray[np.intp]) -> None:
        self._mean = vectors.mean(axis=0, dtype=np.float64)
        deviation = vectors.std(axis=0, dtype=np.float64)
        # A number that never changes says nothing; dividing by one leaves it at zero.
        self._deviation = np.where(deviation > 1e-9, deviation, 1.0)
        self._center, self._directions = discriminant(self._standardize(vectors), labels)

    def _standardize(self, vectors: Float) -> Float64:
        standard: Float64 = (vectors - self._mean) / self._deviation
        return standard

    def embed(self, vectors: Float) -> NDArray[np.float32]:
        """Return the embedded vectors [n, d + directions], each of length 1 at most."""
        standard = self._standardize(vectors)
        if self._directions.shape[1] == 0:
            return normalize(standard).astype(np.float32)
        projected = (standard - self._center) @ self._directions
        halves = [
            np.sqrt(PROJECTED_SHARE) * normalize(projected),
            np.sqrt(1 - PROJECTED_SHARE) * normalize(standard),
        ]
        return np.concatenate(halves, axis=1).astype(np.float32)


def discriminant(vectors: Float64, labels: NDArray[np.intp]) -> tuple[Float64, Float64]:
    """Return what separates the genres.

    Parameters
    ----------
    vectors
        Standardized vectors [n, d].
    labels
        Genres [n], as numbers; each counts the same, however many tracks it has.

    Returns
    -------
    The mean of the genres' means [d] and the directions [d, m], m the number of genres less one but
    at most d: after the projection the covariance within genres is the identity.
    """
    dimension = vectors.shape[1]
    means = []
    within = np.zeros((dimension, dimension))
    present = np.unique(labels)
    for label in present:
        members = vectors[labels == label]
        mean = members.mean(axis=0)
        means.append(mean)
        centered = members - mean
        within += centered.T @ centered / (len(members) * len(present))
    center = np.mean(means, axis=0)
    within = shrink(within, SHRINKAGE)
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    n_directions = min(len(present) - 1, dimension)
    _, _, axes = np.linalg.svd((np.stack(means) - center) @ whiten.T, full_matrices=False)
    return center, whiten.T @ axes[:n_directions].T


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
        self._mean = vectors.mean(axis=0, dtype=np.float64)
        centered = vectors - self._mean
        covariance = shrink(centered.T @ centered / len(vectors), FAMILIARITY_SHRINKAGE)
        self._whiten = np.linalg.inv(np.linalg.cholesky(covariance))

    def strangeness(self, vectors: Float, unsettled: Float64 | float = 0.0) -> Float64:
        """Return how strange each vector [n, d] is [n].

        ``unsettled`` is the part of the square [n] that comes of having heard little of a song.
        """
        white = (vectors - self._mean) @ self._whiten.T
        square = np.mean(np.square(white), axis=1) - unsettled
        strange: Float64 = np.sqrt(np.maximum(square, 0.0))
        return strange


FAMILIARITY_SHRINKAGE = 0.05
