"""The public API as its users call it, and the types that they get.

This file is not run: ``tests/test_typing.py`` gives it to mypy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import earmark
from earmark import Classifier, EarmarkError, Library, Neighbor, Prediction, Track, open_library
from earmark.collection import BuildReport, build, open_for_build, scan_folder
from earmark.corrections import find, relabel, remove, teach
from earmark.features import Card, ExtractorSpec, FeatureExtractor, Samples, Vector, get_extractor
from earmark.library import Change, MemoryLibrary, Snapshot, create_library, open_default
from earmark.library.fitting import voter
from earmark.listen import listen, listen_windows
from earmark.neighbors import (
    FittedVoter,
    MajorityVoter,
    Parameters,
    Predictions,
    Voter,
    fit,
    make_voter,
    one_hot,
)
from earmark.recommend import Recommender, Songs
from earmark.testing import FakeExtractor, check_extractor, make_library, make_music


def ask(song: Path) -> str:
    """Ask about a file, whatever names it."""
    assert_type(earmark.__version__, str)
    with open_library("reference", read_only=True) as library:
        assert_type(library, Library)
        classifier = Classifier(library, include_self=True, max_duration=3_600)
        prediction = classifier.predict(song)
        assert_type(classifier.predict("song.mp3"), Prediction)
    assert_type(prediction.genre, str)
    assert_type(prediction.confidence, float)
    assert_type(prediction.probabilities, dict[str, float])
    assert_type(prediction.reason, str | None)
    assert_type(prediction.artist, str | None)
    assert_type(prediction.neighbors, tuple[Neighbor, ...])
    assert_type(prediction.neighbors[0].distance, float)
    assert_type(prediction.tags, tuple[tuple[str, float], ...])
    assert_type(prediction.vector, NDArray[np.floating])
    for segment in classifier.timeline(song, step=10):
        assert_type(segment.start, float)
        assert_type(segment.genre, str)
    return prediction.sentence()


def try_all(songs: Iterable[Path], library: Library) -> list[str]:
    """One error tree for all that goes wrong with a file."""
    said = []
    classifier = Classifier(library)
    for song in songs:
        try:
            said.append(classifier.predict(song).genre)
        except EarmarkError as error:
            said.append(str(error))
    return said


def look(library: Library) -> None:
    """Ask a library for what it holds."""
    assert_type(library.location, str)
    assert_type(library.spec, ExtractorSpec)
    assert_type(library.genres(), dict[str, int])
    assert_type(library.tracks(genre="rock", limit=10), list[Track])
    assert_type(library.find_path(Path("song.mp3")), Track | None)
    track = library.get(1)
    assert_type(track.genre, str | None)
    assert_type(track.id, int | None)
    snapshot = library.snapshot()
    assert_type(snapshot, Snapshot)
    assert_type(snapshot.vectors, NDArray[np.floating])
    assert_type(library.vector(1), NDArray[np.floating])


def change(library: Library, embedding: NDArray[np.float32]) -> None:
    """Change a library in every way, and take it back."""
    song = Track(name="song", genre="rock")
    changes = library.add([song], [embedding])
    assert_type(changes, list[Change])
    assert_type(library.update(1, genre="pop", artist=None), Change | None)
    assert_type(library.remove([1])[0].track, Track)
    assert_type(teach(library, song, embedding, artist="Somebody"), Change)
    held = find(library, "0" * 64)
    assert_type(held, Track | None)
    if held is not None:
        assert_type(relabel(library, held, {"genre": "jazz"}), Change | None)
        assert_type(remove(library, held), Change)
    done = library.history(limit=1)[0]
    if done.id is not None:
        assert_type(library.undo(done.id), Change)


def make(music: Path) -> Library:
    """Build a library, and open others."""
    with open_for_build("mine.earmark") as library:
        assert_type(build(library, scan_folder(music)), BuildReport)
    assert_type(open_default(), Library)
    kept_in_memory: Library = MemoryLibrary(get_extractor("mfcc").spec)
    kept_in_memory.close()
    return create_library(music / "empty.earmark", get_extractor("mfcc").spec)


def hear(song: str) -> NDArray[np.floating]:
    """Hear a song without a library."""
    extractor = get_extractor("mfcc", threads=1)
    assert_type(extractor, FeatureExtractor)
    starts, vectors = listen_windows(song, extractor, step=5.0)
    assert_type(starts, NDArray[np.float64])
    assert_type(vectors, NDArray[np.floating])
    assert_type(listen(song, extractor).duration, float)
    return listen(song, extractor).vector


def vote(vectors: NDArray[np.float32], genres: list[str]) -> tuple[str, ...]:
    """Vote among arrays, without files or a library."""
    labels, names = one_hot(genres)
    assert_type(names, tuple[str, ...])
    parameters = fit(
        vectors,
        labels,
        np.arange(len(genres)),
        comparison=get_extractor("mfcc").spec.comparison,
    )
    assert_type(parameters, Parameters)
    chosen = make_voter(vectors, labels, names, parameters)
    assert_type(chosen, MajorityVoter | FittedVoter)
    any_voter: Voter = chosen
    answers = any_voter.predict(vectors, exclude=[np.array([row]) for row in range(len(genres))])
    assert_type(answers, Predictions)
    assert_type(answers.probabilities, NDArray[np.float64])
    return tuple(answers.genre_names[winner] for winner in answers.winners)


def suggest(library: Library) -> list[str]:
    """List similar songs."""
    assert_type(voter(library, library.snapshot()), Voter)
    found = Recommender(library).similar(Songs((1,)), 5)
    assert_type(found[0].similarity, float)
    return [one.track.name for one in found]


class Loudness:
    """A feature extractor of a user: no base class, the right members are enough."""

    spec = ExtractorSpec("loudness", "1", 1, "euclidean", "float32")
    card = Card(description="How loud a song is", license="MIT")
    sample_rate = 8_000

    def spans(self, duration: float) -> None:
        """Hear the whole recording."""

    def extract(self, segments: Iterable[Samples]) -> Vector:
        """Return the loudness [1]."""
        return np.array([max(float(abs(block).max()) for block in segments)], dtype=np.float32)


def test_a_plug_in(folder: Path) -> None:
    """Test an extractor of one's own with what Earmark brings."""
    check_extractor(Loudness())
    own: FeatureExtractor = Loudness()
    with make_library(folder / "own.earmark", make_music(folder / "music"), own) as library:
        assert_type(library, Library)
    several: Sequence[FeatureExtractor] = [Loudness(), FakeExtractor()]
    assert_type(several[0].spec.name, str)
