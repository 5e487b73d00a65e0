"""Decoding by libsndfile: WAV, AIFF, AU, CAF and some older formats of samples as they are.

Not what is compressed, though libsndfile knows much of it, nor VOC; FFmpeg does better there:

* MP3: it guesses the length of a file without a count of frames from the first frame's bit rate and
  reads nothing past that: of a file of 35 s it gave 11. Its decoder writes to stderr.
* Vorbis and Opus: after some seeks it gives up in the middle of files that are whole, of joined
  files it reads the first, and Opus it gives at the rate that the header happens to name.
* FLAC: it reads as many samples as the header claims, though there be more.
* VOC: of a file in several blocks it takes the heads of the later ones for samples.
"""

from __future__ import annotations

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.audio.files import View
from earmark.audio.source import CannotDecode, CannotOpen

_UNKNOWN = 1 << 62
# Left to itself, libsndfile takes some files of numbers for sound, and looks for MPEG headers, with
# comments to stderr, in whatever else it is given.
_SIGNATURES = (
    *(b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b".snd", b"dns.", b"caff"),
    *(b"NIST", b"2BIT", b"PVF1", b" paf", b"fap "),
)
_WARM_UP = 8192  # frames; samples that are stored as they are need none
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

    Parameters
    ----------
    file
        The file, without tags before its sound; nobody else may read this view.

    Attributes
    ----------
    is_stored
        Whether the file holds samples as they are.

    Raises
    ------
    CannotOpen
        libsndfile does not know the file, or would not decode it well.
    """

    def __init__(self, file: View) -> None:
        self.warnings: list[str] = []
        if not file.peek(0, 4).startswith(_SIGNATURES):
            raise CannotOpen("no signature that is known")
        try:
            sound = _Forward(file)
        except (soundfile.SoundFileError, ValueError, OSError) as error:
            raise CannotOpen(str(error)) from error
        # 64-bit integers have no name in soundfile. A file without frames may be one whose writer
        # died before it filled in the header.
        is_known = sound.subtype is not None and not sound.subtype.startswith("MPEG")
        if not (is_known and 0 < sound.frames < _UNKNOWN):
            sound.close()
            raise CannotOpen("an encoding or a length that is better left to FFmpeg")
        self._sound = sound
        self.sample_rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.frames: int = sound.frames
        self.is_exact = True
        self.is_stored = sound.subtype in _STORED
        self._at = 0

    def seek(self, frame: int) -> None:
        """Let the next ``read`` begin at ``frame``."""
        if frame == self._at:
            return
        if frame >= self.frames:
            self._at = self.frames
            return
        begin = max(0, frame - (0 if self.is_stored else _WARM_UP))
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
        """Let go of the decoder."""
        self._sound.close()
