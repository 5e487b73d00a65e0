"""How two vectors are compared: each similarity ranks tracks by one inner product.

A similarity turns the tracks of a library (``keys``) and a query (``queries``) into vectors whose
inner product ranks the tracks as their distance does, so that every engine that can do inner
products can find candidates. What is shown, voted with and compared with a limit is computed from
the vectors themselves, in double precision (``pairs``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, PairRanks, blocks
from earmark.neighbors.divergence import Divergence

# Between these, squares and their sums are far from the limits of double precision.
LEVEL = (1e-3, 1e6)
LARGEST = 1e150
LARGEST_SCALELESS = 1e304
MOST_DECADES = 100.0
# Principal components that part far tracks from near ones, and from about how many tracks they are
# taken.
N_COORDINATES = 8
SAMPLED = 2_000


class Similarity(Protocol):
    """A way to compare vectors, fitted to the tracks of a library where it needs that.

    A rank grows with the distance: it is what the inner product of a query and a key approximates.
    """

    def keys(self, vectors: Float) -> Float:
        """Return the keys [n, m] of tracks [n, d]."""
        ...

    def queries(self, vectors: Float) -> Float:
        """Return queries [q, d] in the form that is multiplied with the keys [q, m]."""
        ...

    def pairs(self, queries: Float, tracks: Float) -> PairRanks:
        """Return what computes the ranks of pairs of queries [q, d] and tracks [n, d] exactly.

        Equal vectors have rank 0, but for vectors that have no direction.
        """
        ...

    def coordinates(self, vectors: Float) -> Float64:
        """Return a few coordinates [n, c] by which vectors [n, d] that are far apart are told."""
        ...

    def least_rank(self, low: Float64, high: Float64, lows: Float64, highs: Float64) -> Float64:
        """Return a bound below all ranks between two boxes of coordinates.

        Parameters
        ----------
        low, high
            The corners of one box [c].
        lows, highs
            Those of b others [b, c].

        Returns
        -------
        The bounds [b].
        """
        ...

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks of any shape as distances."""
        ...

    def rank(self, distances: Float64) -> Float64:
        """Return distances of any shape as ranks."""
        ...


class Cosine:
    """The cosine distance, 1 − cos of the angle, from 0 to 2; the rank is the distance itself.

    A vector of zeros is at distance 1 from everything.

    Parameters
    ----------
    prepare
        Applied to vectors [n, d] first; None: nothing.
    """

    def __init__(self, prepare: Callable[[Float], Float] | None = None) -> None:
        self._prepare = prepare

    def unit(self, vectors: Float) -> Float:
        """Return the vectors [n, d] as they are compared, at length 1."""
        return normalize(vectors if self._prepare is None else self._prepare(vectors))

    def keys(self, vectors: Float) -> Float:
        """Return the negative unit vectors and 1 [n, d + 1]."""
        return _beside(-self.unit(vectors), 1.0)

    def queries(self, vectors: Float) -> Float:
        """Return the unit vectors and 1 [q, d + 1]."""
        return _beside(self.unit(vectors), 1.0)

    def pairs(self, queries: Float, tracks: Float) -> PairRanks:
        """Return what computes the distances of pairs, as half the square of a difference.

        That of equal vectors is 0, where 1 − cos would be what rounding left.
        """
        one, other = (self.unit(vectors.astype(np.float64)) for vectors in (queries, tracks))
        nowhere = [np.flatnonzero(~vectors.any(axis=1)) for vectors in (one, other)]

        def ranks(numbers: Indices, which: Indices) -> Float64:
            steps = other[which]
            steps -= one[numbers]
            halves = 0.5 * squares(steps)
            if len(nowhere[0]) or len(nowhere[1]):
                halves[np.isin(numbers, nowhere[0]) | np.isin(which, nowhere[1])] = 1.0
            return halves

        return ranks

    def coordinates(self, vectors: Float) -> Float64:
        """Return the first principal components of the unit vectors [n, c]."""
        return principal_components(lambda part: self.unit(vectors[part]), len(vectors))

    def least_rank(self, low: Float64, high: Float64, lows: Float64, highs: Float64) -> Float64:
        """Return half the square of the distance between boxes; a projection adds to none."""
        gaps = np.maximum(np.maximum(lows - high, low - highs), 0.0)
        return 0.5 * squares(gaps)

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks as distances: they are the same."""
        return ranks

    def rank(self, distances: Float64) -> Float64:
        """Return distances as ranks."""
        return distances


class Euclidean:
    """The Euclidean distance; the rank is its square. Candidates are found in double precision.

    Parameters
    ----------
    vectors
        Tracks, from whose mean the inner products are taken.
    """

    def __init__(self, vectors: Float) -> None:
        self._center = mean_of(vectors)

    def keys(self, vectors: Float) -> Float:
        """Return −2 x, x² and 1 [n, d + 2]."""
        centered = np.asarray(vectors - self._center, dtype=np.float64)
        lengths = squares(centered)[:, None]
        return np.concatenate([-2 * centered, lengths, np.ones((len(centered), 1))], 1)

    def queries(self, vectors: Float) -> Float:
        """Return x, 1 and x² [q, d + 2]."""
        centered = np.asarray(vectors - self._center, dtype=np.float64)
        lengths = squares(centered)[:, None]
        return np.concatenate([centered, np.ones((len(centered), 1)), lengths], 1)

    def pairs(self, queries: Float, tracks: Float) -> PairRanks:
        """Return what computes the squared distances of pairs."""

        def ranks(numbers: Indices, which: Indices) -> Float64:
            steps = tracks[which].astype(np.float64)
            steps -= queries[numbers]
            return squares(steps)

        return ranks

    def coordinates(self, vectors: Float) -> Float64:
        """Return the first principal components of the vectors [n, c]."""
        return principal_components(lambda part: vectors[part] - self._center, len(vectors))

    def least_rank(self, low: Float64, high: Float64, lows: Float64, highs: Float64) -> Float64:
        """Return the square of the distance between boxes; a projection adds to none."""
        gaps = np.maximum(np.maximum(lows - high, low - highs), 0.0)
        return squares(gaps)

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks as distances: their roots."""
        return np.sqrt(ranks)

    def rank(self, distances: Float64) -> Float64:
        """Return distances as ranks: their squares."""
        return np.square(distances)


