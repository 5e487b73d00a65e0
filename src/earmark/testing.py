"""Stand-ins for tests: made sounds, a tiny library of them, and an extractor without a model.

For Earmark's own tests and for those of plug-ins. Nothing here needs a network, a download or a
recording, and the same call gives the same numbers every time.

>>> import tempfile
>>> from pathlib import Path
>>> from earmark import Classifier
>>> with tempfile.TemporaryDirectory() as folder:
...     music = make_music(Path(folder) / "music", each=9)
...     song = write_wav(Path(folder) / "song.wav", make_song("hum", 20, seconds=3.0))
...     with make_library(Path(folder) / "tiny.earmark", music) as library:
...         Classifier(library).predict(song).genre
'hum'

The author of a feature extractor tests that it keeps the contract with one line:

>>> check_extractor(FakeExtractor())
"""

from __future__ import annotations

import itertools
import os
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.errors import FeatureError
from earmark.features import (
    CLASSIC,
    Card,
    ExtractorSpec,
    FeatureExtractor,
    Samples,
    Vector,
    get_extractor,
)
from earmark.features.probe import UNLIKE, is_one_place
from earmark.library import Library, Track, create_library
from earmark.listen import identify, listen

__all__ = [
    "EACH",
    "GENRES",
    "RATE",
    "FakeExtractor",
    "check_extractor",
    "make_library",
    "make_music",
    "make_song",
    "noise",
    "silence",
    "sine",
    "tune",
    "write_wav",
]

RATE = 22_050
"""Sampling rate of the made songs in Hz."""

EACH = 9
"""Tracks of a genre in a made collection: of eight neighbors, all can be of one genre."""

GENRES = ("hiss", "hum", "melody")
"""Genres of made songs; no ear and no extractor takes one for another."""


def sine(seconds: float, rate: int = RATE, *, hertz: float = 440.0, level: float = 0.5) -> Samples:
    """Return a mono sine [n].

    >>> len(sine(2.0, 8_000))
    16000
    """
    time = np.arange(round(seconds * rate)) / rate
    return np.asarray(level * np.sin(2 * np.pi * hertz * time), dtype=np.float32)


def noise(seconds: float, rate: int = RATE, *, seed: int = 0, level: float = 0.1) -> Samples:
    """Return white mono noise [n] with a standard deviation of ``level``, within [-1, 1]."""
    rng = np.random.default_rng(seed)
    samples = level * rng.standard_normal(round(seconds * rate))
    return np.asarray(samples.astype(np.float32).clip(-1, 1), dtype=np.float32)


def silence(seconds: float, rate: int = RATE) -> Samples:
    """Return zeros [n]."""
    return np.zeros(round(seconds * rate), np.float32)


def tune(seconds: float, rate: int = RATE, *, channels: int = 1, seed: int = 0) -> Samples:
    """Return something like music: notes with overtones that come and go, and a little noise.

    Parameters
    ----------
    seconds, rate
        Length, and sampling rate in Hz.
    channels
        1 gives [n], more give [n, channels], each channel with notes of its own.
    seed
        Another seed, another tune. Of one seed, a shorter tune is the beginning of a longer one.

    Returns
    -------
    ndarray of float32
        Within [-0.9, 0.9] and exactly representable in 16 bits, so that a lossless 16-bit file
        gives back the very same numbers.
    """
    n = round(seconds * rate)
    time = np.arange(n) / rate
    out = np.empty((n, channels))
    for channel in range(channels):
        rng = np.random.default_rng([seed, channel])
        pitches = 110.0 * 2 ** (rng.integers(0, 36, int(seconds * 4) + 64) / 12)
        note = np.minimum((time * 4).astype(int), len(pitches) - 1)
        since = time * 4 - note
        phase = 2 * np.pi * np.cumsum(pitches[note]) / rate
        voice = sum(np.sin(k * phase) / k for k in range(1, 7)) * np.exp(-2 * since)
        # A generator of its own, so that the number of notes does not change the noise.
        hiss = np.random.default_rng([seed, channel, 1]).standard_normal(n)
        out[:, channel] = 0.25 * voice + 0.02 * hiss
    samples = np.asarray(np.round(out.clip(-0.9, 0.9) * 32_768) / 32_768, dtype=np.float32)
    return samples[:, 0] if channels == 1 else samples


def make_song(genre: str, seed: int, seconds: float = 2.0) -> Samples:
    """Return a mono song [n] at ``RATE``.

    Parameters
    ----------
    genre
        One of ``GENRES``.
    seed
        Another seed, another song of the genre.
    seconds
        Its length.

    Raises
    ------
    ValueError
        There is no such genre.

    Examples
    --------
    >>> make_song("hum", 3).shape
    (44100,)
    """
    if genre == "hiss":
        return noise(seconds, seed=seed, level=0.1 + 0.01 * seed)
    if genre == "hum":
        low = sine(seconds, hertz=60 + 3 * seed, level=0.4)
        return low + noise(seconds, seed=seed, level=0.001)
    if genre == "melody":
        return tune(seconds, seed=seed)
    raise ValueError(f"there is no made genre {genre!r}; there are {', '.join(GENRES)}")


def write_wav(
    path: str | os.PathLike[str], samples: NDArray[np.floating], rate: int = RATE
) -> Path:
    """Write samples [n] or [n, channels] in [-1, 1] as a WAV file of 16 bits; return its path."""
    table = np.asarray(samples)
    numbers = np.round(table * 32_768).clip(-32_768, 32_767).astype("<i2")
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1 if table.ndim == 1 else table.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(numbers.tobytes())
    return Path(path)


