"""The library that a build goes into."""

from __future__ import annotations

import os

from earmark.errors import FeatureError
from earmark.features import FeatureExtractor, get_extractor
from earmark.library import ExtractorSpec, Library

DEFAULT_FEATURES = "musicnn"


def open_for_build(path: str | os.PathLike[str], features: str | None = None) -> Library:
    """Open the library that a build goes into, or make it.

    Parameters
    ----------
    path
        The file.
    features
        A name in `earmark.features.EXTRACTORS`. By default the extractor of the library that is
        there, else `DEFAULT_FEATURES`.

    Raises
    ------
    LibraryExtractor
        The library that is there holds vectors of another extractor.
    LibraryError
        It cannot be opened or made.
    """
    if not os.path.lexists(path):
        extractor = get_extractor(features or DEFAULT_FEATURES)
        return Library.create(
            path,
            ExtractorSpec(
                extractor.name,
                extractor.version,
                extractor.dimension,
                extractor.metric,
                extractor.dtype,
            ),
        )
    library = Library.open(path)
    try:
        extractor = _extractor_of(library, features)
        library.require(extractor.name, extractor.version)
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
        return get_extractor(DEFAULT_FEATURES)
