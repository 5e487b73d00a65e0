"""Mistakes of users that their type checker finds before anything runs.

Each line that is wrong says after ``# E:`` what mypy must report there, and no other line may be
reported. This file is not run: ``tests/test_typing.py`` gives it to mypy.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import earmark
from earmark import Clasifier  # E: has no attribute "Clasifier"
from earmark import Classifier, Library, Prediction, Track, open_library
from earmark.corrections import find, relabel
from earmark.features import Card, ExtractorSpec, FeatureExtractor, Samples, get_extractor
from earmark.listen import listen
from earmark.neighbors import MajorityVoter, Voter
from earmark.testing import check_extractor

earmark.open_libary("mine.earmark")  # E: has no attribute "open_libary"
open_library(7)  # E: incompatible type "int"
open_library("mine.earmark", True)  # E: Too many positional arguments
Classifier("mine.earmark")  # E: incompatible type "str"; expected "Library"
Track("song", "rock")  # E: Too many positional arguments
Track(name="song")  # E: Missing named argument "genre"
listen("song.mp3", "mfcc")  # E: incompatible type "str"; expected "FeatureExtractor"
get_extractor("mfcc", "cpu")  # E: Too many positional arguments


def read(prediction: Prediction) -> str:
    prediction.genre = "rock"  # E: read-only
    prediction.label  # E: has no attribute "label"
    shout: str = prediction.artist  # E: "str | None", variable has type "str"
    return prediction.confidence  # E: "float", expected "str"


def change(library: Library, vector: NDArray[np.float32]) -> None:
    library.add(Track(name="song", genre="rock"), vector)  # E: expected "Sequence[Track]"
    library.update(1, gener="pop")  # E: Unexpected keyword argument "gener"
    library.update(1, genre=3)  # E: incompatible type "int"; expected "str | None"
    library.remove(1)  # E: expected "Iterable[int]"
    library.tracks("rock")  # E: Too many positional arguments
    held = find(library, "0" * 64)
    relabel(library, held, {"genre": "pop"})  # E: "Track | None"; expected "Track"
    library.undo(library.history()[0].id)  # E: "int | None"; expected "int"


class Unfinished:
    """An extractor without ``spans``."""

    spec = ExtractorSpec("unfinished", "1", 1, "euclidean", "float32")
    card = Card(description="Nothing", license="MIT")
    sample_rate = 8_000

    def extract(self, segments: Iterable[Samples]) -> NDArray[np.float32]:
        return np.zeros(1, np.float32)


class Lines:
    """An extractor that hears files instead of samples."""

    spec = Unfinished.spec
    card = Unfinished.card
    sample_rate = 8_000

    def spans(self, duration: float) -> None:
        pass

    def extract(self, segments: Path) -> NDArray[np.float32]:
        return np.zeros(1, np.float32)


check_extractor(Unfinished())  # E: expected "FeatureExtractor"
own: FeatureExtractor = Lines()  # E: Incompatible types in assignment
chosen: Voter = MajorityVoter  # E: Incompatible types in assignment
