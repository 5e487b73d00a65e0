"""Names for the arrays of this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.floating]
Float64: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]

ROWS_A_BLOCK = 8_192


def blocks(n: int, size: int = ROWS_A_BLOCK) -> Iterator[slice]:
    """Part rows 0 … n − 1, so that what is computed from many of them never stands there at once.

    Examples
    --------
    >>> list(blocks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def subsample(rows: Indices, n: int) -> Indices:
    """Return at most n of the rows, evenly spread over them.

    Examples
    --------
    >>> subsample(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.intp)]
