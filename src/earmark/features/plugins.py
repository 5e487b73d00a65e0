"""Feature extractors of other packages, by entry points of the group ``earmark.extractors``.

An entry point names a class or function that returns a `FeatureExtractor`; it is called without
arguments, or with those of ``providers`` and ``threads`` that it takes. Its name is the
extractor's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np

from earmark.errors import ExtractorRefused, FeatureError
from earmark.features.base import (
    Card,
    ExtractorSpec,
    FeatureExtractor,
    HearsSegments,
    Samples,
    Segments,
    Span,
    Vector,
)

GROUP = "earmark.extractors"


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """Return the names of the installed plug-ins, without importing them."""
    return tuple(sorted(_points()))


def open_plugin(
    name: str, providers: Sequence[str] | None = None, threads: int = 0
) -> FeatureExtractor:
    """Return the extractor of a plug-in.

    Raises
    ------
    ExtractorRefused
        It cannot be imported, or is no feature extractor.
    """
    point = _points()[name]
    where = f"{GROUP}: {name} ({point.value})"
    try:
        factory = point.load()
        offered = {"providers": providers, "threads": threads}
        made = factory(**_taken(factory, offered))
    except Exception as error:
        # Anything may go wrong in somebody else's code.
        raise ExtractorRefused(
            where, f"cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return PlugIn(checked(made, where, name), where)


class PlugIn:
    """An extractor of another package, whose vectors are looked at before anybody keeps them.

    Parameters
    ----------
    extractor
        The extractor.
    where
        Where it comes from, for messages.
    """

    def __init__(self, extractor: FeatureExtractor, where: str) -> None:
        self.extractor = extractor
        self.spec = extractor.spec
        self.card = extractor.card
        self.sample_rate = extractor.sample_rate
        self._where = where

    def spans(self, duration: float) -> Sequence[Span] | None:
        """Return which segments are heard."""
        return self.extractor.spans(duration)

    def extract(self, segments: Iterable[Samples]) -> Vector:
        """Return the vector [dimension] of a recording or window.

        Raises
        ------
        FeatureError
            The extractor says so, or answers with numbers that are not finite.
        ExtractorRefused
            It answers with anything else than a vector of its dimension.
        """
        return self._checked(self.extractor.extract(segments))

    def extract_with_segments(self, segments: Iterable[Samples]) -> tuple[Vector, Segments | None]:
        """Return what ``extract`` does, with segments where the extractor hears such.

        Raises
        ------
        FeatureError, ExtractorRefused
            As ``extract``.
        """
        if not isinstance(self.extractor, HearsSegments):
            return self.extract(segments), None
        answer, heard = self.extractor.extract_with_segments(segments)
        vector = self._checked(answer)
        if heard is None:
            return vector, None
        shape = (len(heard.starts), self.spec.dimension)
        found = np.asarray(heard.vectors)
        if found.shape != shape or found.dtype.kind != "f" or len(heard.stops) != len(heard):
            raise ExtractorRefused(
                self._where,
                f"answers with segments of shape {found.shape}; they need to be numbers {shape}",
            )
        return vector, heard if np.isfinite(found).all() else None

    def _checked(self, answer: Vector) -> Vector:
        vector = np.asarray(answer)
        if vector.shape != (self.spec.dimension,) or vector.dtype.kind != "f":
            raise ExtractorRefused(
                self._where,
                f"answers with {vector.dtype} of shape {vector.shape}; it needs to be numbers "
                f"({self.spec.dimension},)",
            )
        if not np.isfinite(vector).all():
            raise FeatureError("the extractor answers it with numbers that are not finite")
        return vector


def _taken(factory: Any, offered: dict[str, Any]) -> dict[str, Any]:
    """Return those of the offered arguments that a function takes."""
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:
        return {}
    return {name: value for name, value in offered.items() if name in parameters}


def checked(made: Any, where: str, name: str) -> FeatureExtractor:
    """Return an object if it keeps the contract of `FeatureExtractor`.

    Raises
    ------
    ExtractorRefused
        It does not.
    """
    for attribute, kind in (("spec", ExtractorSpec), ("card", Card), ("sample_rate", int)):
        value = getattr(made, attribute, None)
        if not isinstance(value, kind):
            raise ExtractorRefused(
                where, f"its '{attribute}' is {type(value).__name__}, not {kind.__name__}"
            )
    for method in ("spans", "extract"):
        if not callable(getattr(made, method, None)):
            raise ExtractorRefused(where, f"has no method '{method}'")
    if made.spec.name != name:
        raise ExtractorRefused(where, f"calls itself '{made.spec.name}', not '{name}'")
    extractor: FeatureExtractor = made
    return extractor
