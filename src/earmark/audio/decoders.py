"""Which decoder takes a file, and what happens when it fails on the way.

libsndfile comes first where samples are stored as they are: it is fast and exact. FFmpeg takes
everything else, and takes over where libsndfile meets damage, since it finds the way past it.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from earmark.audio.bitstream import WordsFile, find_bitstream
from earmark.audio.bounds import find_sound
from earmark.audio.chain import ChainedSource
from earmark.audio.ffmpeg import FFmpegSource
from earmark.audio.files import OpenFile, View
from earmark.audio.mpeg import find_frames
from earmark.audio.ogg import find_links
from earmark.audio.signatures import is_meant_as_sound, why_no_sound
from earmark.audio.sndfile import SoundFileSource
from earmark.audio.source import (
    DAMAGED,
    ENDS_EARLY,
    TRUNCATED,
    CannotDecode,
    CannotOpen,
    Source,
    is_shortfall,
    shortfall,
)
from earmark.audio.truncation import Cut, find_cut, find_rest
from earmark.errors import AudioError, AudioTruncated, NoAudioStream, NotAudio
from earmark.words import say

MORE_THAN_CLAIMED = say("its header speaks of less sound than there is; the rest is left out")

_MPEG_NAMES = {".mp3", ".mp2", ".mp1", ".mpa", ".mpga"}
# Raw frames have no signature; where the first bytes decide nothing, the name does.
_RAW_NAMES = {
    ".aac": "aac",
    ".adts": "aac",
    ".ac3": "ac3",
    ".ec3": "eac3",
    ".eac3": "eac3",
    ".dts": "dts",
    ".mlp": "mlp",
    ".thd": "truehd",
    ".loas": "loas",
    ".latm": "loas",
}


class AnySource:
    """A file that one of the decoders reads; see :class:`earmark.audio.source.Source`.

    Parameters
    ----------
    file
        The file; whoever opened it closes it.
    like
        The same file, decoded before; spares finding out again what it is.
    most
        Samples, all channels together, that are decoded at most to find how many there are.

    Attributes
    ----------
    is_damaged
        Whether no index of the file can be trusted.

    Raises
    ------
    AudioError
        The file cannot be used; see :func:`earmark.audio.open_recording`.
    """

    def __init__(
        self, file: OpenFile, *, like: AnySource | None = None, most: int = 1 << 62
    ) -> None:
        self._file, self._most = file, most
        self.warnings: list[str] = []
        self._inner: Source | None = None
        self.is_damaged = False
        self._view: View = like._view if like else find_sound(View(file))
        self._form: str | None = None
        self._bitstream: str | None = None
        self._links: list[View] = []
        self._cut: Cut | None = None
        if like is None:
            self._source = self._find_source()
            self._check_tail()
            self._check_bitstream()
            self._tell()
        else:
            self.is_damaged = like.is_damaged
            self._form, self._bitstream, self._links = like._form, like._bitstream, like._links
            self._source = self._open_like(like._source)
        self._at = 0
        self._take_over()

    def _take_over(self) -> None:
        self.sample_rate, self.channels = self._source.sample_rate, self._source.channels
        self.frames: int = self._source.frames
        self.is_exact = self._source.is_exact

    # -- opening ---------------------------------------------------------------------------

    def _find_source(self) -> Source:
        self._cut = find_cut(self._view)
        try:
            return SoundFileSource(self._view.part())
        except CannotOpen:
            return self._find_ffmpeg()

    def _open_like(self, like: Source) -> Source:
        if self._bitstream:
            self._inner = AnySource._plain(self._view)
            measured = like if isinstance(like, FFmpegSource) else None
            return FFmpegSource(WordsFile(self._inner), like=measured, form=self._bitstream)
        if isinstance(like, SoundFileSource):
            return SoundFileSource(self._view.part())
        if isinstance(like, ChainedSource):
            return ChainedSource(self._links, like=like, is_damaged=self.is_damaged)
        assert isinstance(like, FFmpegSource)  # noqa: S101
        return FFmpegSource(self._view, like=like, is_damaged=self.is_damaged)

    @staticmethod
    def _plain(view: View) -> Source:
        try:
            return SoundFileSource(view.part())
        except CannotOpen:
            return FFmpegSource(view)

    def _find_ffmpeg(self) -> Source:
        source = self._try_ffmpeg() or self._try_names()
        if source is None:
            raise self._give_up()
        # A list that is cut off may have named a sound.
        is_listed = self._cut is None or self._cut.has_index
        if source.has_sound is None or not (source.has_sound or is_listed):
            source.close()
            raise self._give_up()
        if not source.has_sound:
            source.close()
            raise NoAudioStream(self._file.path, "there is no sound in this file; choose another")
        return source

    def _try_ffmpeg(self) -> FFmpegSource | ChainedSource | None:
        try:
            if self._view.peek(0, 4) == b"OggS":
                self._links = find_links(self._view)
                if len(self._links) > 1:
                    return ChainedSource(self._links, is_damaged=self.is_damaged, most=self._most)
            return FFmpegSource(self._view, is_damaged=self.is_damaged, most=self._most)
        except CannotOpen:
            return None

    def _try_names(self) -> FFmpegSource | None:
        """Look for frames of formats without a signature, where the content decided nothing."""
        ending = os.path.splitext(self._file.path)[1].lower()  # noqa: PTH122
        form = _RAW_NAMES.get(ending)
        if self._why_no_sound():
            return None
        if ending in _MPEG_NAMES or self._is_tagged():
            at = find_frames(self._view)
            if at is not None:
                self._view, form = self._view.part(at), "mp3"
        if form is None:
            return None
        try:
            source = FFmpegSource(
                self._view, form=form, is_damaged=self.is_damaged, most=self._most
            )
        except CannotOpen:
            return None
        if source.frames and not source.warnings:
            return source
        source.close()
        return None

    def _is_tagged(self) -> bool:
        """Tell whether an ID3v2 tag stands at the beginning, even one that tells a wrong length."""
        return View(self._file).peek(0, 3) == b"ID3"

    def _why_no_sound(self) -> str | None:
        # A module may begin with zeros, which are no padding.
        return why_no_sound(self._view) or why_no_sound(View(self._file))

    def _give_up(self) -> AudioError:
        path = self._file.path
        why = self._why_no_sound()
        if why is not None:
            return NotAudio(path, why)
        if self._view.start or is_meant_as_sound(self._view.peek(0, 16)):
            return AudioTruncated(path, TRUNCATED)
        return NotAudio(path, "this is no sound file that can be read; choose another")

    # -- checking --------------------------------------------------------------------------

    def _check_tail(self) -> None:
        """Let FFmpeg count where libsndfile cannot reach the end that the header claims."""
        if not isinstance(self._source, SoundFileSource):
            return
        try:
            self._source.seek(self._source.frames - 1)
            has_tail = len(self._source.read(1)) == 1
            self._source.seek(0)
        except CannotDecode:
            has_tail = False
        if not has_tail:
            self._source.close()
            self.is_damaged = True
            self._source = self._find_ffmpeg()

    def _check_bitstream(self) -> None:
        """Decode what is stored as samples but is AC-3 or DTS."""
        is_lossless = isinstance(self._source, SoundFileSource) or self._view.peek(0, 4) == b"fLaC"
        self._bitstream = find_bitstream(self._source) if is_lossless else None
        if self._bitstream is None:
            return
        try:
            source = FFmpegSource(WordsFile(self._source), form=self._bitstream, most=self._most)
        except CannotOpen:
            source = None
        if source is None or not source.frames:
            self._source.close()
            raise NotAudio(
                self._file.path,
                "this holds AC-3 or DTS for a receiver, which cannot be decoded; decode it first",
            )
        self._inner, self._source = self._source, source

    def _tell(self) -> None:
        """Warn, once, of a file that ends early, or that holds more than its header says."""
        source, cut = self._source, self._cut
        self.warnings = source.warnings
        if not source.frames:
            return  # which is refused
        if isinstance(source, SoundFileSource):
            second = self._view.size * source.sample_rate / source.frames
            if find_rest(self._view) > second:
                self.warnings.append(MORE_THAN_CLAIMED)
        if cut is None:
            return
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

    # -- reading ---------------------------------------------------------------------------

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
        self._file.require_readable()
        self._at += len(block)
        return block

    def _fail_over(self) -> None:
        """Let FFmpeg go on where libsndfile gave up, at the same frame of the same recording."""
        shape = self._source.sample_rate, self._source.channels
        self._source.close()
        self.is_damaged = True
        self._source = self._find_ffmpeg()
        if (self._source.sample_rate, self._source.channels) != shape:
            # A place counted by one decoder means nothing to the other.
            raise AudioTruncated(self._file.path, "the file is damaged; copy or download it again")
        self._take_over()
        self.warnings[:] = [DAMAGED]  # how much is lost, decoding will tell better

    def close(self) -> None:
        """Let go of the decoders."""
        self._source.close()
        if self._inner is not None:
            self._inner.close()
