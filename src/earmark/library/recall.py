"""How many of the true neighbors a search finds that does not look at all tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Recall:
    """How well an index finds the nearest, measured with tracks as queries.

    Attributes
    ----------
    queries, neighbors
        How many tracks were asked for how many neighbors.
    recall
        The part of the true neighbors that the index found; 1 where there is no index.
    indexed
        Whether there is an index.
    exact_seconds, index_seconds
        The median time of an answer without and with the index.
    """

    queries: int
    neighbors: int
    recall: float
    indexed: bool
    exact_seconds: float
    index_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {
            "queries": self.queries,
            "neighbors": self.neighbors,
            "recall": self.recall,
            "indexed": self.indexed,
            "exact_milliseconds": 1000 * self.exact_seconds,
            "index_milliseconds": 1000 * self.index_seconds,
        }
