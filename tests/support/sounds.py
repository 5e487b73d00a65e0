"""Short sounds, and files of them in every format, for the tests of every part.

``tune`` gives samples, ``write`` a file in one of ``FORMATS``. Files are written by soundfile and
PyAV directly, so that what reads them is tested against something else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark import testing
from earmark.testing import noise, silence, sine

__all__ = ["FORMATS", "Format", "Samples", "album", "noise", "silence", "sine", "tune", "write"]

Samples = NDArray[np.float32]

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file is written.

    Attributes
    ----------
    extension
        With its dot.
    container, codec
        Of soundfile (``WAV``, ``PCM_16``) or, in lower case, of FFmpeg (``ipod``, ``aac``).
    accuracy
        The largest error of a sample that coding may bring in, for ``tune``; None for lossy ones.
    rates
        The sampling rates that it can hold; None means any.
    """

    extension: str
    container: str
    codec: str
    accuracy: float | None = None
    rates: tuple[int, ...] | None = None


_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)

FORMATS: dict[str, Format] = {
    "wav-u8": Format(".wav", "WAV", "PCM_U8", 2**-7),
    "wav-16": Format(".wav", "WAV", "PCM_16", 2**-15),
    "wav-24": Format(".wav", "WAV", "PCM_24", 2**-23),
    "wav-32": Format(".wav", "WAV", "PCM_32", 2**-24),
    "wav-float": Format(".wav", "WAV", "FLOAT", 0.0),
    "wav-double": Format(".wav", "WAV", "DOUBLE", 0.0),
    "rf64": Format(".wav", "RF64", "PCM_16", 2**-15),
    "aiff": Format(".aiff", "AIFF", "PCM_16", 2**-15),
    "aiff-24": Format(".aif", "AIFF", "PCM_24", 2**-23),
    "au": Format(".au", "AU", "PCM_16", 2**-15),
    "caf": Format(".caf", "CAF", "PCM_16", 2**-15),
    "flac": Format(".flac", "FLAC", "PCM_16", 2**-15),
    "flac-24": Format(".flac", "FLAC", "PCM_24", 2**-23),
    "ogg": Format(".ogg", "OGG", "VORBIS"),
    "opus": Format(".opus", "OGG", "OPUS", rates=_OPUS_RATES),
    "mp3": Format(".mp3", "MP3", "MPEG_LAYER_III", rates=_MPEG_RATES),
    "m4a": Format(".m4a", "ipod", "aac", rates=_MPEG_RATES),
    "alac": Format(".m4a", "ipod", "alac", 2**-15),
    "mp4": Format(".mp4", "mp4", "aac", rates=_MPEG_RATES),
    "aac": Format(".aac", "adts", "aac", rates=_MPEG_RATES),
    "wma": Format(".wma", "asf", "wmav2", rates=(8000, 16000, 22050, 32000, 44100, 48000)),
    "webm": Format(".webm", "webm", "libopus", rates=_OPUS_RATES),
    "mka": Format(".mka", "matroska", "flac", 2**-15),
    "wavpack": Format(".wv", "wv", "wavpack", 2**-15),
    "tta": Format(".tta", "tta", "tta", 2**-15),
    "ac3": Format(".ac3", "ac3", "ac3", rates=(32000, 44100, 48000)),
}
"""By name; those with ``accuracy`` are lossless up to their word length."""

_INTEGERS = {"alac": "s16p", "flac": "s16", "wavpack": "s16p", "tta": "s16"}


def tune(seconds: float, rate: int = 22050, *, channels: int = 1, seed: int = 0) -> Samples:
    """Return what `earmark.testing.tune` does, made once for each length."""
    return _tune(seconds, rate, channels=channels, seed=seed).copy()


_tune = lru_cache(maxsize=64)(testing.tune)


def write(
    path: str | os.PathLike[str],
    samples: Samples,
    rate: int,
    kind: str = "wav-16",
    *,
    tags: dict[str, str] | None = None,
) -> Path:
    """Write a sound file.

    Parameters
    ----------
    path
        The file; its extension does not matter, and a folder gets a file named after ``kind``.
    samples
        [n] or [n, channels], in [-1, 1].
    rate
        In Hz; one that ``FORMATS[kind].rates`` allows.
    kind
        A name in ``FORMATS``.
    tags
        Such as ``{"artist": "Ma Rainey", "genre": "Blues"}``; only some kinds keep them.

    Returns
    -------
    Path
        The file.
    """
    form = FORMATS[kind]
    file = Path(path)
    if file.is_dir():
        file = file / f"{kind}{form.extension}"
    if form.rates and rate not in form.rates:
        raise ValueError(f"{kind} cannot hold {rate} Hz")
    table = np.asarray(samples, np.float32)
    table = table[:, None] if table.ndim == 1 else table
    if form.container.isupper() or form.container == "RF64":
        _write_soundfile(file, table, rate, form, tags or {})
    else:
        _write_av(file, table, rate, form, tags or {})
    return file


def _write_soundfile(
    file: Path, samples: Samples, rate: int, form: Format, tags: dict[str, str]
) -> None:
    # Name by descriptor: soundfile would insist on an extension that it knows.
    with (
        file.open("wb+") as handle,
        soundfile.SoundFile(
            handle, "w", rate, samples.shape[1], form.codec, format=form.container
        ) as sound,
    ):
        for tag, value in tags.items():
            setattr(sound, tag, value)
        for at in range(0, len(samples), _BLOCK):  # long writes of Vorbis overflow its stack
            sound.write(samples[at : at + _BLOCK])


def _write_av(file: Path, samples: Samples, rate: int, form: Format, tags: dict[str, str]) -> None:
    channels = samples.shape[1]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}.get(channels, f"{channels}c")
    integer = _INTEGERS.get(form.codec)
    sample_format = integer or "fltp"
    data = np.ascontiguousarray(samples.T)
    if integer:
        data = np.round(data * 32768).clip(-32768, 32767).astype(np.int16)
    with file.open("wb+") as handle, av.open(handle, "w", format=form.container) as container:
        container.metadata.update(tags)
        stream = container.add_stream(form.codec, rate=rate, layout=layout)
        if integer:  # else the encoder's first choice, which frames are converted to
            stream.codec_context.format = integer
        if form.accuracy is None:
            stream.bit_rate = 128_000
        for at in range(0, len(samples), _BLOCK):
            piece = np.ascontiguousarray(data[:, at : at + _BLOCK])
            if not sample_format.endswith("p"):
                piece = np.ascontiguousarray(piece.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format=sample_format, layout=layout)
            frame.sample_rate = rate
            frame.pts = at
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def album(
    folder: str | os.PathLike[str],
    genres: dict[str, int],
    *,
    seconds: float = 2.0,
    rate: int = 22050,
    kind: str = "wav-16",
) -> Path:
    """Write a small collection: ``{"blues": 2}`` gives blues/blues.00000.wav and blues.00001.wav.

    Every track has a tune of its own; the tracks of a genre are no more alike than others.
    """
    root = Path(folder)
    seed = 0
    for genre, count in genres.items():
        (root / genre).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            name = f"{genre}.{i:05d}{FORMATS[kind].extension}"
            write(root / genre / name, tune(seconds, rate, seed=seed), rate, kind)
            seed += 1
    return root
