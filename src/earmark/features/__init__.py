"""Feature extractors: samples in, one vector a track out; no input or output."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.errors import FeatureError
from earmark.features.base import FeatureExtractor, Samples, Span, Vector
from earmark.features.mfcc import Mfcc
from earmark.features.musicnn import MusiCNN

EXTRACTORS = ("mfcc", "musicnn")

__all__ = ["EXTRACTORS", "FeatureExtractor", "Samples", "Span", "Vector", "get_extractor"]


def get_extractor(
    name: str, *, providers: Sequence[str] | None = None, threads: int = 0
) -> FeatureExtractor:
    """Return the feature extractor of that name.

    Parameters
    ----------
    name
        One of ``EXTRACTORS``.
    providers
        ONNX Runtime's execution providers for the network; None is the processor.
    threads
        How many threads the network may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    FeatureError
        There is none of that name.
    """
    if name == "mfcc":
        return Mfcc()
    if name == "musicnn":
        return MusiCNN(providers=providers or ("CPUExecutionProvider",), threads=threads)
    raise FeatureError(f"there is no feature extractor {name!r}; there are {', '.join(EXTRACTORS)}")
