"""Comparing JSON whose numbers two processes computed.

They may sum in another order, each with its own number of threads, so the last digits may differ.
"""

from __future__ import annotations

from typing import Any

import pytest


def roughly(value: Any) -> Any:
    """Return JSON values that equal others where no number differs by more than 5e-6."""
    if isinstance(value, dict):
        return {name: roughly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [roughly(one) for one in value]
    return pytest.approx(value, rel=1e-6, abs=5e-6) if isinstance(value, float) else value
