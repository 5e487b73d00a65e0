"""Comparing what was computed twice.

Sums may be taken in another order, by other threads or at another place in memory, so that the last
digits differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from earmark.prediction import Neighbor


def roughly(value: Any) -> Any:
    """Return JSON values that equal others where no number differs by more than 5e-6."""
    if isinstance(value, dict):
        return {name: roughly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [roughly(one) for one in value]
    return pytest.approx(value, rel=1e-6, abs=5e-6) if isinstance(value, float) else value


def require_same(found: Sequence[Neighbor], expected: Sequence[Neighbor]) -> None:
    """See that neighbors are the same tracks, as far away but for the last digits."""
    assert [one.track for one in found] == [one.track for one in expected]
    distances = [one.distance for one in expected]
    assert [one.distance for one in found] == pytest.approx(distances, rel=1e-9, abs=1e-9)
