"""The contract of a feature extractor: what it says about itself, and what it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = NDArray[np.floating]

DTYPES = ("float16", "float32", "float64")
SIMILARITIES = ("cosine", "gaussian-kl", "euclidean")

FOREIGN = "foreign"
"""The name of what made vectors that were brought along: no extractor of ours."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a segment of a recording lies, in seconds from its start, without ``stop`` itself."""

    start: float
    stop: float


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """What some segments of a recording sound like, in the order of time.

    Attributes
    ----------
    starts, stops
        Where each lies, in seconds from the start [s].
    vectors
        The embedding of each alone [s, d].
    """

    starts: NDArray[np.float64]
    stops: NDArray[np.float64]
    vectors: Vector

    def __len__(self) -> int:
        return len(self.starts)

    def spread(self, most: int) -> Segments:
        """Return at most so many of them, evenly spread.

        >>> ten = Segments(np.arange(10.0), np.arange(1.0, 11.0), np.zeros((10, 2)))
        >>> ten.spread(4).starts.tolist()
        [1.0, 3.0, 6.0, 8.0]
        """
        if len(self) <= most:
            return self
        chosen = ((np.arange(most) + 0.5) * len(self) / most).astype(np.intp)
        return Segments(self.starts[chosen], self.stops[chosen], self.vectors[chosen])


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the vectors of an extractor are compared: all that the vote needs to know of it.

    Attributes
    ----------
    similarity
        One of ``SIMILARITIES``: cosine distance, the symmetrized Kullback–Leibler divergence of
        packed Gaussians, or Euclidean distance.
    voting
        Start and stop, as of a slice, of the numbers of a vector that the fitted vote compares; a
        stop of None is the end.
    settling
        How fast a vector settles as more of a song is heard, in seconds: the square of the
        out-of-distribution score of what was heard for t seconds is larger by settling / t.
    words
        Names of the first ``len(words)`` numbers of a vector; may be empty.
    """

    similarity: str
    voting: tuple[int, int | None] = (0, None)
    settling: float = 0.0
    words: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.similarity not in SIMILARITIES:
            raise ValueError(f"similarity {self.similarity!r} is none of {', '.join(SIMILARITIES)}")
        start, stop = self.voting
        if start < 0 or (stop is not None and stop <= start):
            raise ValueError(f"voting {self.voting!r} holds no numbers")
        if not (math.isfinite(self.settling) and self.settling >= 0):
            raise ValueError(f"settling {self.settling!r} is not a time in seconds")

    @property
    def columns(self) -> slice:
        """The columns of vectors [n, d] that the fitted vote compares."""
        return slice(*self.voting)


@dataclass(frozen=True, slots=True)
class ExtractorSpec:
    """Which feature extractor makes or made vectors, and how these are compared and kept.

    Attributes
    ----------
    name
        Such as ``"mfcc"``; `FOREIGN` for vectors that were brought along.
    version
        Changes whenever the vectors would; vectors of two versions are not compared.
    dimension
        Numbers in a vector.
    similarity
        How two vectors are compared, one of ``SIMILARITIES``.
    dtype
        ``"float16"``, ``"float32"`` or ``"float64"``: the type on disk, little-endian.
    checksum
        SHA-256 of the model file, 64 hexadecimal digits; None where there is no such file.
    voting, settling
        As in `Comparison`.
    words
        Names of the first ``len(words)`` numbers of a vector, such as the tags that a network
        hears; may be empty.
    source
        How the extractor is found again on this machine, as `earmark.features.get_extractor` takes
        it; None: by its name. Two specs that differ only in that are equal.

    Raises
    ------
    ValueError
        A field has a value that it cannot have.
    """

    name: str
    version: str
    dimension: int
    similarity: str
    dtype: str
    checksum: str | None = None
    voting: tuple[int, int | None] = (0, None)
    settling: float = 0.0
    words: tuple[str, ...] = ()
    source: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")
        if self.dimension < 1:
            raise ValueError("dimension must be at least 1")
        start, stop = self.voting
        if start >= self.dimension or (stop is not None and stop > self.dimension):
            raise ValueError(f"voting {self.voting!r} is outside of {self.dimension} numbers")
        if len(self.words) > self.dimension:
            raise ValueError(f"{len(self.words)} words for {self.dimension} numbers")
        # Checks the similarity and the rest of these fields.
        self.comparison  # noqa: B018

    @property
    def comparison(self) -> Comparison:
        """How the vectors are compared."""
        return Comparison(self.similarity, self.voting, self.settling, self.words)

    @property
    def storage(self) -> np.dtype[np.floating]:
        """The type of a stored number, little-endian on every machine."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def working(self) -> np.dtype[np.floating]:
        """The type in which vectors are handed out: float64 for float64, else float32."""
        return np.dtype(np.float64 if self.dtype == "float64" else np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values, to be kept; `from_json` reads them."""
        return {
            "name": self.name,
            "version": self.version,
            "dimension": self.dimension,
            "similarity": self.similarity,
            "dtype": self.dtype,
            "checksum": self.checksum,
            "voting": list(self.voting),
            "settling": self.settling,
            "words": list(self.words),
            "source": self.source,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ExtractorSpec:
        """Read what `to_json` gave.

        Raises
        ------
        ValueError
            Something is missing or of another type.

        Examples
        --------
        >>> spec = ExtractorSpec("ears", "1", 8, "cosine", "float32", words=("loud",))
        >>> ExtractorSpec.from_json(spec.to_json()) == spec
        True
        """
        try:
            start, stop = values["voting"]
            source = values.get("source")
            return cls(
                name=str(values["name"]),
                version=str(values["version"]),
                dimension=int(values["dimension"]),
                similarity=str(values["similarity"]),
                dtype=str(values["dtype"]),
                checksum=None if values["checksum"] is None else str(values["checksum"]),
                voting=(int(start), None if stop is None else int(stop)),
                settling=float(values["settling"]),
                words=tuple(str(word) for word in values["words"]),
                source=None if source is None else str(source),
            )
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"not the facts of an extractor: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Card:
    """What people should know of a feature extractor before they use it.

    Attributes
    ----------
    description
        What it hears, in a sentence.
    license
        Of the weights, by its SPDX name where it has one; ``"unknown"`` where nobody says.
    citation
        The publication to be named, empty where there is none.
    link
        Where it comes from.
    training_data
        What a network learned from; empty for one that learned nothing or does not say.
    outputs
        What the parts of a vector mean: a name for each part, in order, with its size.
    classes
        The class names of the predictions among them, as the network has them.
    doubtful
        Those of them that were measured and found not to hold: music is not picked by them.
    size
        Bytes of the model; 0 where there is none.
    """

    description: str = ""
    license: str = "unknown"
    citation: str = ""
    link: str = ""
    training_data: str = ""
    outputs: tuple[tuple[str, int], ...] = ()
    classes: tuple[str, ...] = field(default=(), repr=False)
    doubtful: tuple[str, ...] = field(default=(), repr=False)
    size: int = 0


class FeatureExtractor(Protocol):
    """Turns a recording, or a window of one, into one vector.

    Attributes
    ----------
    spec
        Which extractor this is, and how its vectors are compared and kept.
    card
        Where it comes from and what it may be used for.
    sample_rate
        In Hz; recordings are resampled to it.
    """

    @property
    def spec(self) -> ExtractorSpec: ...
    @property
    def card(self) -> Card: ...
    @property
    def sample_rate(self) -> int: ...

    def spans(self, duration: float) -> Sequence[Span] | None:
        """Return which segments of a recording of ``duration`` seconds are heard; None: all."""
        ...

    def extract(self, segments: Iterable[Samples]) -> Vector:
        """Return one vector [dimension] for a track, or for a window given as a single segment.

        Parameters
        ----------
        segments
            Mono samples in [-1, 1] at ``sample_rate``: one array a span where ``spans`` names
            some, else the whole recording as consecutive blocks of any length.

        Raises
        ------
        FeatureError
            The samples have no features.
        """
        ...


@runtime_checkable
class HearsSegments(Protocol):
    """What an extractor may do besides, where its vector is the mean over segments."""

    def extract_with_segments(self, segments: Iterable[Samples]) -> tuple[Vector, Segments | None]:
        """Return what ``extract`` does, and what each segment alone sounds like.

        Parameters
        ----------
        segments
            As of ``extract``.

        Returns
        -------
        The vector [dimension], bit for bit that of ``extract``, and the segments that it is the
        mean of, with times in seconds of the samples given, as if these lay one behind the other;
        None where it is no mean.

        Raises
        ------
        FeatureError
            As ``extract``.
        """
        ...
