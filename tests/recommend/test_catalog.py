"""What lists know of the tracks of a library: which are of one album."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from earmark.library import Track, create_library
from earmark.recommend import Recommender, Rules, Songs, catalog_of
from earmark.testing import FakeExtractor


def albums_of(folder: Path, *tracks: tuple[str | None, str | None]) -> list[int]:
    """Return the codes of the albums of tracks, each an artist and a folder."""
    spec = FakeExtractor().spec
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    with create_library(folder / "made.earmark", spec) as library:
        library.add(
            [
                Track(
                    name=str(number),
                    genre=None,
                    artist=artist,
                    path=None if place is None else str(folder / place / f"{number}.mp3"),
                )
                for number, (artist, place) in enumerate(tracks)
            ],
            rng.standard_normal((len(tracks), spec.dimension)).astype(np.float32),
        )
        snapshot = library.snapshot(unlabelled=True)
        order = np.argsort(snapshot.ids)
        return [int(code) for code in catalog_of(library, snapshot).albums[order]]


def test_an_album_is_what_one_artist_has_in_one_folder(tmp_path: Path):
    nina, other, nina_again, elsewhere, homeless = albums_of(
        tmp_path,
        ("Nina", "a"),
        ("Otis", "a"),
        ("nina ", "a"),
        ("Nina", "b"),
        ("Nina", None),
    )
    assert nina == nina_again
    assert len({nina, other, elsewhere}) == 3
    assert homeless == -1
    assert -1 not in {nina, other, elsewhere}


def test_songs_without_artists_are_an_album_unless_they_are_a_heap(tmp_path: Path):
    few = albums_of(tmp_path / "few", *[(None, "a")] * 10)
    assert len(set(few)) == 1
    assert few[0] >= 0
    heap = albums_of(tmp_path / "heap", *[(None, "a")] * 100)
    assert set(heap) == {-1}


def test_a_list_of_a_genre_has_its_styles_and_what_has_it_as_a_further_genre(tmp_path: Path):
    spec = FakeExtractor().spec
    genres = [("Rock---Punk",), ("Pop", "Rock"), ("Pop",), ("Rock---Surf", "Pop"), ()]
    rng = np.random.default_rng(0)
    with create_library(tmp_path / "made.earmark", spec) as library:
        library.add(
            [
                Track(
                    name=str(number),
                    genre=each[0] if each else None,
                    other_genres=each[1:],
                    artist=str(number),
                )
                for number, each in enumerate(genres)
            ],
            rng.standard_normal((len(genres), spec.dimension)).astype(np.float32),
        )
        recommender = Recommender(library)

        def listed(*wanted: str, without: str | None = None) -> set[str]:
            leave = [] if without is None else [without]
            found = recommender.playlist(
                Songs(), n=5, minutes=None, genres=wanted, not_genres=leave, rules=Rules(spacing=0)
            )
            return {suggestion.track.name for suggestion in found}

        assert listed("rock") == {"0", "1", "3"}
        assert listed("Rock---Punk") == {"0"}
        assert listed("pop", without="rock") == {"2"}
        assert listed("rock---surf", "rock---punk") == {"0", "3"}
