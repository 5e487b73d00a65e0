"""A track as one Gaussian of its frames: how it is accumulated, packed and kept invertible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import FeatureError

N_COEFFICIENTS = 13
N_PACKED = N_COEFFICIENTS + N_COEFFICIENTS * (N_COEFFICIENTS + 1) // 2
_UPPER = np.triu_indices(N_COEFFICIENTS)

# A covariance whose smallest eigenvalue is this small beside its largest cannot be inverted in
# double precision with any digit left that means something; music is at 1e-5 to 1e-3.
SINGULAR_RATIO = 1e-10
SHRINKAGE = 1e-6

Float64 = NDArray[np.float64]


def pack(mean: ArrayLike, covariance: ArrayLike) -> Float64:
    """Write Gaussians as vectors: the mean, then the covariance's upper triangle, row by row.

    Parameters
    ----------
    mean
        Means [..., 13].
    covariance
        Covariances [..., 13, 13]; only the upper triangle is read.

    Returns
    -------
    Vectors [..., 104].
    """
    means = np.asarray(mean, dtype=np.float64)
    covariances = np.asarray(covariance, dtype=np.float64)
    return np.concatenate([means, covariances[..., _UPPER[0], _UPPER[1]]], axis=-1)


def unpack(vectors: ArrayLike) -> tuple[Float64, Float64]:
    """Read vectors [..., 104] back as means [..., 13] and covariances [..., 13, 13]."""
    packed = np.asarray(vectors, dtype=np.float64)
    covariance = np.empty((*packed.shape[:-1], N_COEFFICIENTS, N_COEFFICIENTS))
    triangle = packed[..., N_COEFFICIENTS:]
    covariance[..., _UPPER[0], _UPPER[1]] = triangle
    covariance[..., _UPPER[1], _UPPER[0]] = triangle
    return packed[..., :N_COEFFICIENTS], covariance


class RunningGaussian:
    """Mean and covariance of frames that arrive in blocks.

    Blocks are merged by the update of Chan, Golub and LeVeque (1979), so that the result does not
    depend on where one block ends and the next begins, and memory does not grow.
    """

    def __init__(self, dimension: int = N_COEFFICIENTS) -> None:
        self.n_frames = 0
        self._mean = np.zeros(dimension)
        self._scatter = np.zeros((dimension, dimension))

    def update(self, frames: NDArray[np.floating]) -> None:
        """Take in frames [n, dimension]."""
        n_new = len(frames)
        if n_new == 0:
            return
        block = frames.astype(np.float64)
        mean = block.mean(axis=0)
        centered = block - mean
        step = mean - self._mean
        n_total = self.n_frames + n_new
        self._scatter += centered.T @ centered
        self._scatter += np.outer(step, step) * (self.n_frames * n_new / n_total)
        self._mean = self._mean + step * (n_new / n_total)
        self.n_frames = n_total

    def result(self) -> tuple[Float64, Float64]:
        """Return the mean [d] and the unbiased covariance [d, d].

        Raises
        ------
        FeatureError
            Fewer frames than coefficients and one, so that no covariance can be inverted.
        """
        dimension = len(self._mean)
        if self.n_frames < dimension + 1:
            raise FeatureError(
                f"only {self.n_frames} frames; a Gaussian of {dimension} coefficients needs "
                f"at least {dimension + 1} — use a longer recording"
            )
        return self._mean.copy(), self._scatter / (self.n_frames - 1)


def regularize(covariance: Float64) -> Float64:
    """Return the covariance [d, d] itself, or shrunk toward a multiple of the identity.

    Only a covariance that is singular for double precision (a pure tone, a loop of one frame) is
    changed: by ``SHRINKAGE`` toward the identity times the mean of its eigenvalues.

    Raises
    ------
    FeatureError
        The covariance is zero: every frame is the same.
    """
    eigenvalues = np.linalg.eigvalsh(covariance)
    if not np.isfinite(eigenvalues[-1]) or eigenvalues[-1] < 1e-12:
        raise FeatureError("every moment sounds the same, so there is nothing to compare")
    if eigenvalues[0] > SINGULAR_RATIO * eigenvalues[-1]:
        return covariance
    level = float(np.trace(covariance)) / len(covariance)
    shrunk: Float64 = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * np.eye(len(covariance))
    return shrunk
