"""Which recordings by other artists go into the reference library."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.library import Track
from support import scripts

ROWS = st.lists(
    st.tuples(st.sampled_from(["pop", "rock"]), st.sampled_from("ABCDE"), st.booleans()),
    max_size=30,
)


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return scripts.load("new_artists")


def recordings(module: ModuleType, rows: list[tuple[str, str, bool]]) -> Any:
    tracks = tuple(
        Track(name=f"{number}", genre=genre, artist=artist, title=f"{number}")
        for number, (genre, artist, _) in enumerate(rows)
    )
    sure = np.array([sure for *_, sure in rows], dtype=bool)
    return module.NewArtists(tracks, np.zeros((len(rows), 2), dtype=np.float32), (), sure)


@given(rows=ROWS, most=st.integers(1, 8))
def test_as_many_of_a_genre_as_there_are_but_no_more(
    module: ModuleType, rows: list[tuple[str, str, bool]], most: int
) -> None:
    chosen = recordings(module, rows).choose(np.arange(len(rows)), most)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    counts = Counter(genre for genre, *_ in rows)
    taken = Counter(rows[row][0] for row in chosen)
    assert taken == {genre: min(most, count) for genre, count in counts.items()}


@given(rows=st.lists(st.tuples(st.just("pop"), st.sampled_from("ABCDE"), st.booleans())))
def test_an_artist_comes_again_only_when_all_have_been_there(
    module: ModuleType, rows: list[tuple[str, str, bool]]
) -> None:
    artists = {artist for _, artist, _ in rows}
    chosen = recordings(module, rows).choose(np.arange(len(rows)), max(1, len(artists)))
    assert {rows[row][1] for row in chosen} == artists


def test_a_sure_genre_comes_before_a_plausible_one(module: ModuleType) -> None:
    held = recordings(module, [("pop", "A", False), ("pop", "B", True), ("pop", "C", False)])
    assert held.choose(np.arange(3), 1).tolist() == [1]


def test_recordings_are_read_with_their_collections_and_segments(
    module: ModuleType, tmp_path: Path
) -> None:
    with (tmp_path / "tracks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["track", "genre", "strength", "artist", "title", "source"])
        writer.writerow(["pop/b", "pop", "medium", "B", "", "a shelf at home"])
        writer.writerow(["pop/a", "pop", "strong", "A", "Song", "github owner/name:a.mp3"])
    patches = np.arange(14, dtype=np.float16).reshape(7, 2)
    np.savez(
        tmp_path / "musicnn1.npz",
        track=np.array(["pop/a", "pop/b"]),
        vectors=np.ones((2, 2), dtype=np.float32),
        duration=np.array([20.0, 2.0], dtype=np.float32),
        patches=patches,
        patch_of=np.array([0, 0, 0, 0, 0, 0, 1], dtype=np.int32),
    )
    held = module.read_new_artists(tmp_path)
    assert [track.name for track in held.tracks] == ["pop/a", "pop/b"]
    assert [track.source for track in held.tracks] == ["owner/name", "a shelf at home"]
    assert held.sure.tolist() == [True, False]
    assert held.segments[0].starts.tolist() == [0.0, 6.0, 9.0, 15.0]
    np.testing.assert_array_equal(held.segments[0].vectors, patches[[0, 2, 3, 5]])
    assert len(held.segments[1]) == 1
