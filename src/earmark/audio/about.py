"""Which decoders are here, and what they decode; for ``earmark doctor``."""

from __future__ import annotations

from dataclasses import dataclass

import av
import soundfile

FFMPEG_DECODES = {
    "MP3": "mp3float",
    "AAC": "aac",
    "ALAC": "alac",
    "FLAC": "flac",
    "Vorbis": "vorbis",
    "Opus": "opus",
    "WMA": "wmav2",
    "AC-3": "ac3",
    "DTS": "dca",
    "WavPack": "wavpack",
    "TTA": "tta",
    "Monkey's Audio": "ape",
    "Musepack": "mpc7",
}
"""What people's music is stored as, and FFmpeg's name of the decoder."""

SNDFILE_READS = ("WAV", "AIFF", "AU", "CAF", "RF64", "W64")


@dataclass(frozen=True, slots=True)
class Decoder:
    """One library that decodes sound.

    Attributes
    ----------
    name, version
        Of the library.
    decodes
        Kinds of sound that it is asked for and that it decodes.
    lacks
        Those that this build of it does not.
    """

    name: str
    version: str
    decodes: tuple[str, ...]
    lacks: tuple[str, ...]


def decoders() -> tuple[Decoder, ...]:
    """Return the decoders as they are built here.

    >>> [decoder.name for decoder in decoders()]
    ['libsndfile', 'FFmpeg']
    """
    formats = soundfile.available_formats()
    reads = {name: name in formats for name in SNDFILE_READS}
    codecs = {name: _knows(codec) for name, codec in FFMPEG_DECODES.items()}
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    return (
        _decoder("libsndfile", str(soundfile.__libsndfile_version__), reads),
        _decoder("FFmpeg", f"libavcodec {version}", codecs),
    )


def _decoder(name: str, version: str, kinds: dict[str, bool]) -> Decoder:
    able = tuple(kind for kind, known in kinds.items() if known)
    return Decoder(name, version, able, tuple(kind for kind in kinds if kind not in able))


def _knows(codec: str) -> bool:
    try:
        av.codec.Codec(codec, "r")
    except ValueError:
        # PyAV's error of a codec that is not there is one.
        return False
    return True
