"""How two vectors are compared: each metric turns distance into one inner product.

A metric prepares the tracks of a library once (``keys``) and each query once (``queries``); the
distances of all queries to all tracks are then one matrix product. So every engine that can do
inner products can search every metric exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.features.gaussian import N_COEFFICIENTS, unpack

Float: TypeAlias = NDArray[np.floating]
Float64: TypeAlias = NDArray[np.float64]

_UPPER = np.triu_indices(N_COEFFICIENTS)
_SCALE = np.where(_UPPER[0] == _UPPER[1], 1.0, np.sqrt(2.0))

# Gaussians are inverted in blocks of this many, so that memory does not grow with a library; fewer
# than that few are inverted one by one.
_BLOCK = 512
_FEW = 32
_LEAST_PIVOT = 1e-14
# Between these, squares and their sums are far from the limits of double precision.
LEVEL = (1e-3, 1e6)
LARGEST = 1e150
LARGEST_SCALELESS = 1e304
MOST_DECADES = 100.0
_N_HALF = len(_SCALE) + N_COEFFICIENTS + 1


class Index(Protocol):
    """Prepared tracks: answers how far queries are from each of them."""

    def prepare(self, queries: Float) -> Float:
        """Return query vectors [q, d] in the form that is compared [q, m]."""
        return queries

    def compare(self, prepared: Float) -> Float:
        """Return the distances [q, n] of prepared queries [q, m] to the n tracks."""
        ...

    def distances(self, queries: Float) -> Float:
        """Return the distances [q, n] of query vectors [q, d] to the n tracks."""
        return self.compare(self.prepare(queries))


def symmetrized_kl(a: Float64, b: Float64) -> float:
    """Return the symmetrized Kullback–Leibler divergence of two packed Gaussians [104].

    D(a, b) = tr(Σa⁻¹Σb) + tr(Σb⁻¹Σa) + (μa−μb)ᵀ(Σa⁻¹+Σb⁻¹)(μa−μb) − 2d: the plain
    double-precision formula, for one pair.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = unpack(a), unpack(b)
    inverse_a, inverse_b = np.linalg.inv(covariance_a), np.linalg.inv(covariance_b)
    step = mean_a - mean_b
    return float(
        np.trace(inverse_a @ covariance_b)
        + np.trace(inverse_b @ covariance_a)
        + step @ (inverse_a + inverse_b) @ step
        - 2 * len(step)
    )


class GaussianIndex(Index):
    """Packed Gaussians [n, 104] under the symmetrized Kullback–Leibler divergence.

    With P = Σ⁻¹, S = Σ + μμᵀ and ``vech`` the upper triangle with its off-diagonal entries times
    √2, the divergence is one inner product of 210 numbers:

        moments    M = [ vech(S) , √2 μ   , 1        ]
        precisions N = [ vech(P) , −√2 Pμ , μᵀPμ − d ]
        D(a, b)      = M(a) · N(b) + N(a) · M(b)

    It does not change under an affine map of the features, so these are first whitened by the
    tracks' mean and pooled covariance; then single precision is enough.
    """

    def __init__(self, vectors: Float) -> None:
        means, covariances = unpack(vectors)
        self._center = means.mean(axis=0)
        pooled = covariances.mean(axis=0) + np.cov(means.T, bias=True)
        # The inverse of a Cholesky factor whitens: L⁻¹ Σ L⁻ᵀ = I.
        self._whiten: Float64 = np.linalg.inv(np.linalg.cholesky(pooled))
        self._whiten_triangle = congruence(self._whiten)
        # A query's precisions meet the tracks' moments, and its moments their precisions.
        keys = self.prepare(vectors).T
        self._keys = np.concatenate([keys[_N_HALF:], keys[:_N_HALF]])

    def prepare(self, queries: Float) -> Float:
        """Return the moments and precisions of vectors [q, 104] side by side [q, 210]."""
        halves = np.empty((2 * _N_HALF, len(queries)), dtype=np.float32)
        for start in range(0, len(queries), _BLOCK):
            block = slice(start, start + _BLOCK)
            halves[:_N_HALF, block], halves[_N_HALF:, block] = self._halves(queries[block])
        return halves.T

    def _halves(self, vectors: Float) -> tuple[Float, Float]:
        """Return the moments and the precisions of vectors [n, 104], both [105, n]."""
        means = self._whiten @ (vectors[:, :N_COEFFICIENTS] - self._center).T
        triangles = self._whiten_triangle @ vectors[:, N_COEFFICIENTS:].T
        inverses = invert_all(triangles)
        shifts = np.einsum("ijn,jn->in", inverses, means)
        rows, columns = _UPPER
        moments = [
            (triangles + means[rows] * means[columns]) * _SCALE[:, None],
            np.sqrt(2.0) * means,
            np.ones((1, len(vectors))),
        ]
        precisions = [
            inverses[rows, columns] * _SCALE[:, None],
            -np.sqrt(2.0) * shifts,
            np.sum(means * shifts, axis=0, keepdims=True) - N_COEFFICIENTS,
        ]
        return (
            np.concatenate(moments, dtype=np.float32),
            np.concatenate(precisions, dtype=np.float32),
        )

    def compare(self, prepared: Float) -> Float:
        """Return the divergences [q, n], at least 0, in single precision."""
        product: Float = prepared @ self._keys
        # Rounding can put a copy a little below zero.
        return np.abs(product, out=product)