def make_music(
    folder: str | os.PathLike[str], *, genres: Iterable[str] = GENRES, each: int = EACH
) -> Path:
    """Write a small collection: a folder for each genre, with songs of two seconds.

    Parameters
    ----------
    folder
        Where; made where it is not there.
    genres
        Some of ``GENRES``.
    each
        Songs of a genre: ``hum/hum-0.wav``, ``hum/hum-1.wav`` and so on.

    Returns
    -------
    Path
        The folder.
    """
    root = Path(folder)
    for genre in genres:
        (root / genre).mkdir(parents=True, exist_ok=True)
        for seed in range(each):
            write_wav(root / genre / f"{genre}-{seed}.wav", make_song(genre, seed))
    return root


def make_library(
    path: str | os.PathLike[str],
    music: str | os.PathLike[str],
    extractor: FeatureExtractor | None = None,
) -> Library:
    """Write the library of a collection that `make_music` made; every two songs share an artist.

    Parameters
    ----------
    path
        The file; it must not be there yet.
    music
        The folder of the collection.
    extractor
        Makes the embeddings; None: the classic one, which needs no network.

    Returns
    -------
    Library
        Open, to be closed by the caller.
    """
    ears = get_extractor(CLASSIC) if extractor is None else extractor
    tracks, embeddings = [], []
    for file in sorted(Path(music).rglob("*.wav")):
        genre, number = file.parent.name, int(file.stem.rpartition("-")[2])
        found, identity = listen(file, ears), identify(file)
        tracks.append(
            Track(
                name=file.stem,
                genre=genre,
                artist=f"The {genre} {number // 2}",
                title=f"{genre.title()} number {number}",
                path=str(file),
                content_hash=identity.content_hash,
                audio_hash=identity.audio_hash,
                duration=found.duration,
            )
        )
        embeddings.append(found.vector)
    library = create_library(path, ears.spec)
    library.add(tracks, np.stack(embeddings))
    return library


class FakeExtractor:
    """A feature extractor that needs no model: the mean level of octave bands, in decibels.

    It keeps the whole contract of `earmark.features.FeatureExtractor`, is quick, and hears enough
    to tell ``GENRES`` apart.

    Parameters
    ----------
    name, version
        Of its spec.
    dimension
        How many bands, the highest first.
    """

    sample_rate = 16_000
    _FRAME = 1_024

    def __init__(self, name: str = "fake", version: str = "1", *, dimension: int = 8) -> None:
        self.spec = ExtractorSpec(name, version, dimension, "euclidean", "float32")
        self.card = Card(description="Levels of octave bands", license="MIT")

    def spans(self, duration: float) -> None:
        """Hear the whole recording, whatever its duration in seconds."""

    def extract(self, segments: Iterable[Samples]) -> Vector:
        """Return the level of each band [dimension] in decibels.

        Raises
        ------
        FeatureError
            There is less than a frame of sound, or only silence.
        """
        blocks = [np.asarray(block, np.float32) for block in segments]
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        n_frames = len(samples) // self._FRAME
        if n_frames == 0 or not samples.any():
            raise FeatureError("there is no sound in it")
        frames = samples[: n_frames * self._FRAME].reshape(n_frames, self._FRAME)
        power = (np.abs(np.fft.rfft(frames * np.hanning(self._FRAME))) ** 2).mean(axis=0)
        edges = (self._FRAME // 2) / 2.0 ** np.arange(self.spec.dimension, -1, -1)
        places = np.clip(np.ceil(edges), 0, self._FRAME // 2).astype(int)
        bands = [power[low : max(high, low + 1)].mean() for low, high in itertools.pairwise(places)]
        return np.asarray(10 * np.log10(np.array(bands[::-1]) + 1e-9), dtype=np.float32)


def check_extractor(extractor: FeatureExtractor, *, seconds: float = 12.0) -> None:
    """Check that a feature extractor keeps its contract, with signals that Earmark makes.

    Its vectors have the stated dimension and are finite, the same samples give the same vector
    every time and in blocks of any length, and unlike signals give unlike vectors.

    Parameters
    ----------
    extractor
        What is to be checked.
    seconds
        Length of the signals; as long as the extractor needs.

    Raises
    ------
    AssertionError
        With what is wrong, in words.

    Examples
    --------
    >>> deaf = FakeExtractor()
    >>> deaf.extract = lambda segments: np.ones(8, np.float32)
    >>> check_extractor(deaf)
    Traceback (most recent call last):
    AssertionError: a sweep, noise and clicks all give the same vector
    """
    rate = extractor.sample_rate
    _require(rate > 0, f"its sample rate is {rate} Hz")
    vectors = []
    for make in UNLIKE:
        samples = make(seconds, rate)
        spans = extractor.spans(seconds)
        if spans is None:
            segments = [samples]
        else:
            _require(len(spans) > 0, f"it hears no segment of {seconds:g} s")
            segments = [
                samples[round(span.start * rate) : round(span.stop * rate)] for span in spans
            ]
        vector = extractor.extract(segments)
        shape = (extractor.spec.dimension,)
        _require(vector.shape == shape, f"a vector has the shape {vector.shape}, not {shape}")
        _require(bool(np.isfinite(vector).all()), "a vector has numbers that are not finite")
        again = extractor.extract(iter(segments))
        _require(np.array_equal(vector, again), "the same samples give another vector each time")
        if spans is None:
            blocks = np.array_split(samples, 7)
            _require(
                np.allclose(vector, extractor.extract(blocks), rtol=1e-3, atol=1e-4),
                "the same samples in blocks of another length give another vector",
            )
        vectors.append(vector)
    _require(
        not is_one_place(np.stack(vectors)), "a sweep, noise and clicks all give the same vector"
    )


def _require(kept: bool, otherwise: str) -> None:
    if not kept:
        raise AssertionError(otherwise)
