"""Decoding by libsndfile: WAV, AIFF, AU, FLAC, Ogg Vorbis, Opus and some older formats.

Not MP3, though libsndfile knows it. It guesses the length of a file without a count of frames from
the first frame's bit rate and reads nothing past that: of a file of 35 s it gave 11. It gives up at
damage that FFmpeg gets over, and its decoder writes to stderr.
"""

from __future__ import annotations

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.ending import last_page
from earmark.audio.files import open_bytes
from earmark.audio.source import CannotDecode, CannotOpen

# A decoder of Vorbis needs one block before the place where it starts in the middle, one of Opus
# about 80 ms, to give what it would have given anyway. Samples that are stored as they are need
# nothing.
_WARM_UP = 8192
_UNKNOWN = 1 << 62
# Left to itself, libsndfile takes some files of numbers for sound, and looks for MPEG headers, with
# comments to stderr, in whatever else it is given.
_SIGNATURES = (
    *(b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b".snd", b"dns.", b"caff", b"fLaC", b"OggS"),
    *(b"Crea", b"NIST", b"2BIT", b"PVF1", b" paf", b"fap "),
)
_STORED = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read on without seeking.

    soundfile seeks to where it already is after every read of a seekable file, and a seek restarts
    the decoder.
    """

    def seekable(self) -> bool:
        return False


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

    def _open(self) -> _Forward:
        if not self._file.read(4).startswith(_SIGNATURES):
            raise CannotOpen("no signature that is known")
        if self._is_chained():
            raise CannotOpen("an Ogg file of several streams, of which libsndfile reads one")
        self._file.seek(0)
        # The descriptor, not the name: a name can be no UTF-8, and can end in ".raw".
        sound = _Forward(self._file.fileno(), closefd=False)
        # A file without frames may be one whose writer died before it filled in the header.
        if sound.subtype.startswith("MPEG") or not 0 < sound.frames < _UNKNOWN:
            sound.close()
            raise CannotOpen("an encoding or a length that is better left to FFmpeg")
        return sound

    def _is_chained(self) -> bool:
        """Tell whether the first and the last page of an Ogg file belong to different streams."""
        self._file.seek(0)
        first = self._file.read(18)
        last = last_page(self._file) if first.startswith(b"OggS") else None
        return last is not None and first[14:18] != last[1][14:18]

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
            raise CannotDecode(str(error)) from error
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
            raise CannotDecode(str(error)) from error
        self._at += len(block)
        return block

    def close(self) -> None:
        """Let go of the file."""
        self._sound.close()
        self._file.close()
