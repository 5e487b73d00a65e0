"""Earmark hears what genre a piece of music is, how sure it is, and what it sounds like.

>>> from earmark import Classifier, open_library
>>> with open_library("reference") as library:
...     prediction = Classifier(library).predict("examples/war_of_freedom.ogg")
>>> prediction.genre
'metal'
>>> prediction.neighbors[0].genre
'metal'

What can go wrong with a file or a library is an `EarmarkError`, with one line that says which file,
what is wrong and what to do:

>>> open_library("nowhere.earmark")
Traceback (most recent call last):
earmark.errors.LibraryNotFound: ...nowhere.earmark: there is no such library; make one with: ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from earmark.version import __version__ as __version__

if TYPE_CHECKING:
    from earmark.classify import Classifier
    from earmark.errors import EarmarkError
    from earmark.library import Library, Track, create_library, open_default, open_library
    from earmark.prediction import Neighbor, Prediction, Segment

__all__ = [
    "Classifier",
    "EarmarkError",
    "Library",
    "Neighbor",
    "Prediction",
    "Segment",
    "Track",
    "create_library",
    "open_default",
    "open_library",
]

_HOMES = {
    "Classifier": "earmark.classify",
    "EarmarkError": "earmark.errors",
    "Library": "earmark.library",
    "Neighbor": "earmark.prediction",
    "Prediction": "earmark.prediction",
    "Segment": "earmark.prediction",
    "Track": "earmark.library",
    "create_library": "earmark.library",
    "open_default": "earmark.library",
    "open_library": "earmark.library",
}

# A type checker must not see that names are looked up when asked for: it would take every one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name when it is first used, so that ``import earmark`` is quick."""
        if name not in _HOMES:
            raise AttributeError(f"module 'earmark' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        """Return the names that are meant for use."""
        return [*__all__, "__version__"]
