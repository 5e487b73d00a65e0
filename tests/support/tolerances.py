"""How far figures may differ that are computed in another order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

SCALES = 1e-5
"""How far distances may differ: hubs are scaled by sums in single precision, whose order depends
on how many tracks are looked at together, and on the processor."""


def require_same_nearest(
    found: Sequence[tuple[str, float]], expected: Sequence[tuple[str, float]]
) -> None:
    """See that the nearest are the same tracks; only those equally near may stand in another order.

    Both are names and distances, the nearest first. What is as near as the last may be another.
    """
    known = dict(expected)
    last = expected[-1][1]
    assert len({name for name, _ in found}) == len(known)
    for (name, distance), (_, there) in zip(found, expected, strict=True):
        assert distance == pytest.approx(there, rel=SCALES, abs=1e-9), name
        assert distance == pytest.approx(known.get(name, last), rel=SCALES, abs=1e-9), name
