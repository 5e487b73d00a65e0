"""Where feature extractors are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from earmark.errors import FeatureError
from earmark.features.base import ExtractorSpec, FeatureExtractor
from earmark.features.mfcc import Mfcc
from earmark.features.musicnn import MusiCNN

DEFAULT = "musicnn"
"""The extractor of a new library where none is asked for."""

Factory = Callable[[Sequence[str] | None, int], FeatureExtractor]

_BUILT_IN: Mapping[str, Factory] = MappingProxyType(
    {
        "mfcc": lambda _providers, _threads: Mfcc(),
        "musicnn": lambda providers, threads: MusiCNN(
            providers=providers or ("CPUExecutionProvider",), threads=threads
        ),
    }
)


def available() -> tuple[str, ...]:
    """Return the names of the extractors that are installed, sorted."""
    return tuple(sorted(_BUILT_IN))


def get_extractor(
    name: str, *, providers: Sequence[str] | None = None, threads: int = 0
) -> FeatureExtractor:
    """Return the feature extractor of that name.

    Parameters
    ----------
    name
        One of ``available()``.
    providers
        ONNX Runtime's execution providers for a network; None is the processor.
    threads
        How many threads a network may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    FeatureError
        There is none of that name.
    """
    if name not in _BUILT_IN:
        raise FeatureError(
            f"there is no feature extractor {name!r}; there are {', '.join(available())}"
        )
    return _BUILT_IN[name](providers, threads)


def spec_of(name: str, version: str) -> ExtractorSpec | None:
    """Return the spec of an installed extractor; None where that version is not installed."""
    if name not in _BUILT_IN:
        return None
    spec = get_extractor(name).spec
    return spec if spec.version == version else None
