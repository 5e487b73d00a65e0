"""How unlike tracks are to each other, and what share of a library's pairs is farther apart.

The distances of two tracks are symmetric here and corrected for hubs on both sides: with the cosine
distance d of their embeddings, that of tracks a and b is d² / (σa σb), where σ is the distance of a
track to its n-th neighbor (local scaling: Zelnik-Manor and Perona, 2004). Otherwise the same few
tracks, which are near to everything, would stand in every list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.features import ExtractorSpec
from earmark.neighbors.arrays import Float, Float64
from earmark.neighbors.local_scaling import LocalScaling
from earmark.neighbors.metrics import METRICS, Cosine, Similarity

Rows: TypeAlias = NDArray[np.intp]

SCALED_BY = 1_000
"""Among how many tracks, evenly drawn, the n-th neighbor of each is looked for."""

NTH_NEIGHBOR = 10
PAIRS_SAMPLED = 400
LEAST_SCALE = 1e-6
_BLOCK = 4_096


class Measure(Protocol):
    """Tracks, and how far vectors are from them, before hubs are corrected."""

    def __len__(self) -> int: ...

    def of_rows(self, rows: Rows, among: Rows | None = None) -> Float:
        """Return the distances [m, n] of tracks to all, or [m, len(among)] to some."""
        ...

    def of_vectors(self, vectors: Float, among: Rows | None = None) -> Float:
        """Return the same for vectors [m, d] of recordings that are no tracks."""
        ...


class SimilarityMeasure:
    """The distances of a similarity, each by one inner product.

    Parameters
    ----------
    similarity
        How vectors are compared.
    vectors
        The tracks [n, d].
    embed
        Brings vectors of recordings to the space of ``vectors``; None: they are there.

    Examples
    --------
    >>> from earmark.neighbors.metrics import Cosine
    >>> SimilarityMeasure(Cosine(), np.eye(2, dtype=np.float32)).of_rows(np.array([0])).tolist()
    [[0.0, 1.0]]
    """

    def __init__(
        self,
        similarity: Similarity,
        vectors: Float,
        embed: Callable[[Float], Float] | None = None,
    ) -> None:
        self._similarity = similarity
        self._vectors = vectors
        self._embed = embed
        self._keys = np.concatenate(
            [
                similarity.keys(vectors[rows], similarity.exact(vectors[rows]))
                for rows in _blocks(len(vectors))
            ]
        )

    def __len__(self) -> int:
        return len(self._vectors)

    def of_rows(self, rows: Rows, among: Rows | None = None) -> Float:
        """Return the distances [m, n] of tracks to all, or [m, len(among)] to some."""
        return self._of(self._vectors[rows], among)

    def of_vectors(self, vectors: Float, among: Rows | None = None) -> Float:
        """Return the distances of vectors [m, d]."""
        return self._of(vectors if self._embed is None else self._embed(vectors), among)

    def _of(self, vectors: Float, among: Rows | None) -> Float:
        keys = self._keys if among is None else self._keys[among]
        exact = self._similarity.exact(vectors, track=False)
        ranks = self._similarity.queries(vectors, exact) @ keys.T
        # Rounding can put a copy a little below zero.
        return self._similarity.distances(np.maximum(ranks, 0, out=ranks))


def label_free_measure(spec: ExtractorSpec, vectors: Float) -> SimilarityMeasure:
    """Return how far tracks [n, d] are from each other where no label is known.

    As the fitted vote compares them: what it learns without labels is learned from all of them.
    """
    similarity = METRICS[spec.similarity]
    if similarity.majority or len(vectors) < 2:
        return SimilarityMeasure(similarity.fit(vectors), vectors)
    columns = spec.comparison.columns
    scaling = LocalScaling(vectors[:, columns], NTH_NEIGHBOR)

    def points(some: Float) -> Float:
        return scaling.points(some[:, columns])

    return SimilarityMeasure(Cosine(), points(vectors), points)


class Space:
    """Distances of the tracks of a library, corrected for hubs, and their shares of similarity.

    Parameters
    ----------
    measure
        The distances before the correction.
    nth
        Whose distance is the local scale of a track: that to its n-th neighbor.

    Examples
    --------
    >>> from earmark.neighbors.metrics import Cosine
    >>> space = Space(SimilarityMeasure(Cosine(), np.eye(3, dtype=np.float32)))
    >>> space.of_rows(np.array([0])).shape
    (1, 3)
    """

    def __init__(self, measure: Measure, nth: int = NTH_NEIGHBOR) -> None:
        self._measure = measure
        n = len(measure)
        self._sample = _evenly(n, SCALED_BY)
        self._nth = int(np.clip(round(nth * len(self._sample) / max(n, 1)), 1, max(1, n - 1)))
        self._scales: Float64 = np.concatenate(
            [self._scale(measure.of_rows(rows, self._sample)) for rows in _blocks(n)]
            or [np.empty(0)]
        )
        self._pairs = self._sampled_pairs()

    def __len__(self) -> int:
        return len(self._measure)

    def of_rows(self, rows: Rows, among: Rows | None = None) -> Float64:
        """Return the distances [m, n] of tracks to all tracks, or to those ``among``."""
        return self._scaled(self._measure.of_rows(rows, among), self._scales[rows], among)

    def of_vectors(self, vectors: Float, among: Rows | None = None) -> Float64:
        """Return the distances [m, n] of recordings by their vectors [m, d]."""
        scales = self._scale(self._measure.of_vectors(vectors, self._sample))
        return self._scaled(self._measure.of_vectors(vectors, among), scales, among)

    def similarity(self, distances: Float64) -> Float64:
        """Return the share of the library's own pairs that are farther apart than ``distances``.

        From 0 to 1: a song and its copy have 1, two songs drawn by chance 0.5 on average.
        """
        nearer = np.searchsorted(self._pairs, distances, side="left")
        shares: Float64 = 1.0 - nearer / max(1, len(self._pairs))
        return shares

    def _scale(self, to_sample: Float) -> Float64:
        nth = min(self._nth, to_sample.shape[1] - 1)
        scales = np.partition(to_sample, nth, axis=1)[:, nth]
        return np.maximum(scales.astype(np.float64), LEAST_SCALE)

    def _scaled(self, distances: Float, scales: Float64, among: Rows | None) -> Float64:
        others = self._scales if among is None else self._scales[among]
        scaled = np.square(distances, dtype=np.float64)
        scaled /= scales[:, None]
        scaled /= others
        return scaled

    def _sampled_pairs(self) -> Float64:
        rows = _evenly(len(self), PAIRS_SAMPLED)
        distances = self.of_rows(rows, rows)
        pairs: Float64 = np.sort(distances[np.triu_indices(len(rows), 1)])
        return pairs


def _evenly(n: int, most: int) -> Rows:
    return np.unique(np.linspace(0, max(0, n - 1), min(n, most)).astype(np.intp))


def _blocks(n: int) -> Sequence[Rows]:
    return [np.arange(start, min(n, start + _BLOCK)) for start in range(0, n, _BLOCK)]
