"""What a worker process does with one file, for all who have files heard.

Two steps, so that a file that is known is not heard again: `look` says which recording it is and
what its tags say, `extract` hears it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.audio import MAX_DURATION, open_recording
from earmark.audio.tags import Tags, read_tags
from earmark.features import ExtractorSpec, FeatureExtractor, Segments, Vector, get_extractor
from earmark.listen import Extracted as Listened
from earmark.listen import identify, listen, windows_of
from earmark.words import one_line

MOST_WARNINGS = 20

TOLD_OF = 40
"""Segments of a song, at most, by which it is told whether it is several things."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Which recording a file holds, and what its tags say.

    Attributes
    ----------
    content_hash
        SHA-256 of the file's bytes.
    audio_hash
        SHA-256 of its audio payload, which no tag changes; None where that cannot be taken out.
    size, modified_ns
        Of the file, before it was read.
    artist, title
        One line each; None where the file does not say.
    """

    content_hash: str
    audio_hash: str | None
    size: int
    modified_ns: int
    artist: str | None
    title: str | None

    @property
    def recording(self) -> str:
        """What files of the same sound have in common, whatever their tags."""
        return self.audio_hash or self.content_hash


@dataclass(frozen=True, slots=True)
class Extracted:
    """What hearing a file gave.

    Attributes
    ----------
    vector
        The embedding [d].
    duration
        Of the recording, in seconds.
    warnings
        What was odd about the file but did not prevent its use.
    seconds
        How long it took.
    heard
        How many seconds of the recording were heard.
    segments
        What some of its segments sound like, as many as were asked for.
    """

    vector: Vector
    duration: float
    warnings: tuple[str, ...]
    seconds: float
    heard: float
    segments: Segments | None = None


def look(path: str) -> Looked:
    """Say which recording a file holds, and what its tags say.

    Raises
    ------
    AudioError
        The file is missing or may not be read.
    """
    identity = identify(path)
    tags = read_tags(path)
    return Looked(
        content_hash=identity.content_hash,
        audio_hash=identity.audio_hash,
        size=identity.size,
        modified_ns=identity.modified_ns,
        artist=_line(tags.artist),
        title=_line(tags.title),
    )


def artists(paths: list[str]) -> list[str | None]:
    """Return what the tags of files say of their artists, None where they say nothing."""
    return [_line(read_tags(path).artist) for path in paths]


def tags(paths: list[str]) -> list[Tags]:
    """Return what the tags of files say; empty ones where they say nothing."""
    return [read_tags(path) for path in paths]


def extract(
    path: str,
    extractor: Mapping[str, Any],
    max_duration: float = MAX_DURATION,
    segments: int = 0,
    *,
    providers: Sequence[str] | None = None,
) -> Extracted:
    """Hear a file.

    Parameters
    ----------
    path
        Any sound file.
    extractor
        The spec of the extractor, as its ``to_json`` gives it.
    providers
        ONNX Runtime's execution providers for a network; None is the processor.
    max_duration
        The longest recording that is accepted, in seconds.
    segments
        How many segments to tell of, at most; evenly spread.

    Raises
    ------
    AudioError
        The file cannot be used.
    ExtractorError
        There is no such extractor here.
    """
    heard = listen(path, loaded(extractor, providers), max_duration=max_duration)
    return Extracted(
        vector=heard.vector,
        duration=float(heard.duration),
        warnings=tuple(one_line(text, 500) for text in heard.warnings[:MOST_WARNINGS]),
        seconds=float(heard.seconds),
        heard=float(heard.heard),
        segments=heard.segments.spread(segments) if segments and heard.segments else None,
    )


@dataclass(frozen=True, slots=True)
class Followed:
    """A file, followed over time.

    Attributes
    ----------
    looked
        Which recording it is.
    starts, vectors
        Of its segments: seconds [w] and embeddings [w, d].
    duration
        In seconds.
    """

    looked: Looked
    starts: NDArray[np.float64]
    vectors: NDArray[np.floating]
    duration: float


def follow(
    path: str, extractor: Mapping[str, Any], step: float, max_duration: float = MAX_DURATION
) -> Followed:
    """Hear a file in segments of ``step`` seconds.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    looked = look(path)
    with open_recording(path, max_duration=max_duration) as recording:
        starts, vectors = windows_of(recording, loaded(extractor), step=step)
        duration = float(recording.duration)
    return Followed(looked, starts, np.asarray(vectors, dtype=np.float64), duration)


def as_listened(path: str, extracted: Extracted) -> Listened:
    """Return what a worker process heard of a file as `earmark.listen.listen` would."""
    return Listened(
        path=path,
        vector=extracted.vector,
        duration=extracted.duration,
        warnings=extracted.warnings,
        seconds=extracted.seconds,
        heard=extracted.heard,
        segments=extracted.segments,
    )


def loaded(
    extractor: Mapping[str, Any], providers: Sequence[str] | None = None
) -> FeatureExtractor:
    """Return an extractor that uses one core, the same one for each call."""
    spec = ExtractorSpec.from_json(extractor)
    return _loaded(spec, None if providers is None else tuple(providers))


@functools.cache
def _loaded(spec: ExtractorSpec, providers: tuple[str, ...] | None) -> FeatureExtractor:
    return get_extractor(spec, providers=providers, threads=1)


def load(extractor: Mapping[str, Any], providers: Sequence[str] | None = None) -> None:
    """Load an extractor and run it once, so that the first file does not pay for it.

    Raises
    ------
    ExtractorError, FeatureError
        There is no such extractor, or it cannot run here.
    """
    ready = loaded(extractor, providers)
    hiss = np.random.default_rng(0).uniform(-0.1, 0.1, 4 * ready.sample_rate)
    ready.extract([hiss.astype(np.float32)])


def _line(tag: str | None) -> str | None:
    return one_line(tag) or None if tag else None
