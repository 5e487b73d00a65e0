"""Which library is used when none is named."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs

from earmark.errors import LibraryError, LibraryExists, LibraryExtractor
from earmark.library import sqlite
from earmark.library.store import Library

PACKAGED = ("reference", "classic")
"""Names that stand for the libraries inside the package."""

PACKAGE_DATA = Path(__file__).resolve().parent.parent / "data"


def packaged_path(name: str) -> Path:
    """Return where a library of the package lies; ``name`` is one of `PACKAGED`."""
    return PACKAGE_DATA / f"{name}.earmark"


def user_library_path() -> Path:
    """Return where the user's own library lies, or will."""
    return platformdirs.user_data_path("earmark") / "library.earmark"


def open_library(name: str | os.PathLike[str], *, read_only: bool = False) -> Library:
    """Open a library by path, or one of the package by name.

    The package's own are opened without locks, so that they may lie in a read-only folder. A file
    in the current folder that is called just ``reference`` or ``classic`` is reached as
    ``./reference``.

    Raises
    ------
    LibraryError
        As `Library.open`.
    """
    text = os.fspath(name)
    path = packaged_path(text) if text in PACKAGED else Path(text)
    inside = sqlite.real_path(path).parent == PACKAGE_DATA
    return Library.open(path, read_only=read_only or inside, immutable=inside)


def open_default(explicit: str | None = None) -> Library:
    """Open the library to use: the one named, else the first there is.

    In this order: ``explicit``; the environment variable ``EARMARK_LIBRARY``; the user's own in
    the platform's data folder; the reference library of the package. The first two may also be
    ``"reference"`` or ``"classic"``.

    Raises
    ------
    LibraryError
        As `Library.open`. A library that was asked for and cannot be used is not silently
        replaced by the next one.
    """
    if explicit:
        return open_library(explicit)
    from_environment = os.environ.get("EARMARK_LIBRARY")
    if from_environment:
        try:
            return open_library(from_environment)
        except LibraryError as error:
            raise type(error)(f"{error} (EARMARK_LIBRARY names it)") from error
    own = user_library_path()
    return open_library(own if _is_there(own) else "reference")


def user_library(like: Library) -> Library:
    """Open the user's own library, made as a copy of another the first time.

    Parameters
    ----------
    like
        What it starts as, and whose extractor it must have.

    Raises
    ------
    LibraryExtractor
        The user's own holds vectors of another extractor.
    LibraryError
        It cannot be opened or made.
    """
    path = user_library_path()
    if not _is_there(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(f"{path}: its folder cannot be made ({error.strerror})") from error
        # Another process may be making it at the same time.
        with contextlib.suppress(LibraryExists):
            like.copy(path)
    own = Library.open(path)
    try:
        own.require(like.spec.name, like.spec.version, like.spec.checksum)
    except LibraryExtractor:
        own.close()
        raise
    return own


def _is_there(own: Path) -> bool:
    """Tell whether the user has a library; one that cannot be seen is not passed over."""
    try:
        return own.exists()
    except OSError as error:
        raise LibraryError(
            f"{own}: cannot be read ({error.strerror}); let its folder be entered, or choose "
            "another library with --library"
        ) from error