def congruence(matrix: Float64) -> Float64:
    """Return the map [m, m] from the upper triangle [m] of a symmetric Σ to that of A Σ Aᵀ."""
    rows, columns = _UPPER
    straight = matrix[rows][:, rows] * matrix[columns][:, columns]
    crossed = matrix[rows][:, columns] * matrix[columns][:, rows]
    return straight + np.where(rows == columns, 0.0, crossed)


def invert_all(triangles: Float64) -> Float64:
    """Return the inverses [d, d, n] of n positive definite matrices with upper triangles [m, n].

    A few go to LAPACK one by one. Many are inverted together, by Cholesky's factors L and their
    inverses X in P = XᵀX, each number of them for all n at once: twice as fast.
    """
    n_matrices = triangles.shape[1]
    rows, columns = _UPPER
    d = N_COEFFICIENTS
    # Column i of ``inverse`` will keep column i of L until row i of X is known, then that of X.
    full, inverse = np.empty((2, d, d, n_matrices))
    full[rows, columns] = triangles
    full[columns, rows] = triangles
    if n_matrices < _FEW:
        one_by_one = np.linalg.inv(full.transpose(2, 0, 1))
        return np.asarray(one_by_one.transpose(1, 2, 0), dtype=np.float64)
    # Rounding alone may make a nearly singular matrix indefinite.
    least = _LEAST_PIVOT * full[np.arange(d), np.arange(d)]
    for j in range(d):
        row = full[j]
        row[:j] = 0
        row -= np.einsum("cn,cin->in", inverse[:j, j], inverse[:j])
        pivot = np.sqrt(np.maximum(row[j], least[j]))
        inverse[:j, j] = 0
        np.divide(row, pivot, out=inverse[j])
        np.divide(1, pivot, out=inverse[j, j])
    for j in range(d):
        full[j, : j + 1] = np.einsum("cn,cin->in", inverse[j:, j], inverse[j:, : j + 1])
        full[:j, j] = full[j, :j]
    return full


class CosineIndex(Index):
    """Vectors [n, d] under the cosine distance, 1 − cos of the angle, from 0 to 2."""

    def __init__(self, vectors: Float) -> None:
        self._keys = normalize(vectors)

    def prepare(self, queries: Float) -> Float:
        """Return the vectors at length 1."""
        return normalize(queries)

    def compare(self, prepared: Float) -> Float:
        """Return the distances [q, n]; a vector of zeros is at distance 1 from everything."""
        product = 1 - prepared @ self._keys.T
        return np.maximum(product, 0, out=product)


