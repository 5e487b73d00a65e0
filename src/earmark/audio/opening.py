"""Which decoder takes a file, and what happens when it fails on the way.

libsndfile comes first: it is fast and exact on sound files in order. FFmpeg takes everything else,
and takes over where libsndfile meets damage, since it finds the way past it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.audio.ending import Cut, find_cut
from earmark.audio.ffmpeg import FFmpegSource
from earmark.audio.files import is_meant_as_sound
from earmark.audio.sndfile import SoundFileSource
from earmark.audio.source import (
    DAMAGED,
    ENDS_EARLY,
    CannotDecode,
    CannotOpen,
    Source,
    is_shortfall,
    shortfall,
)
from earmark.errors import AudioError, AudioTruncated, NoAudioStream, NotAudio

TRUNCATED = "the file ends, or is damaged, before any sound; copy or download it again"


class AnySource:
    """A file that one of the decoders reads; see :class:`earmark.audio.source.Source`.

    Parameters
    ----------
    path
        The file.
    like
        The same file, opened before; spares finding out again what it is.

    Attributes
    ----------
    is_damaged
        Whether no index of the file can be trusted.

    Raises
    ------
    AudioError
        The file cannot be used; see :func:`earmark.audio.open_recording`.
    """

    def __init__(self, path: str, like: AnySource | None = None) -> None:
        self._path = path
        self.is_damaged: bool = like is not None and like.is_damaged
        self._by_ffmpeg: bool = like is not None and like._by_ffmpeg
        self._measured = like._source if like is not None else None
        self.warnings: list[str] = []
        self._cut = find_cut(path) if like is None else None
        self._source: Source = self._open()
        self._at = 0
        if like is None:
            self._check_tail()
        if self._cut is not None:
            self._tell(self._cut)
        self.sample_rate, self.channels = self._source.sample_rate, self._source.channels
        self.frames: int = self._source.frames
        self.is_exact = self._source.is_exact

    def _open(self) -> Source:
        if not self._by_ffmpeg:
            try:
                return SoundFileSource(self._path)
            except CannotOpen:
                self._by_ffmpeg = True
        return self._open_ffmpeg()

    def _open_ffmpeg(self) -> Source:
        try:
            measured = self._measured if isinstance(self._measured, FFmpegSource) else None
            source = FFmpegSource(self._path, like=measured, is_damaged=self.is_damaged)
        except CannotOpen as error:
            raise self._give_up() from error
        # Of a list that is cut off, nobody knows whether it would have named any sound.
        is_listed = self._cut is None or self._cut.has_index
        if source.has_sound is None or not (source.has_sound or is_listed):
            source.close()
            raise self._give_up()
        if not source.has_sound:
            source.close()
            raise NoAudioStream(self._path, "there is no sound in this file; choose another")
        source.warnings.extend(self.warnings)
        self.warnings = source.warnings
        return source

    def _give_up(self) -> AudioError:
        if is_meant_as_sound(self._path):
            return AudioTruncated(self._path, TRUNCATED)
        return NotAudio(self._path, "this is no sound file that can be read; choose another")

    def _check_tail(self) -> None:
        """Let FFmpeg count where libsndfile cannot reach the end that the header claims."""
        if self._by_ffmpeg:
            return
        try:
            self._source.seek(self._source.frames - 1)
            has_tail = len(self._source.read(1)) == 1
            self._source.seek(0)
        except CannotDecode:
            has_tail = False
        if has_tail:
            return
        self._source.close()
        self._by_ffmpeg = self.is_damaged = True
        self._source = self._open_ffmpeg()

    def _tell(self, cut: Cut) -> None:
        """Warn of a file that ends early, but only once."""
        source = self._source
        if not source.frames:
            return  # which is refused
        expected = round(source.frames / cut.present) if cut.present else source.frames
        missing = (expected - source.frames) / source.sample_rate
        # FFmpeg guesses the length of a file of ASF that was cut off from what is left.
        if any(map(is_shortfall, self.warnings)):
            if source.is_exact or missing < 0.1:
                return
            self.warnings[:] = [told for told in self.warnings if not is_shortfall(told)]
        if missing < 0.1:
            self.warnings.append(ENDS_EARLY)
        else:
            told = shortfall(source.frames, expected, source.sample_rate, is_exact=True)
            self.warnings.extend(told)

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        try:
            self._source.seek(frame)
        except CannotDecode:
            self._fail_over()
            self._source.seek(frame)
        self._at = frame

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels]."""
        try:
            block = self._source.read(frames)
        except CannotDecode:
            self._fail_over()
            self._source.seek(self._at)
            block = self._source.read(frames)
        self._at += len(block)
        return block

    def _fail_over(self) -> None:
        self._source.close()
        self._by_ffmpeg = self.is_damaged = True
        self._source = self._open_ffmpeg()
        self.warnings[:] = [DAMAGED]  # how much is lost, decoding will tell better

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
