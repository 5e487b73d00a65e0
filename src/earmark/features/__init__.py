"""Feature extractors: samples in, one vector a track out; no files but those of models."""

from __future__ import annotations

from earmark.features.base import (
    FOREIGN,
    Card,
    Comparison,
    ExtractorSpec,
    FeatureExtractor,
    HearsSegments,
    Samples,
    Segments,
    Span,
    Vector,
)
from earmark.features.registry import (
    CLASSIC,
    DEFAULT,
    available,
    doubtful_words,
    get_extractor,
    spec_by_similarity,
    spec_of,
)

__all__ = [
    "CLASSIC",
    "DEFAULT",
    "FOREIGN",
    "Card",
    "Comparison",
    "ExtractorSpec",
    "FeatureExtractor",
    "HearsSegments",
    "Samples",
    "Segments",
    "Span",
    "Vector",
    "available",
    "doubtful_words",
    "get_extractor",
    "spec_by_similarity",
    "spec_of",
]
