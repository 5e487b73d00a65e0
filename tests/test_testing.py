"""What plug-in authors and these tests make their sounds, libraries and extractors with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from earmark.audio import open_recording
from earmark.errors import FeatureError
from earmark.features import FeatureExtractor, get_extractor
from earmark.library.fitting import voter
from earmark.testing import (
    EACH,
    GENRES,
    RATE,
    FakeExtractor,
    check_extractor,
    make_library,
    make_music,
    make_song,
    silence,
    sine,
    tune,
    write_wav,
)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_written_file_gives_back_its_samples(tmp_path: Path, channels: int) -> None:
    samples = tune(2.0, channels=channels)
    file = write_wav(tmp_path / "song.wav", samples)
    with open_recording(file) as recording:
        assert recording.duration == pytest.approx(2.0)
        read = recording.read(RATE)
    mono = samples if channels == 1 else samples.mean(axis=1)
    np.testing.assert_allclose(read, mono, atol=2**-15)


def test_the_same_call_gives_the_same_song() -> None:
    for genre in GENRES:
        np.testing.assert_array_equal(make_song(genre, 3), make_song(genre, 3))
        assert not np.array_equal(make_song(genre, 3), make_song(genre, 4))
    with pytest.raises(ValueError, match="hiss, hum, melody"):
        make_song("polka", 1)


def test_a_shorter_tune_is_the_beginning_of_a_longer_one() -> None:
    np.testing.assert_array_equal(tune(3.0, seed=5)[: 2 * RATE], tune(2.0, seed=5))


@pytest.mark.slow
@pytest.mark.parametrize("extractor", [None, FakeExtractor()], ids=["mfcc", "fake"])
def test_the_tiny_library_tells_its_genres_apart(
    tmp_path: Path, extractor: FeatureExtractor | None
) -> None:
    music = make_music(tmp_path / "music")
    with make_library(tmp_path / "tiny.earmark", music, extractor) as library:
        snapshot = library.snapshot()
        assert len(snapshot) == EACH * len(GENRES)
        assert library.spec == (extractor or get_extractor("mfcc")).spec
        vote = voter(library, snapshot)
        itself = [np.array([row]) for row in range(len(snapshot))]
        found = vote.predict(snapshot.vectors, exclude=itself, seconds=snapshot.seconds)
    named = [found.genre_names[winner] for winner in found.winners]
    assert named == [snapshot.genre_names[code] for code in snapshot.genre_codes]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mfcc", "musicnn"])
def test_the_extractors_of_the_package_keep_the_contract(name: str) -> None:
    check_extractor(get_extractor(name))


def test_the_fake_extractor_finds_nothing_in_silence() -> None:
    with pytest.raises(FeatureError, match="no sound"):
        FakeExtractor().extract([silence(2.0)])
    with pytest.raises(FeatureError, match="no sound"):
        FakeExtractor().extract([])


def test_the_fake_extractor_hears_octaves() -> None:
    loudest = [
        int(FakeExtractor().extract([sine(2.0, 16_000, hertz=hertz)]).argmax())
        for hertz in (6_000, 3_000, 1_500, 750)
    ]
    assert loudest == [0, 1, 2, 3]


Extract = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    ("extract", "problem"),
    [
        (lambda samples: np.ones(7, np.float32), r"shape \(7,\), not \(8,\)"),
        (lambda samples: np.full(8, np.nan, np.float32), "not finite"),
        (lambda samples: np.arange(8, dtype=np.float32), "all give the same vector"),
    ],
)
def test_a_broken_extractor_is_told_why(extract: Extract, problem: str) -> None:
    class Broken(FakeExtractor):
        def extract(self, segments: Iterable[np.ndarray]) -> np.ndarray:
            return extract(np.concatenate(list(segments)))

    with pytest.raises(AssertionError, match=problem):
        check_extractor(Broken())


def test_an_extractor_that_depends_on_blocks_or_on_the_hour_is_told_so() -> None:
    class ByBlock(FakeExtractor):
        def extract(self, segments: Iterable[np.ndarray]) -> np.ndarray:
            blocks = list(segments)
            return super().extract(blocks) * len(blocks)

    class Moody(FakeExtractor):
        mood = 1.0

        def extract(self, segments: Iterable[np.ndarray]) -> np.ndarray:
            self.mood += 1.0
            return super().extract(segments) * self.mood

    with pytest.raises(AssertionError, match="blocks of another length"):
        check_extractor(ByBlock())
    with pytest.raises(AssertionError, match="another vector each time"):
        check_extractor(Moody())
