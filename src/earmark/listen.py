"""From a sound file to its vector: the one place that joins audio and features."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from earmark.audio import MAX_DURATION, Recording, open_recording
from earmark.audio.payload import HashingFile, hash_file_and_payload
from earmark.errors import AudioError, AudioNotFound, AudioSilent, FeatureError, NotAudio
from earmark.features import (
    FeatureExtractor,
    HearsSegments,
    Samples,
    Segments,
    Span,
    Vector,
)

PathLike: TypeAlias = str | os.PathLike[str]

_HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class Extracted:
    """What listening to one file gave.

    Attributes
    ----------
    path
        The file, as the caller named it.
    vector
        Its vector [d].
    duration
        In seconds.
    warnings
        What was odd about the file but did not prevent its use.
    seconds
        How long listening took.
    heard
        How many seconds of the recording the extractor heard: not silence that was passed over,
        nor what lies between its segments.
    segments
        What the extractor heard of it, segment by segment; None where it does not say.
    """

    path: str
    vector: Vector
    duration: float
    warnings: tuple[str, ...]
    seconds: float
    heard: float
    segments: Segments | None = None


def listen(
    path: PathLike, extractor: FeatureExtractor, *, max_duration: float = MAX_DURATION
) -> Extracted:
    """Return the vector of a sound file.

    Parameters
    ----------
    path
        Any sound file.
    extractor
        What turns its recording into a vector.
    max_duration
        The longest recording that is accepted, in seconds.

    Raises
    ------
    AudioError
        The file cannot be used.

    Examples
    --------
    >>> from earmark.features import get_extractor
    >>> heard = listen("examples/war_of_freedom.ogg", get_extractor("mfcc"))
    >>> heard.vector.shape, round(heard.duration), heard.warnings
    ((104,), 20, ())
    """
    began = time.perf_counter()
    with open_recording(path, max_duration=max_duration) as recording:
        try:
            vector, heard, segments = _extract(recording, extractor)
        except FeatureError as error:
            raise AudioSilent(path, str(error)) from error
        return Extracted(
            path=os.fspath(path),
            vector=vector,
            duration=recording.duration,
            warnings=tuple(recording.warnings),
            seconds=time.perf_counter() - began,
            heard=heard,
            segments=segments,
        )


def _extract(
    recording: Recording, extractor: FeatureExtractor
) -> tuple[Vector, float, Segments | None]:
    """Return the vector of a recording, how much of it was heard, and its segments."""
    rate = extractor.sample_rate
    spans = extractor.spans(recording.duration)
    if spans is None:
        samples = _Counted(recording.blocks(rate))
        vector = extractor.extract(samples)
        if recording.silent_share > 0.5:  # known only now, where all of it was heard
            samples = _Counted(_sounding(recording, extractor))
            vector = extractor.extract(samples)
        return vector, samples.count / rate, None
    parts: list[Samples] = []
    with contextlib.suppress(AudioSilent):
        parts.extend(recording.spans(rate, [(span.start, span.stop) for span in spans]))
    # A song and a long silence, as at the end of many albums: most spans fall into the pause.
    if 2 * len(parts) < len(spans) or not parts:
        samples = _Counted(_sounding(recording, extractor))
        return extractor.extract(samples), samples.count / rate, None
    heard = sum(map(len, parts)) / rate
    # Where a span was left out, nobody knows when the others were.
    if len(parts) < len(spans) or not isinstance(extractor, HearsSegments):
        return extractor.extract(parts), heard, None
    vector, segments = extractor.extract_with_segments(parts)
    if segments is not None:
        segments = _placed(segments, spans, np.array([len(part) / rate for part in parts]))
    return vector, heard, segments


def _placed(segments: Segments, spans: Sequence[Span], lengths: NDArray[np.float64]) -> Segments:
    """Return segments of spans [n] that lay one behind the other, with their times in the song."""
    before = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    # The middle, since a span begins where the one before it stops.
    span = np.searchsorted(before, (segments.starts + segments.stops) / 2, side="right") - 1
    shift = np.array([one.start for one in spans])[span] - before[span]
    return Segments(segments.starts + shift, segments.stops + shift, segments.vectors)


class _Counted:
    """Samples block by block, counted as they go by."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks = blocks
        self.count = 0

    def __iter__(self) -> Iterator[Samples]:
        for block in self._blocks:
            self.count += len(block)
            yield block