def squares(vectors: Float) -> Float64:
    """Return the squared lengths [n] of vectors [n, d], in double precision."""
    lengths: Float64 = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return lengths


def _beside(vectors: Float, number: float) -> Float:
    """Return vectors [n, d] with a number beside each, in single precision [n, d + 1]."""
    keys = np.empty((len(vectors), vectors.shape[1] + 1), dtype=np.float32)
    keys[:, :-1] = vectors
    keys[:, -1] = number
    return keys


def principal_components(rows: Callable[[slice], Float], n: int) -> Float64:
    """Return the first principal components [n, at most ``N_COORDINATES``] of n vectors.

    Parameters
    ----------
    rows
        Returns the vectors [m, d] of a part of the rows.
    n
        How many there are.
    """
    some = np.asarray(rows(slice(0, n, max(1, n // SAMPLED))), dtype=np.float64)
    some = some - some.mean(axis=0)
    _, directions = np.linalg.eigh(some.T @ some)
    axes = directions[:, ::-1][:, :N_COORDINATES]
    return np.concatenate([rows(part) @ axes for part in blocks(n)])


def mean_of(vectors: Float) -> Float64:
    """Return the mean [d] of vectors [n, d], in double precision."""
    total = np.zeros(vectors.shape[1])
    for part in blocks(len(vectors)):
        total += vectors[part].sum(axis=0, dtype=np.float64)
    return total / len(vectors)


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
    fit
        Makes the similarity, given the vectors [n, d] of a library.
    near_zero
        Two recordings nearer than this are the same one.
    majority
        Whether the classic majority vote is the default for such vectors.
    scaleless
        Whether a vector and a multiple of it are the same.
    likely_share
        Two recordings nearer than this part of the usual distance around them seem to be one
        recording in two forms.
    """

    name: str
    fit: Callable[[Float], Similarity]
    near_zero: float
    majority: bool = False
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
        Metric("gaussian-kl", Divergence, near_zero=2e-3, majority=True),
        Metric("cosine", lambda _: Cosine(), near_zero=1e-6, scaleless=True, likely_share=0.02),
        Metric("euclidean", Euclidean, near_zero=1e-6),
    )
}
