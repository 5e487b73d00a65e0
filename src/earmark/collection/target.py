"""The library that a build goes into."""

from __future__ import annotations

import os

from earmark.classify import extractor_of
from earmark.features import DEFAULT, get_extractor
from earmark.library import Library, create_library, is_there, open_library


def open_for_build(path: str | os.PathLike[str], features: str | None = None) -> Library:
    """Open the library that a build goes into, or make it.

    Parameters
    ----------
    path
        The file, or the address of a database.
    features
        The extractor, as `earmark.features.get_extractor` takes it. By default that of the library
        that is there, else `earmark.features.DEFAULT`.

    Raises
    ------
    LibraryExtractor
        The library that is there holds vectors of another extractor, or of one that is not here.
    ExtractorError
        The extractor that is asked for cannot be used.
    LibraryError
        The library cannot be opened or made.
    """
    if not is_there(path):
        return create_library(path, get_extractor(features or DEFAULT).spec)
    library = open_library(path)
    try:
        _check_extractor(library, features)
    except BaseException:
        library.close()
        raise
    return library


def _check_extractor(library: Library, features: str | None) -> None:
    """See that the vectors of a library are those of the extractor that is asked for."""
    if features is None:
        extractor_of(library)
        return
    asked = get_extractor(features).spec
    library.require(asked.name, asked.version, asked.checksum)
