"""An opened sound file: how long it is, and its samples at the rate that is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from earmark.audio.downmix import Mixer
from earmark.audio.files import OpenFile
from earmark.audio.resample import ReadPlan, plan, resample
from earmark.audio.silence import SILENCE, SILENT, LevelCheck
from earmark.audio.source import TRUNCATED, errors_of_one_file, shortfall
from earmark.errors import (
    AudioSilent,
    AudioTooLong,
    AudioTooShort,
    AudioTruncated,
    NotAudio,
)

if TYPE_CHECKING:
    from earmark.audio.decoders import AnySource

MIN_DURATION = 1.0
MAX_DURATION = 4 * 3600.0

# Samples a second, all channels together, that a limit of time allows for: stereo at 96 kHz.
_USUAL_SAMPLES = 2 * 96_000
_BLOCK = 1 << 17  # samples, all channels together, that are decoded at a time
_WINDOW = 0.1  # seconds that are looked at together for sound
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_600_000
_MOST_CHANNELS = 256


class Recording:
    """An opened sound file; see :func:`open_recording`.

    Attributes
    ----------
    path : str
        The file, as the caller named it.
    duration : float
        In seconds.
    duration_is_exact : bool
        False where the length is the container's word and was not counted.
    sample_rate : int
        The file's own, in Hz.
    channels : int
        The file's own.
    warnings : list of str
        What was found wrong; grows while decoding.
    silent_share : float
        Of what ``blocks`` gave last, the part that was silent; 0 before.

    Notes
    -----
    A recording is for one thread. Several iterations over ``blocks`` and calls of ``read`` do not
    disturb each other.
    """

    def __init__(self, path: str, *, max_duration: float, min_duration: float) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.silent_share = 0.0
        self._max_duration, self._min_duration = max_duration, min_duration
        self._most = int(max_duration * _USUAL_SAMPLES)
        self._file = OpenFile(path)
        try:
            with errors_of_one_file(path):
                self._source = _source(self._file, most=self._most)
        except BaseException:
            self._file.close()
            raise
        try:
            self._note(*self._source.warnings)
            self._check_shape()
        except BaseException:
            self.close()
            raise
        self._mixer = Mixer(self._open_again, self._note)

    # -- opening ---------------------------------------------------------------------------

    def _open_again(self) -> AnySource:
        return _source(self._file, like=self._source)

    def _check_shape(self) -> None:
        source = self._source
        if not source.sample_rate:
            raise AudioTruncated(self.path, TRUNCATED)
        if not _LOWEST_RATE <= source.sample_rate <= _HIGHEST_RATE:
            raise NotAudio(self.path, f"a sampling rate of {source.sample_rate} Hz is not usable")
        if source.channels > _MOST_CHANNELS:
            raise NotAudio(self.path, f"{source.channels} channels are too many; mix them down")
        self.sample_rate, self.channels = source.sample_rate, source.channels
        self.duration = source.frames / source.sample_rate
        self.duration_is_exact = source.is_exact
        self._require_duration(source.frames)
        self._require_limit(source.frames)

    def _require_limit(self, frames: int) -> None:
        """Raise AudioTooLong beyond the limit of time, or of samples that take as much work."""
        limit = f"the limit of {_clock(self._max_duration)}; cut it, or raise the limit"
        limit = f"{limit} (--max-duration)"
        if frames > self._max_duration * self.sample_rate:
            raise AudioTooLong(self.path, f"longer than {limit}")
        if frames * self.channels > self._most:
            shape = f"{self.channels} channels at {self.sample_rate} Hz"
            raise AudioTooLong(self.path, f"with {shape} as much work as sound beyond {limit}")

    def _require_duration(self, frames: int) -> None:
        if not frames:
            raise AudioTruncated(self.path, TRUNCATED)
        duration = frames / self.sample_rate
        if duration < self._min_duration:
            raise AudioTooShort(
                self.path,
                f"only {duration:.2f} s long; at least {self._min_duration:g} s are needed",
            )

    def _note(self, *warnings: str) -> None:
        for warning in warnings:
            if warning not in self.warnings:
                self.warnings.append(warning)

    # -- closing ---------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- samples ---------------------------------------------------------------------------

    def blocks(
        self, sample_rate: int, start: float = 0.0, stop: float | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield mono samples block by block; memory does not grow with the length.

        Parameters
        ----------
        sample_rate
            Of the samples, in Hz. At the file's own rate they are exactly those of the file.
        start, stop
            In seconds; ``stop`` is not part of it, None is the end. Sample m of the whole stands
            at m / ``sample_rate`` seconds; what is yielded are samples round(start x rate) to
            round(stop x rate).

        Yields
        ------
        ndarray [n] of float32
            In [-1, 1], or a little beyond for lossy formats; n is never 0.

        Raises
        ------
        AudioTruncated, AudioTooShort
            At the end, where the whole was asked for and less than the shortest duration decoded.
        AudioSilent
            At the end, where all of what was asked for is silent.
        AudioNotFinite
            As soon as it is met.
        AudioTooLong
            Where a file turns out to be longer than it said.
        """
        with errors_of_one_file(self.path):
            source = self._open_again()
        total = silent = 0
        try:
            for block in self._samples(source, sample_rate, start, stop):
                total += len(block)
                starts, stops = _sounding(block, sample_rate)
                silent += len(block) - int((stops - starts).sum())
                self.silent_share = silent / total
                yield block
        finally:
            if source.is_damaged and not self._source.is_damaged:
                self._source, source = source, self._source  # spans are to agree with the whole
            source.close()

    def read(
        self, sample_rate: int, start: float = 0.0, stop: float | None = None
    ) -> NDArray[np.float32]:
        """Return one span, reached by seeking: the same samples as that part of ``blocks``.

        Parameters and errors are those of :meth:`blocks`. Opus may differ by what its
        decoder does after a seek, at most a ten-thousandth of full scale; AAC by a tenth, since its
        decoder makes up noise where the encoder marked some. The array [n] is shorter
        than asked, or empty, where the recording ends before ``stop``.
        """
        blocks = list(self._samples(self._source, sample_rate, start, stop))
        return np.concatenate(blocks) if blocks else np.empty(0, np.float32)

    def spans(
        self, sample_rate: int, spans: Iterable[tuple[float, float]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield several spans, and leave out those that are silent or beyond the end.

        Songs have pauses: one silent span says nothing against the recording.

        Parameters
        ----------
        sample_rate
            In Hz.
        spans
            (start, stop) of each in seconds; reading goes fastest in ascending order.

        Yields
        ------
        ndarray [n] of float32
            As :meth:`read` returns it.

        Raises
        ------
        AudioSilent
            At the end, where not one of the spans has any sound.
        AudioNotFinite
            As soon as it is met.
        """
        heard = 0
        for start, stop in spans:
            try:
                samples = self.read(sample_rate, start, stop)
            except AudioSilent:
                continue
            if len(samples):
                heard += 1
                yield samples
        if not heard:
            raise AudioSilent(self.path, SILENT)

    def sounding(self, *, shortest_pause: float = 5.0) -> list[tuple[float, float]]:
        """Return the spans that have sound, by decoding all of the recording.

        Parameters
        ----------
        shortest_pause
            Silence that takes less time, in seconds, belongs to the span around it.

        Returns
        -------
        list of (start, stop)
            In seconds, in order; empty where all is silent.
        """
        found: list[tuple[float, float]] = []
        at = 0
        try:
            for block in self.blocks(self.sample_rate):
                edges = (side.tolist() for side in _sounding(block, self.sample_rate))
                for begin, stop in zip(*edges, strict=True):
                    start, end = (at + begin) / self.sample_rate, (at + stop) / self.sample_rate
                    if found and start - found[-1][1] < shortest_pause:
                        start = found.pop()[0]
                    found.append((start, end))
                at += len(block)
        except AudioSilent:
            return []
        return found

    def _samples(
        self, source: AnySource, rate: int, start: float, stop: float | None
    ) -> Iterator[NDArray[np.float32]]:
        is_span = start >= 0 and (stop is None or stop >= start)
        if not (is_span and _LOWEST_RATE <= rate <= _HIGHEST_RATE):
            raise ValueError(f"no such span: {start} s to {stop} s at {rate} Hz")
        last = None if stop is None else round(stop * rate)
        reading = plan(self.sample_rate, rate, round(start * rate), last)
        level = LevelCheck(self.path, self._note)
        native = self._native(source, reading, level)
        drop, keep = reading.drop, reading.keep
        try:
            with errors_of_one_file(self.path):
                for block in resample(native, self.sample_rate, rate):
                    asked = block[drop:]
                    drop -= len(block) - len(asked)
                    if keep is not None:
                        asked = asked[:keep]
                        keep -= len(asked)
                    if len(asked):
                        yield asked
                    if keep == 0:
                        break
        finally:
            self._note(*source.warnings)
        level.finish()

    def _native(
        self, source: AnySource, reading: ReadPlan, level: LevelCheck
    ) -> Iterator[NDArray[np.float32]]:
        """Yield mono blocks at the file's own rate; note the level of those that were asked for."""
        start, stop = reading.read_from, reading.read_to
        size = max(1, _BLOCK // self.channels)
        at = start
        source.seek(at)
        while stop is None or at < stop:
            wanted = size if stop is None else min(size, stop - at)
            block = source.read(wanted)
            if not len(block):
                break
            at += len(block)
            self._require_limit(at)
            mono = self._mixer.mix(level.finite(block))
            begin = at - len(block)
            # Not what the resampler needs before and after, nor its echoes of the edges.
            level.update(mono[max(0, reading.first - begin) : max(0, reading.end(at) - begin)])
            yield mono
        if stop is None:
            expected = round(self.duration * self.sample_rate)
            is_exact = self.duration_is_exact
            self._note(*shortfall(at, expected, self.sample_rate, is_exact=is_exact))
            if start == 0:
                self._require_duration(at)


def open_recording(
    path: str | os.PathLike[str],
    *,
    max_duration: float = MAX_DURATION,
    min_duration: float = MIN_DURATION,
) -> Recording:
    """Open a sound file of any format; its content decides which, not its name.

    Parameters
    ----------
    path
        The file.
    max_duration, min_duration
        The longest and the shortest duration that is accepted, in seconds.

    Raises
    ------
    AudioNotFound, AudioIsFolder, AudioEmpty
        There is no file with content at ``path``.
    NotAudio
        No decoder knows the file, or it is a pipe or a device, or it may not be read.
    NoAudioStream
        A container without sound.
    AudioTruncated
        A sound file that ends before any sound.
    AudioTooShort, AudioTooLong
        Outside the limits.

    Examples
    --------
    >>> with open_recording("examples/war_of_freedom.ogg") as recording:
    ...     chorus = recording.read(16_000, start=6, stop=9)
    >>> len(chorus), chorus.dtype
    (48000, dtype('float32'))
    """
    return Recording(os.fspath(path), max_duration=max_duration, min_duration=min_duration)


def _source(file: OpenFile, *, like: AnySource | None = None, most: int = 1 << 62) -> AnySource:
    # Imported when a file is opened: a process whose workers do that needs no decoder.
    from earmark.audio.decoders import AnySource

    return AnySource(file, like=like, most=most)


def _sounding(block: NDArray[np.float32], rate: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the spans of mono samples, a tenth of a second each, with sound begin and end.

    Both [s]; a span ends before its stop.
    """
    window = max(1, round(_WINDOW * rate))
    whole = len(block) // window * window
    starts, stops = [], []
    for begin, rows in ((0, block[:whole].reshape(-1, window)), (whole, block[None, whole:])):
        if not rows.size:
            continue
        at = np.flatnonzero(rows.max(axis=1) - rows.min(axis=1) > 2 * SILENCE)
        # Of a window at an edge what is silent is left out: to a logarithm it is an abyss.
        loud = np.abs(rows[at]) > SILENCE
        first = begin + at * window
        starts.append(first + loud.argmax(axis=1))
        stops.append(first + rows.shape[1] - loud[:, ::-1].argmax(axis=1))
    return np.concatenate(starts), np.concatenate(stops)


def _clock(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
