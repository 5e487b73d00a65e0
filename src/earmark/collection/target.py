"""The library that a build goes into."""

from __future__ import annotations

import os

from earmark.errors import FeatureError
from earmark.features import DEFAULT, FeatureExtractor, get_extractor
from earmark.library import Library


def open_for_build(path: str | os.PathLike[str], features: str | None = None) -> Library:
    """Open the library that a build goes into, or make it.

    Parameters
    ----------
    path
        The file.
    features
        The extractor, as `earmark.features.get_extractor` takes it. By default that of the library
        that is there, else `earmark.features.DEFAULT`.

    Raises
    ------
    LibraryExtractor
        The library that is there holds vectors of another extractor.
    LibraryError
        It cannot be opened or made.
    """
    if not os.path.lexists(path):
        return Library.create(path, get_extractor(features or DEFAULT).spec)
    library = Library.open(path)
    try:
        spec = _extractor_of(library, features).spec
        library.require(spec.name, spec.version)
    except BaseException:
        library.close()
        raise
    return library


def _extractor_of(library: Library, features: str | None) -> FeatureExtractor:
    try:
        return get_extractor(features or library.spec.name)
    except FeatureError:
        if features is not None:
            raise
        # Vectors that were brought along; say so as for any other extractor.
        return get_extractor(DEFAULT)
