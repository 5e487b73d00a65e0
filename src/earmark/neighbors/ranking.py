"""How tracks are ranked, apart from where they are kept: for engines that search inner products.

A database or an approximate index keeps a key for each track and looks for the smallest inner
products with a query. What this gives for that is the same as `BruteForce` uses: keys and queries
in single precision whose product is never above the rank that double precision gives. So an engine
that looks at all keys finds the right tracks, whatever the order in which it sums.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.brute_force import bounding_keys, bounding_queries
from earmark.neighbors.divergence import Divergence
from earmark.neighbors.local_scaling import LocalScaling, local_scales, scaled_distances
from earmark.neighbors.metrics import Cosine, Similarity
from earmark.neighbors.parameters import Parameters

RANKED = ("cosine", "gaussian-kl")
"""Similarities for which single precision bounds ranks; the others are searched in memory."""


class Ranking:
    """How the tracks of a library are ranked, as it was learned from them at one time.

    Parameters
    ----------
    facts
        The arrays that `to_bytes` writes; further ones are kept with them.

    Attributes
    ----------
    facts
        Those arrays.
    similarity
        How vectors are compared.
    """

    def __init__(self, facts: Mapping[str, NDArray[Any]]) -> None:
        self.facts = dict(facts)
        self._columns = slice(*(int(place) for place in facts["columns"]))
        self._scaled = "median" in facts
        self.similarity: Similarity
        if "center" in facts:
            self.similarity = Divergence.moved(facts["center"], facts["scale"])
        elif self._scaled:
            mean, deviation = facts["mean"], facts["deviation"]
            self.similarity = Cosine(lambda vectors: cast(Float, (vectors - mean) / deviation))
        else:
            self.similarity = Cosine()

    @classmethod
    def fit(cls, vectors: Float, parameters: Parameters) -> Ranking:
        """Learn from the tracks of a library [n, d] how its vote ranks them.

        Raises
        ------
        ValueError
            They are compared by a similarity that is not one of ``RANKED``.
        """
        comparison = parameters.comparison
        if comparison.similarity not in RANKED:
            raise ValueError(f"single precision does not bound {comparison.similarity} distances")
        if not parameters.majority:
            columns = comparison.columns
            scaling = LocalScaling(vectors[:, columns], parameters.n_neighbors)
            return cls({"columns": _places(columns, vectors.shape[1]), **scaling.facts()})
        similarity = Cosine() if comparison.similarity == "cosine" else Divergence(vectors)
        return cls(cls.facts_of(similarity, vectors.shape[1]))

    @staticmethod
    def facts_of(similarity: Similarity, dimension: int) -> dict[str, NDArray[Any]]:
        """Return the facts of vectors of a dimension that are compared by a similarity alone.

        Raises
        ------
        ValueError
            It is neither the cosine nor the divergence.
        """
        whole: dict[str, NDArray[Any]] = {"columns": np.array([0, dimension])}
        if isinstance(similarity, Cosine):
            return whole
        if not isinstance(similarity, Divergence):
            raise ValueError("single precision does not bound such distances")
        center, scale = similarity.moving
        return {**whole, "center": center, "scale": scale}

    @property
    def directions(self) -> bool:
        """Whether the first numbers of a key, but for two, are the direction of its track.

        Tracks of near directions are then near, but for how their distances are scaled.
        """
        return isinstance(self.similarity, Cosine)

    def weights(self, vectors: Float) -> Float64:
        """Return what the ranks of tracks [n, d] are multiplied by [n]; engines may keep it."""
        weights = self._weights(vectors[:, self._columns])
        return np.ones(len(vectors)) if weights is None else weights

    def keys(self, vectors: Float, weights: Float64 | None = None) -> Float:
        """Return what an engine keeps of tracks [n, d], in single precision [n, m].

        ``weights`` are those of the tracks [n] where they are known; None: they are computed.
        """
        compared = vectors[:, self._columns]
        exact = self.similarity.exact(compared)
        known = self._weights(compared) if weights is None else weights
        return bounding_keys(self.similarity, compared, exact, known)

    def queries(self, vectors: Float) -> Float:
        """Return what an engine multiplies keys with, for queries [q, d]: [q, m].

        The products are at most the ranks of the tracks.
        """
        compared = vectors[:, self._columns]
        return bounding_queries(
            self.similarity, compared, self.similarity.exact(compared, track=False)
        )

    def ranks(self, query: Float, tracks: Float, weights: Float64 | None = None) -> Float64:
        """Return the ranks [n] of tracks [n, d] for one query [d], in double precision.

        ``weights`` are as for `keys`.
        """
        compared = tracks[:, self._columns]
        exact = self.similarity.exact(query[None, self._columns], track=False)
        which: Indices = np.arange(len(tracks))
        nothing: Indices = np.zeros(len(tracks), dtype=np.intp)
        ranks = self.similarity.ranks(exact, nothing, self.similarity.exact(compared), which)
        known = self._weights(compared) if weights is None else weights
        return ranks if known is None else ranks * known

    def distances(self, ranks: Float64) -> Float64:
        """Return ranks as the distances of the vote."""
        if not self._scaled:
            return self.similarity.distances(ranks)
        return scaled_distances(ranks, float(self.facts["median"]))

    def _weights(self, compared: Float) -> Float64 | None:
        if not self._scaled:
            return None
        points = cast(Cosine, self.similarity).unit(compared).astype(np.float32)
        scales = local_scales(points, self.facts["among"], int(self.facts["nth"]))
        weights: Float64 = 1 / np.sqrt(scales)
        return weights

    def to_bytes(self) -> bytes:
        """Write this down, for other processes."""
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **self.facts)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ranking:
        """Read what `to_bytes` wrote.

        Raises
        ------
        ValueError, KeyError
            It is something else.
        """
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls({name: arrays[name] for name in arrays.files})


def _places(columns: slice, count: int) -> NDArray[np.intp]:
    start, stop, _ = columns.indices(count)
    return np.array([start, stop])
