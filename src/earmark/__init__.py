"""Earmark hears what genre a piece of music is, how sure it is, and what it sounds like."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earmark.classify import Classifier, Neighbor, Prediction, Stretch
    from earmark.errors import EarmarkError
    from earmark.library import Library, Track, open_default, open_library

__version__: str

__all__ = [
    "Classifier",
    "EarmarkError",
    "Library",
    "Neighbor",
    "Prediction",
    "Stretch",
    "Track",
    "open_default",
    "open_library",
]

_HOMES = {
    "Classifier": "earmark.classify",
    "EarmarkError": "earmark.errors",
    "Library": "earmark.library",
    "Neighbor": "earmark.classify",
    "Prediction": "earmark.classify",
    "Stretch": "earmark.classify",
    "Track": "earmark.library",
    "open_default": "earmark.library",
    "open_library": "earmark.library",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that ``import earmark`` is quick."""
    if name == "__version__":
        from importlib.metadata import version

        return version("earmark")
    if name not in _HOMES:
        raise AttributeError(f"module 'earmark' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
