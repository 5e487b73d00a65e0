"""What lists know of the tracks of a library: which are of one album."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from earmark.library import Track, create_library
from earmark.recommend import catalog_of
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
