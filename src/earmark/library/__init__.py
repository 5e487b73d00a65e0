"""Tracks and their vectors, kept: the library that a recording is compared with.

`open_library` and `create_library` give a `Library`, wherever it is kept; `open_default` finds the
one to use; `earmark.library.fitting` fits the vote to one.
"""

from earmark.library.arrays import Arrays
from earmark.library.backends.memory import MemoryLibrary
from earmark.library.base import Library
from earmark.library.default import (
    PACKAGED,
    create_library,
    database_versions,
    is_there,
    location_elsewhere,
    new_library,
    open_default,
    open_library,
    packaged_path,
    printable_location,
    user_libraries_folder,
    user_library,
    user_library_path,
)
from earmark.library.model import Change, ExtractorSpec, Fitted, Track, TrackChanges
from earmark.library.snapshot import Snapshot

__all__ = [
    "PACKAGED",
    "Arrays",
    "Change",
    "ExtractorSpec",
    "Fitted",
    "Library",
    "MemoryLibrary",
    "Snapshot",
    "Track",
    "TrackChanges",
    "create_library",
    "database_versions",
    "is_there",
    "location_elsewhere",
    "new_library",
    "open_default",
    "open_library",
    "packaged_path",
    "printable_location",
    "user_libraries_folder",
    "user_library",
    "user_library_path",
]
