"""How two vectors are compared: each similarity ranks tracks by one inner product.

A similarity turns the tracks of a library (``keys``) and a query (``queries``) into vectors whose
inner product ranks the tracks as their distance does, so that every engine that can do inner
products can find candidates. What is shown, voted with and compared with a limit is computed from
the vectors themselves, in double precision (``ranks``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices, blocks
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
# Of so many vectors what is computed on the way stays in a processor's cache.
_ROWS_A_BLOCK = 512


class Similarity(Protocol):
    """A way to compare vectors, fitted to the tracks of a library where it needs that.

    A rank grows with the distance: it is what the inner product of a query and a key approximates.
    """

    def exact(self, vectors: Float, *, track: bool = True) -> Float64:
        """Return vectors [n, d] in the form in which pairs are compared [n, e].

        That of a track (``track``) is the same to the last digit whatever stands beside it.
        """
        ...

    def keys(self, vectors: Float, exact: Float64) -> Float:
        """Return the keys [n, m] of tracks [n, d], given their exact form [n, e], too."""
        ...

    def queries(self, vectors: Float, exact: Float64) -> Float:
        """Return queries [q, d], or [q, e], as they are multiplied with the keys [q, m]."""
        ...

    def ranks(self, queries: Float64, numbers: Indices, tracks: Float64, which: Indices) -> Float64:
        """Return the ranks [p] of query ``numbers[p]`` and track ``which[p]``, exactly.

        Equal vectors have rank 0, but for vectors that have no direction.

        Parameters
        ----------
        queries, tracks
            In their exact form [q, e] and [n, e].
        numbers, which
            Rows of these [p].
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

    def exact(self, vectors: Float, *, track: bool = True) -> Float64:
        """Return the unit vectors [n, d]; what has no direction is not a number."""
        exact = np.empty(vectors.shape)
        for part in blocks(len(vectors), _ROWS_A_BLOCK):
            exact[part] = self.unit(vectors[part].astype(np.float64))
        nowhere = ~exact.any(axis=1)
        if nowhere.any():
            exact[nowhere] = np.nan
        return exact

    def keys(self, vectors: Float, exact: Float64) -> Float:
        """Return the negative unit vectors and 1 [n, d + 1]."""
        keys = _beside(exact, 1.0)
        np.negative(keys[:, :-1], out=keys[:, :-1])
        return keys

    def queries(self, vectors: Float, exact: Float64) -> Float:
        """Return the unit vectors and 1 [q, d + 1]."""
        return _beside(exact, 1.0)

    def ranks(self, queries: Float64, numbers: Indices, tracks: Float64, which: Indices) -> Float64:
        """Return the distances of pairs, as half the square of a difference.

        That of equal vectors is 0, where 1 − cos would be what rounding left.
        """
        steps = tracks[which]
        steps -= queries[numbers]
        halves = 0.5 * squares(steps)
        return np.nan_to_num(halves, copy=False, nan=1.0)

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

    def exact(self, vectors: Float, *, track: bool = True) -> Float64:
        """Return the vectors [n, d] themselves."""
        return vectors.astype(np.float64)

    def keys(self, vectors: Float, exact: Float64) -> Float:
        """Return −2 x, x² and 1 [n, d + 2]."""
        centered = exact - self._center
        lengths = squares(centered)[:, None]
        return np.concatenate([-2 * centered, lengths, np.ones((len(centered), 1))], 1)

    def queries(self, vectors: Float, exact: Float64) -> Float:
        """Return x, 1 and x² [q, d + 2]."""
        centered = exact - self._center
        lengths = squares(centered)[:, None]
        return np.concatenate([centered, np.ones((len(centered), 1)), lengths], 1)

    def ranks(self, queries: Float64, numbers: Indices, tracks: Float64, which: Indices) -> Float64:
        """Return the squared distances of pairs."""
        steps = tracks[which]
        steps -= queries[numbers]
        return squares(steps)

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


def _beside(units: Float64, number: float) -> Float:
    """Return vectors [n, d] with a number beside each, in single precision [n, d + 1].

    What is not a number becomes 0.
    """
    keys = np.empty((len(units), units.shape[1] + 1), dtype=np.float32)
    keys[:, :-1] = units
    keys[:, -1] = number
    if not len(units) or not np.isnan(keys[:, 0]).any():
        return keys
    return np.nan_to_num(keys, copy=False)


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
