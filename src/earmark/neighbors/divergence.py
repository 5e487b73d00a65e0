"""The symmetrized Kullback–Leibler divergence of Gaussians, as one inner product and exactly."""

from __future__ import annotations

import numpy as np

from earmark.features.gaussian import N_COEFFICIENTS, unpack
from earmark.neighbors.arrays import Float, Float64, Indices, blocks

_UPPER = np.triu_indices(N_COEFFICIENTS)
_DIAGONAL = _UPPER[0] == _UPPER[1]
_ROOT = np.sqrt(2.0)
_SCALE = np.where(_DIAGONAL, 1.0, _ROOT)

# Gaussians are inverted in blocks of this many, so that memory does not grow with a library; fewer
# than that few are inverted one by one.
_BLOCK = 512
_FEW = 32
_LEAST_PIVOT = 1e-14
_N_HALF = len(_SCALE) + N_COEFFICIENTS + 1
_TRIANGLE, _MEAN = slice(0, len(_SCALE)), slice(len(_SCALE), _N_HALF - 1)


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


class Divergence:
    """Packed Gaussians [n, 104] under the symmetrized Kullback–Leibler divergence.

    With P = Σ⁻¹, S = Σ + μμᵀ and ``vech`` the upper triangle with its off-diagonal entries times
    √2, the divergence is one inner product of 210 numbers:

        moments    M = [ vech(S) , √2 μ   , 1        ]
        precisions N = [ vech(P) , −√2 Pμ , μᵀPμ − d ]
        D(a, b)      = M(a) · N(b) + N(a) · M(b)

    Since M(a) · N(a) = 0, it is also

        D(a, b) = −(M(a) − M(b)) · (N(a) − N(b)),

    in which nothing large cancels: it is exactly 0 for equal Gaussians, however near to singular
    they are, since their moments are equal whatever rounding does to the inverses. It does not
    change either where the features of all tracks are moved and scaled alike, which is done where
    candidates are found, so that single precision is enough for that.

    Parameters
    ----------
    vectors
        The tracks [n, 104] by whose mean and deviation features are moved and scaled.
    """

    def __init__(self, vectors: Float) -> None:
        n = len(vectors)
        total, squares = np.zeros(vectors.shape[1]), np.zeros(N_COEFFICIENTS)
        for part in blocks(n):
            total += vectors[part].sum(axis=0, dtype=np.float64)
        mean = total / n
        center = mean[:N_COEFFICIENTS]
        for part in blocks(n):
            squares += np.square(vectors[part, :N_COEFFICIENTS] - center).sum(axis=0)
        variances = mean[N_COEFFICIENTS:][_DIAGONAL] + squares / n
        self._set(center, 1 / np.sqrt(np.maximum(variances, 1e-300)))

    @classmethod
    def moved(cls, center: Float64, scale: Float64) -> Divergence:
        """Return the divergence with the moving and scaling of features [13] of another."""
        other = object.__new__(cls)
        other._set(center, scale)
        return other

    @property
    def moving(self) -> tuple[Float64, Float64]:
        """What is taken from features [13], and what they are multiplied by then [13]."""
        return self._center, self._scale

    def _set(self, center: Float64, scale: Float64) -> None:
        rows, columns = _UPPER
        self._center, self._scale = center, scale
        self._scale_triangle = self._scale[rows] * self._scale[columns]
        # The map from the numbers of a triangle P, as they are kept, to P times the center.
        self._times_center = np.zeros((len(_SCALE), N_COEFFICIENTS))
        self._times_center[np.arange(len(_SCALE)), rows] = center[columns] / _SCALE
        self._times_center[np.arange(len(_SCALE)), columns] = center[rows] / _SCALE

    def exact(self, vectors: Float, *, track: bool = True) -> Float64:
        """Return the moments and precisions of vectors [n, 104] side by side [n, 210].

        Those of tracks are the same whatever they are computed with, and whatever the library.
        """
        whole = np.empty((len(vectors), 2 * _N_HALF))
        rows, columns = _UPPER
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            moments, precisions = whole[block].T[:_N_HALF], whole[block].T[_N_HALF:]
            means, triangles = _parts(vectors[block])
            inverses = invert_all(triangles, 0 if track else _FEW)
            shifts = np.einsum("ijn,jn->in", inverses, means)
            triangles += means[rows] * means[columns]
            np.multiply(triangles, _SCALE[:, None], out=moments[_TRIANGLE])
            np.multiply(means, _ROOT, out=moments[_MEAN])
            moments[-1] = 1.0
            np.multiply(inverses[rows, columns], _SCALE[:, None], out=precisions[_TRIANGLE])
            np.multiply(shifts, -_ROOT, out=precisions[_MEAN])
            precisions[-1] = np.einsum("in,in->n", means, shifts) - N_COEFFICIENTS
        return whole

    def queries(self, vectors: Float, exact: Float64) -> Float:
        """Return scaled moments and precisions [q, 210] in single precision."""
        whole = np.empty(exact.shape, dtype=np.float32)
        rows, columns = _UPPER
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            moments, precisions = whole[block, :_N_HALF], whole[block, _N_HALF:]
            known = exact[block, _N_HALF:]
            means, triangles = _parts(vectors[block])
            means = (means - self._center[:, None]) * self._scale[:, None]
            triangles *= self._scale_triangle[:, None]
            triangles += means[rows] * means[columns]
            with np.errstate(over="ignore"):
                np.multiply(triangles.T, _SCALE, out=moments[:, _TRIANGLE], casting="same_kind")
                np.multiply(means.T, _ROOT, out=moments[:, _MEAN], casting="same_kind")
                moments[:, -1] = 1.0
                precisions[:, _TRIANGLE] = known[:, _TRIANGLE] / self._scale_triangle
                shifts = known[:, _MEAN] + _ROOT * (known[:, _TRIANGLE] @ self._times_center)
                shifts /= self._scale
                precisions[:, _MEAN] = shifts
                precisions[:, -1] = np.einsum("in,ni->n", means, shifts) / -_ROOT - N_COEFFICIENTS
        return whole

    def keys(self, vectors: Float, exact: Float64) -> Float:
        """Return scaled precisions and moments [n, 210] in single precision."""
        # A query's precisions meet the tracks' moments, and its moments their precisions.
        return np.roll(self.queries(vectors, exact), _N_HALF, axis=1)

    def ranks(self, queries: Float64, numbers: Indices, tracks: Float64, which: Indices) -> Float64:
        """Return the divergences of pairs, exactly."""
        steps = tracks[which]
        steps -= queries[numbers]
        # Not by BLAS, whose sums depend on how many there are. Rounding can put what is nearly
        # equal a little below zero.
        products: Float64 = np.einsum("ij,ij->i", steps[:, :_N_HALF], steps[:, _N_HALF:])
        np.abs(products, out=products)
        return products

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks as distances: they are the divergences."""
        return ranks

    def rank(self, distances: Float64) -> Float64:
        """Return distances as ranks."""
        return distances

    def coordinates(self, vectors: Float) -> Float64:
        """Return the scaled means and the logarithms of the scaled variances [n, 26]."""
        coordinates = np.empty((len(vectors), 2 * N_COEFFICIENTS))
        for part in blocks(len(vectors)):
            means = vectors[part, :N_COEFFICIENTS] - self._center
            coordinates[part, :N_COEFFICIENTS] = means * self._scale
            spread = vectors[part, N_COEFFICIENTS:][:, _DIAGONAL] * np.square(self._scale)
            coordinates[part, N_COEFFICIENTS:] = np.log(np.maximum(spread, 1e-300))
        return coordinates

    def least_rank(self, low: Float64, high: Float64, lows: Float64, highs: Float64) -> Float64:
        """Return a bound below the divergence of Gaussians in a box and in others [b].

        No direction alone tells two Gaussians better apart than all together. In one, with
        variances v and w, the divergence is v/w + w/v − 2 + (1/v + 1/w) (difference of means)².
        """
        d = N_COEFFICIENTS
        gaps = np.maximum(np.maximum(lows - high, low - highs), 0.0)
        of_means = np.square(gaps[:, :d]) * (np.exp(-high[d:]) + np.exp(-highs[:, d:]))
        of_variances = 2 * np.cosh(np.minimum(gaps[:, d:], 600.0)) - 2
        least: Float64 = np.max(of_means + of_variances, axis=1)
        return least


def _parts(vectors: Float) -> tuple[Float64, Float64]:
    """Return the means [13, n] and triangles [91, n] of vectors [n, 104], in double precision."""
    numbers = vectors.T.astype(np.float64)
    return numbers[:N_COEFFICIENTS], numbers[N_COEFFICIENTS:]


def invert_all(triangles: Float64, few: int = _FEW) -> Float64:
    """Return the inverses [d, d, n] of n positive definite matrices with upper triangles [m, n].

    Fewer than ``few`` go to LAPACK one by one, which is quicker. Others are inverted together, by
    Cholesky's factors L and their inverses X in P = XᵀX, each number of them for all n at once:
    twice as fast, and each the same whatever stands beside it.
    """
    n_matrices = triangles.shape[1]
    rows, columns = _UPPER
    d = N_COEFFICIENTS
    # Column i of ``inverse`` will keep column i of L until row i of X is known, then that of X.
    full, inverse = np.empty((2, d, d, n_matrices))
    full[rows, columns] = triangles
    full[columns, rows] = triangles
    if n_matrices < few:
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
