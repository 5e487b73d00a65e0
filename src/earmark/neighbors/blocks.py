"""Some tracks of an index, with what is computed of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float, Float64, Indices


@dataclass(frozen=True, slots=True)
class Block:
    """Some tracks of an index: never changed, so that copies of the index can share it.

    Attributes
    ----------
    vectors
        [b, d]; a view of what the index was given.
    errors
        How far rounding can have moved a score, for a query of length 1 [b].
    weights
        [b], None where all are 1.
    keys
        [m + 1, b], the last row the errors: multiplied in half the time that [b, m + 1] takes for
        one query. None where they are computed when they are needed.
    exact
        The form in which pairs are compared [b, e]; None likewise.
    """

    vectors: Float
    errors: Float
    weights: Float64 | None
    keys: Float | None
    exact: Float64 | None

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, kept: Indices | slice) -> Block:
        return Block(
            self.vectors[kept],
            self.errors[kept],
            None if self.weights is None else self.weights[kept],
            None if self.keys is None else self.keys[:, kept],
            None if self.exact is None else self.exact[kept],
        )

    def insert(self, place: int, one: Block) -> Block:
        """Return a block with the track of another one before the one at ``place``."""

        def with_one(mine: NDArray[Any] | None, its: NDArray[Any] | None, axis: int = 0) -> Any:
            if mine is None or its is None:
                return None
            return np.insert(mine, [place], its, axis=axis)

        return Block(
            with_one(self.vectors, one.vectors),
            with_one(self.errors, one.errors),
            with_one(self.weights, one.weights),
            with_one(self.keys, one.keys, axis=1),
            with_one(self.exact, one.exact),
        )
