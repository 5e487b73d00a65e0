"""Feature extractors: samples in, one vector a track out; no input or output."""

from __future__ import annotations

from earmark.errors import FeatureError
from earmark.features.base import FeatureExtractor, Samples, Span, Vector
from earmark.features.mfcc import Mfcc

EXTRACTORS = ("mfcc", "musicnn")

__all__ = ["EXTRACTORS", "FeatureExtractor", "Samples", "Span", "Vector", "get_extractor"]


def get_extractor(name: str) -> FeatureExtractor:
    """Return the feature extractor of that name.

    Raises
    ------
    FeatureError
        There is none of that name.
    """
    if name == "mfcc":
        return Mfcc()
    raise FeatureError(f"there is no feature extractor {name!r}; there are {', '.join(EXTRACTORS)}")