def _sounding(recording: Recording, extractor: FeatureExtractor) -> Iterator[Samples]:
    """Yield the spans that a recording would have without its long pauses."""
    segments = recording.sounding()
    starts = np.cumsum([0.0, *(stop - start for start, stop in segments)])
    if not segments:
        raise AudioSilent(recording.path, "there is only silence in it; choose another recording")
    spans = extractor.spans(float(starts[-1]))
    if spans is None:
        for start, stop in segments:
            yield from recording.blocks(extractor.sample_rate, start, stop)
        return
    for span in spans:
        parts = []
        for (start, stop), before in zip(segments, starts, strict=False):
            begin = max(start, start + span.start - before)
            end = min(stop, start + span.stop - before)
            if begin < end:
                with contextlib.suppress(AudioSilent):
                    parts.append(recording.read(extractor.sample_rate, begin, end))
        if parts:
            yield np.concatenate(parts)


def listen_windows(
    path: PathLike, extractor: FeatureExtractor, *, step: float
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Return what each segment of a sound file sounds like.

    Parameters
    ----------
    path
        Any sound file.
    extractor
        What turns a segment into a vector.
    step
        The length of a segment in seconds; what is left at the end is added to the last one.

    Returns
    -------
    The starts of the segments in seconds [w] and their vectors [w, d]. Segments without features,
    such as silence, are left out.

    Raises
    ------
    AudioError
        The file cannot be used, or no segment of it has features.
    """
    with open_recording(path) as recording:
        return windows_of(recording, extractor, step=step)


def windows_of(
    recording: Recording, extractor: FeatureExtractor, *, step: float
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Return what each segment of an open recording sounds like; see `listen_windows`."""
    starts: list[float] = []
    vectors: list[Vector] = []
    edges = np.arange(0, max(step, recording.duration - step / 2), step)
    for start, stop in zip(edges, [*edges[1:], None], strict=True):
        try:
            part = recording.read(extractor.sample_rate, float(start), stop)
            vectors.append(extractor.extract([part]))
        except (AudioSilent, FeatureError):
            continue
        starts.append(float(start))
    if not vectors:
        raise AudioSilent(recording.path, "no segment of it has sound to compare")
    return np.array(starts), np.stack(vectors)


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What a file is recognized by, the cheapest sign last.

    Attributes
    ----------
    content_hash
        SHA-256 of its bytes, in hexadecimal.
    audio_hash
        SHA-256 of its sound as it is stored, which no edit of tags, pictures or chapters changes;
        see :mod:`earmark.audio.payload`. None where it cannot be found.
    size
        In bytes.
    modified_ns
        When the file was last changed, in nanoseconds since 1970.
    """

    content_hash: str
    audio_hash: str | None
    size: int
    modified_ns: int


def identify(path: PathLike) -> FileIdentity:
    """Return what a sound file is recognized by, reading it once and decoding nothing.

    Parameters
    ----------
    path
        Any file; one that is no sound file has no ``audio_hash``.

    Raises
    ------
    AudioError
        There is no such file, it is empty, or it may not be read.

    Examples
    --------
    >>> before = identify("song.flac")                            # doctest: +SKIP
    >>> retag("song.flac", genre="Blues")                         # doctest: +SKIP
    >>> identify("song.flac").audio_hash == before.audio_hash     # doctest: +SKIP
    True
    """
    with closing(HashingFile(os.fspath(path))) as file:
        content_hash, audio_hash = hash_file_and_payload(file)
        return FileIdentity(content_hash, audio_hash, file.size, file.modified_ns)


def hash_file(path: PathLike) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal: what a track is recognized by.

    Raises
    ------
    AudioError
        The file is missing or may not be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(_HASH_BLOCK):
                digest.update(block)
    except FileNotFoundError as error:
        raise AudioNotFound(path, "there is no such file") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _unreadable(path: PathLike, error: OSError) -> AudioError:
    return NotAudio(path, f"it cannot be read: {error.strerror}")
