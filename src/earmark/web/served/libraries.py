"""The libraries that a server can go on with: those of the package, and the user's own."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earmark.errors import EarmarkError, LibraryError
from earmark.library import (
    PACKAGED,
    Library,
    open_library,
    packaged_path,
    user_libraries_folder,
    user_library_path,
)
from earmark.web.errors import NotFound
from earmark.words import is_one_line, shown

Kind = Literal["package", "own", "made", "started"]

OWN, STARTED = "own", "started"
RESERVED = frozenset({*PACKAGED, OWN, STARTED, "library", "removed", "build"})
"""Names that no library that is made on the pages can have."""

LONGEST_NAME = 50
"""Characters."""

LONGEST_KEPT = 200
"""Characters of one that was put back, which may have the time behind its name."""

ENDING = ".earmark"


@dataclass(frozen=True)
class Shelved:
    """A library that can be chosen.

    Attributes
    ----------
    name
        By which it is asked for; nothing of a path.
    title
        What it is called.
    kind
        Of the package; the user's own, which takes corrections; made on the pages; or another one
        that the server was started with.
    location
        As `earmark.library.open_library` takes it.
    """

    name: str
    title: str
    kind: Kind
    location: str


class Libraries:
    """The libraries of a server, by their names.

    Parameters
    ----------
    started
        Location of the library that the server was started with.
    """

    def __init__(self, started: str) -> None:
        self.started = started
        self._lock = threading.Lock()
        self._described: dict[str, tuple[object, dict[str, Any]]] = {}

    @property
    def folder(self) -> Path:
        """Where those lie that are made on the pages."""
        return user_libraries_folder()

    def all(self) -> list[Shelved]:
        """Return the libraries: the user's first, then those of the package."""
        own = user_library_path()
        found = [Shelved(OWN, own.stem, "own", str(own))] if os.path.lexists(own) else []
        found += [
            Shelved(path.stem, path.stem, "made", str(path))
            for path in self._made()
            if path.stem not in RESERVED
        ]
        found += [Shelved(name, name, "package", str(packaged_path(name))) for name in PACKAGED]
        if not any(is_same_place(one.location, self.started) for one in found):
            title = "" if "://" in self.started else Path(self.started).stem
            found.insert(0, Shelved(STARTED, title, "started", self.started))
        return found

    def _made(self) -> list[Path]:
        try:
            files = sorted(self.folder.iterdir())
        except OSError:
            return []
        named = [path for path in files if path.suffix == ENDING]
        return [path for path in named if is_name(path.stem, LONGEST_KEPT)]

    def find(self, name: str) -> Shelved:
        """Return a library by its name.

        Raises
        ------
        NotFound
            There is none of that name; a path is never one.
        """
        for one in self.all():
            if one.name == name:
                return one
        raise NotFound(f"{shown(name)}: there is no such library; choose one of the list")

    def describe(self, shelved: Shelved, open_now: Library | None = None) -> dict[str, Any]:
        """Return what a library holds as JSON values, or why it cannot be opened.

        Parameters
        ----------
        shelved
            Which.
        open_now
            The same, where it is open already.
        """
        if open_now is not None:
            return _facts(open_now)
        state = _state_of(shelved.location)
        with self._lock:
            before, facts = self._described.get(shelved.location, (None, {}))
        if state is not None and before == state:
            return facts
        try:
            with open_library(shelved.location, read_only=True) as library:
                facts = _facts(library)
        except EarmarkError as error:
            return {**_NOTHING, "size": _size(shelved.location), "problem": str(error)}
        with self._lock:
            self._described[shelved.location] = (_state_of(shelved.location), facts)
        return facts


def is_name(name: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a library may be called so: a line that is a file's name on every system."""
    return (
        is_one_line(name, longest)
        and not name.startswith((".", "-"))
        and name == name.strip(" .")
        and not any(character in '/\\:*?"<>|' for character in name)
    )


_NOTHING: dict[str, Any] = {
    "extractor": None,
    "tracks": None,
    "labelled": None,
    "taught": None,
    "genres": {},
    "size": None,
    "problem": None,
}


def _facts(library: Library) -> dict[str, Any]:
    try:
        return {
            "extractor": library.spec.name,
            "tracks": library.count(),
            "labelled": library.count(labelled=True),
            "taught": library.count(taught=True),
            "genres": library.genres(),
            "size": _size(library.location),
            "problem": None,
        }
    except LibraryError as error:
        return {**_NOTHING, "problem": str(error)}


def _size(location: str) -> int | None:
    """Return the bytes of a library's file; None of one in a database."""
    try:
        return None if "://" in location else Path(location).stat().st_size
    except OSError:
        return None


def is_same_place(one: str, other: str) -> bool:
    """Whether two locations are of the same library."""
    return _real(one) == _real(other)


def _real(location: str) -> str:
    return location if "://" in location else os.path.realpath(location)


def _state_of(location: str) -> object:
    """Return what differs whenever a library's file was changed; None where that is not known."""
    if "://" in location:
        return None
    found: list[tuple[int, ...] | None] = []
    for ending in ("", "-wal", "-journal"):
        try:
            status = Path(location + ending).stat()
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found) if found[0] is not None else None