class EuclideanIndex(Index):
    """Vectors [n, d] under the Euclidean distance."""

    def __init__(self, vectors: Float) -> None:
        self._center = np.mean(vectors, axis=0, dtype=np.float64)
        self._keys = np.asarray(vectors - self._center, dtype=np.float64)
        self._squares = np.sum(self._keys**2, axis=1)

    def prepare(self, queries: Float) -> Float:
        """Return the vectors from the tracks' mean."""
        return np.asarray(queries - self._center, dtype=np.float64)

    def compare(self, prepared: Float) -> Float:
        """Return the distances [q, n]."""
        product: Float = prepared @ self._keys.T
        product *= -2
        product += np.sum(prepared**2, axis=1)[:, None]
        product += self._squares
        return np.sqrt(np.maximum(product, 0, out=product), out=product)


def normalize(vectors: Float) -> Float:
    """Return the vectors [n, d] at length 1, whatever their scale; those of zeros stay zeros."""
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Squares of very large numbers are infinite, those of very small ones zero.
    limits = np.finfo(lengths.dtype)
    least = np.sqrt(limits.tiny) / limits.eps
    odd = np.flatnonzero(~((lengths[:, 0] > least) & np.isfinite(lengths[:, 0])))
    if len(odd):
        vectors = np.array(vectors)
        largest = np.abs(vectors[odd]).max(axis=1, keepdims=True, initial=0)
        # A power of two changes no digit.
        vectors[odd] = np.ldexp(vectors[odd], -np.frexp(largest)[1])
        lengths[odd] = np.linalg.norm(vectors[odd], axis=1, keepdims=True)
    normalized: Float = vectors / np.where(lengths > 0, lengths, 1)
    return normalized


def leveled(vectors: Float) -> tuple[Float, float]:
    """Bring vectors [n, d] to a scale at which they can be squared.

    Returns
    -------
    The vectors times a power of two, which changes no digit, and that power. It is 1 wherever the
    largest number is neither very large nor very small.
    """
    largest = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0)))
    if largest == 0 or LEVEL[0] <= largest <= LEVEL[1]:
        return vectors, 1.0
    power = float(np.ldexp(1.0, -int(np.frexp(largest)[1])))
    return vectors.astype(np.float64) * power, power


def comparable(vectors: Float, metric: str) -> NDArray[np.bool_]:
    """Tell which of the vectors [n, d] double precision can compare with the others [n].

    Squares must be finite. The cosine has no scale, so there only the common one of a library
    counts, and how far a vector is from it.
    """
    sizes = np.abs(vectors).max(axis=1).astype(np.float64)
    if not METRICS[metric].scaleless:
        small: NDArray[np.bool_] = sizes <= LARGEST
        return small
    there = sizes > 0
    usual = float(np.median(sizes[there])) if there.any() else 1.0
    near = np.abs(np.log10(np.where(there, sizes, usual)) - np.log10(usual)) <= MOST_DECADES
    within = (sizes <= LARGEST_SCALELESS) & (sizes >= 1 / LARGEST_SCALELESS)
    fits: NDArray[np.bool_] = near & within | ~there
    return fits


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to compare vectors.

    Attributes
    ----------
    name
        What a library records.
    index
        Prepares vectors [n, d].
    near_zero
        Two recordings nearer than this are the same one.
    plain
        Whether the classic majority vote is the default for such vectors.
    scaleless
        Whether a vector and a multiple of it are the same.
    likely_share
        Two recordings nearer than this part of the usual distance around them seem to be one
        recording in two forms.
    """

    name: str
    index: Callable[[Float], Index]
    near_zero: float
    plain: bool = False
    scaleless: bool = False
    likely_share: float = 0.14


# Of the 1,000 GTZAN recordings under the divergence, the 14 pairs of exact copies lie below 3e-5 in
# single precision (0 in double) and the nearest other pair, one song mastered twice, at 0.0097.
# The 13 further pairs below the likely share are each of one song; from 0.15 on stand movements of
# one sonata. Under the cosine of the default network's vectors, 11 clips and their lossy forms are
# below 0.009, and the nearest other pair at 0.06. A distance that is not a squared one, as the
# Euclidean is, shrinks less.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("gaussian-kl", GaussianIndex, near_zero=2e-3, plain=True),
        Metric("cosine", CosineIndex, near_zero=1e-6, scaleless=True, likely_share=0.02),
        Metric("euclidean", EuclideanIndex, near_zero=1e-6),
    )
}
