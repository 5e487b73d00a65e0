"""The symmetrized Kullback–Leibler divergence of Gaussians, as one inner product and exactly."""

from __future__ import annotations

import numpy as np

from earmark.features.gaussian import N_COEFFICIENTS, unpack
from earmark.neighbors.arrays import Float, Float64, Indices, PairRanks, blocks

_UPPER = np.triu_indices(N_COEFFICIENTS)
_DIAGONAL = _UPPER[0] == _UPPER[1]
_SCALE = np.where(_DIAGONAL, 1.0, np.sqrt(2.0))
# How often each number of a triangle stands in its matrix.
_TIMES = np.where(_DIAGONAL, 1.0, 2.0)

# Gaussians are inverted in blocks of this many, so that memory does not grow with a library; fewer
# than that few are inverted one by one.
_BLOCK = 512
_FEW = 32
_LEAST_PIVOT = 1e-14
_N_HALF = len(_SCALE) + N_COEFFICIENTS + 1


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

    It does not change under an affine map of the features, so these are first whitened by the
    tracks' mean and pooled covariance; then single precision is enough to find candidates. Exactly
    it is computed as

        D(a, b) = tr((Pa − Pb)(Σb − Σa)) + (μa−μb)ᵀ(Pa+Pb)(μa−μb),

    in which nothing large cancels: it is 0 for equal Gaussians, however near to singular they are.

    Parameters
    ----------
    vectors
        The tracks that whiten.
    """

    def __init__(self, vectors: Float) -> None:
        n = len(vectors)
        total, squares = np.zeros(vectors.shape[1]), np.zeros((N_COEFFICIENTS, N_COEFFICIENTS))
        for part in blocks(n):
            total += vectors[part].sum(axis=0, dtype=np.float64)
        self._center, within = unpack(total / n)
        for part in blocks(n):
            steps = vectors[part, :N_COEFFICIENTS] - self._center
            squares += steps.T @ steps
        # The inverse of a Cholesky factor whitens: L⁻¹ Σ L⁻ᵀ = I.
        self._whiten: Float64 = np.linalg.inv(np.linalg.cholesky(within + squares / n))
        self._whiten_triangle = congruence(self._whiten)

    def queries(self, vectors: Float) -> Float:
        """Return the moments and precisions of vectors [q, 104] side by side [q, 210]."""
        halves = np.empty((2 * _N_HALF, len(vectors)), dtype=np.float32)
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            halves[:_N_HALF, block], halves[_N_HALF:, block] = self._halves(vectors[block])
        return halves.T

    def keys(self, vectors: Float) -> Float:
        """Return the precisions and moments of vectors [n, 104] side by side [n, 210]."""
        # A query's precisions meet the tracks' moments, and its moments their precisions.
        return np.roll(self.queries(vectors), _N_HALF, axis=1)

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
        with np.errstate(over="ignore"):
            return (
                np.concatenate(moments, dtype=np.float32),
                np.concatenate(precisions, dtype=np.float32),
            )

    def pairs(self, queries: Float, tracks: Float) -> PairRanks:
        """Return what computes the divergence of pairs, exactly."""
        both = _precisions(np.concatenate([queries, tracks]))
        precisions = both[: len(queries)], both[len(queries) :]
        rows, columns = _UPPER

        def ranks(numbers: Indices, which: Indices) -> Float64:
            steps = tracks[which].astype(np.float64) - queries[numbers]
            means = steps[:, :N_COEFFICIENTS]
            of_query, of_track = precisions[0][numbers], precisions[1][which]
            sums = of_query + of_track
            sums *= means[:, rows]
            sums *= means[:, columns]
            of_query -= of_track
            of_query *= steps[:, N_COEFFICIENTS:]
            of_query += sums
            # Rounding can put what is nearly equal a little below zero.
            # Not by BLAS, whose sums depend on how many there are.
            divergences: Float64 = np.einsum("ij,j->i", of_query, _TIMES)
            return np.abs(divergences)

        return ranks

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks as distances: they are the divergences."""
        return ranks

    def rank(self, distances: Float64) -> Float64:
        """Return distances as ranks."""
        return distances

    def coordinates(self, vectors: Float) -> Float64:
        """Return the whitened means and the logarithms of the whitened variances [n, 26]."""
        coordinates = np.empty((len(vectors), 2 * N_COEFFICIENTS))
        variances = self._whiten_triangle[_DIAGONAL]
        for part in blocks(len(vectors)):
            means = vectors[part, :N_COEFFICIENTS] - self._center
            coordinates[part, :N_COEFFICIENTS] = means @ self._whiten.T
            spread = vectors[part, N_COEFFICIENTS:] @ variances.T
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


def _precisions(vectors: Float) -> Float64:
    """Return the upper triangles of the inverse covariances [n, 91] of vectors [n, 104].

    Each is the same whatever it is computed with.
    """
    inverses = np.empty((len(vectors), len(_SCALE)))
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        triangles = vectors[block, N_COEFFICIENTS:].T.astype(np.float64)
        inverses[block] = invert_all(triangles, few=0)[_UPPER].T
    return inverses


def congruence(matrix: Float64) -> Float64:
    """Return the map [m, m] from the upper triangle [m] of a symmetric Σ to that of A Σ Aᵀ."""
    rows, columns = _UPPER
    straight = matrix[rows][:, rows] * matrix[columns][:, columns]
    crossed = matrix[rows][:, columns] * matrix[columns][:, rows]
    return straight + np.where(rows == columns, 0.0, crossed)


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
