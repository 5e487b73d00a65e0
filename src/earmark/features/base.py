"""What a feature extractor is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in seconds from its start; ``stop`` is not part of it."""

    start: float
    stop: float


class FeatureExtractor(Protocol):
    """Turns a recording into one vector a track and, where asked, one a window.

    Attributes
    ----------
    name
        ``"mfcc"`` or ``"musicnn"``.
    version
        Changes whenever the vectors would; a library holds vectors of exactly one name and version.
    sample_rate
        In Hz; recordings are resampled to it.
    dimension
        Numbers in a vector.
    metric
        How two vectors are compared, a name that ``earmark.neighbors`` knows.
    dtype
        The NumPy type, by name, in which a library keeps the vectors, such as ``"float32"``.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def dimension(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def dtype(self) -> str: ...

    def spans(self, duration: float) -> Sequence[Span] | None:
        """Which stretches of a recording of ``duration`` seconds are used; None means all of it."""
        ...

    def extract(self, pieces: Iterable[Samples]) -> Vector:
        """Return one vector [dimension] for a recording.

        Parameters
        ----------
        pieces
            Mono samples in [-1, 1] at ``sample_rate``: one array a span where ``spans`` names
            some, else the whole recording as consecutive blocks of any length.

        Raises
        ------
        FeatureError
            The samples have no features.
        """
        ...
