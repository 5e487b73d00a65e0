"""Decoding by libsndfile: WAV, AIFF, AU, FLAC, Ogg Vorbis, Opus, MP3 and many older formats."""

from __future__ import annotations

import io
import os
from typing import IO, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio import mpeg
from earmark.audio.files import open_bytes
from earmark.audio.source import CannotDecode, CannotOpen

# Vorbis needs one block, MP3 two frames and its bit reservoir, Opus about 80 ms before a decoder
# that starts in the middle gives what it would have given anyway. Samples that are stored as they
# are need nothing.
_WARM_UP = 8192
_UNKNOWN = 1 << 62
_STORED = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read on without seeking.

    soundfile seeks to where it already is after every read of a seekable file. libsndfile then
    restarts the MP3 decoder, and the next few hundred samples come out wrong.
    """

    def seekable(self) -> bool:
        return False


class _Window(io.RawIOBase):
    """The bytes from ``start`` to ``stop`` of a file, as a file.

    libmpg123, inside libsndfile, writes about tags that it does not like to stderr; it does not
    get to see any.
    """

    def __init__(self, file: IO[bytes], start: int, stop: int) -> None:
        super().__init__()
        self._file, self._start, self._stop = file, start, stop
        self._at = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._stop - self._at)]
        self._file.seek(self._at)
        n = self._file.readinto(view)  # type: ignore[attr-defined]
        self._at += n
        return int(n)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._stop}[whence]
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        return self._at - self._start


class SoundFileSource:
    """A file that libsndfile decodes; see :class:`earmark.audio.source.Source`.

    Raises
    ------
    CannotOpen
        libsndfile does not know the file, or would not decode it well.
    """

    def __init__(self, path: str) -> None:
        self.warnings: list[str] = []
        self._file = open_bytes(path)
        try:
            opened = self._open()
        except (soundfile.SoundFileError, ValueError, OSError) as error:
            self._file.close()
            raise CannotOpen(str(error)) from error
        except CannotOpen:
            self._file.close()
            raise
        self._sound = opened
        self.sample_rate: int = opened.samplerate
        self.channels: int = opened.channels
        self.frames: int = opened.frames
        self.is_exact = True
        self._warm_up = 0 if opened.subtype in _STORED else _WARM_UP
        self._at = 0
        if self.frames >= _UNKNOWN:
            self.close()
            raise CannotOpen("libsndfile cannot tell the length")

    def _open(self) -> _Forward:
        layout = mpeg.walk(self._file)
        if layout is not None:
            if not (layout.is_sound and layout.has_count):
                raise CannotOpen("an MP3 file that is not as it says", *layout.complaint())
            window = _Window(self._file, layout.start, layout.stop)
            return _Forward(io.BufferedReader(window, 1 << 16))
        self._file.seek(0)
        if mpeg.may_be_mpeg(self._file.read(3)):
            raise CannotOpen("MPEG audio that is no plain MP3 file")
        self._file.seek(0)
        # The descriptor, not the name: a name can be no UTF-8, and can end in ".raw".
        sound = _Forward(self._file.fileno(), closefd=False)
        if sound.subtype.startswith("MPEG"):
            sound.close()
            raise CannotOpen("MPEG audio in another container")
        return sound

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        if frame == self._at:
            return
        if frame >= self.frames:
            self._at = self.frames
            return
        begin = max(0, frame - self._warm_up)
        try:
            self._sound.seek(begin)
        except soundfile.SoundFileError as error:
            raise CannotDecode(frame) from error
        self._at = begin
        while self._at < frame:
            if not len(self.read(frame - self._at)):
                return

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples [n, channels]."""
        frames = min(frames, self.frames - self._at)
        if frames <= 0:
            return np.empty((0, self.channels), np.float32)
        try:
            block: NDArray[np.float32] = self._sound.read(frames, "float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise CannotDecode(self._at) from error
        self._at += len(block)
        return block

    def close(self) -> None:
        """Let go of the file."""
        self._sound.close()
        self._file.close()
