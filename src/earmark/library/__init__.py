"""Tracks and their vectors, kept in one file: the library that a recording is compared with.

`Library` keeps them; `open_default` finds the one to use; `earmark.library.fitting` fits the vote
to one; `earmark.library.classic` and `earmark.library.npz` read and write other formats.
"""

from earmark.library.default import (
    PACKAGED,
    open_default,
    open_library,
    packaged_path,
    user_library,
    user_library_path,
)
from earmark.library.model import Change, ExtractorSpec, Fitted, Snapshot, Track, TrackChanges
from earmark.library.store import Library

__all__ = [
    "PACKAGED",
    "Change",
    "ExtractorSpec",
    "Fitted",
    "Library",
    "Snapshot",
    "Track",
    "TrackChanges",
    "open_default",
    "open_library",
    "packaged_path",
    "user_library",
    "user_library_path",
]
