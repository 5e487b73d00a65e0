"""Songs that teach most are asked about first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import get_extractor
from earmark.labelling import Chooser
from earmark.labelling.telling import SECONDS, most_typical, telling_part
from earmark.testing import RATE, noise, tune, write_wav


def affinity_of(points: np.ndarray) -> np.ndarray:
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    return np.exp(-distances)


def nobody(n: int) -> np.ndarray:
    return np.full(n, -1)


def test_each_group_of_songs_is_asked_about_before_any_again() -> None:
    rng = np.random.default_rng(0)
    centers = 20 * np.arange(6)[:, None] * np.ones((1, 3))
    group = rng.permutation(np.repeat(np.arange(6), 8))
    chooser = Chooser(
        affinity_of(centers[group] + 0.2 * rng.standard_normal((48, 3))), nobody(48), nobody(48)
    )
    asked = []
    for _ in range(6):
        row = chooser.next()
        assert row is not None
        asked.append(int(group[row]))
        chooser.label(row, f"genre {group[row]}")
    assert sorted(asked) == list(range(6))
    # What was labelled says what the others of its group are.
    for row in range(48):
        genre, share = chooser.guesses(row)[0]
        assert genre == f"genre {group[row]}"
        assert share > 0.99


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(0, 10_000))
def test_every_song_is_asked_about_once(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    artists = rng.integers(-1, 4, n)
    chooser = Chooser(affinity_of(rng.standard_normal((n, 2))), artists, rng.integers(-1, 3, n))
    asked = []
    while (row := chooser.next()) is not None:
        asked.append(row)
        if rng.random() < 0.3:
            chooser.close([row])
        else:
            chooser.label(row, "ab"[int(rng.integers(2))])
        assert chooser.left == n - len(asked)
    assert sorted(asked) == list(range(n))
    assert (chooser.doubts() >= 0).all()
    assert (chooser.doubts() <= 1).all()


def test_another_artist_comes_before_a_song_of_the_same() -> None:
    points = np.array([[0.0], [0.9], [0.0], [0.9], [5.0]])
    chooser = Chooser(affinity_of(points), np.array([0, 0, 0, 0, 1]), nobody(5))
    first = chooser.next()
    assert first is not None
    chooser.label(first, "rock")
    assert chooser.next() == 4


def test_not_ten_songs_of_one_album() -> None:
    """Half of all songs are one album, spread widely; the first ones asked about are others too."""
    rng = np.random.default_rng(1)
    albums = np.repeat([0, 1, 2, 3, 4], [20, 5, 5, 5, 5])
    chooser = Chooser(affinity_of(2 * rng.standard_normal((40, 2))), nobody(40), albums)
    asked = []
    for _ in range(5):
        row = chooser.next()
        assert row is not None
        asked.append(int(albums[row]))
        chooser.label(row, "rock")
    assert asked.count(0) <= 2


def test_songs_that_labels_disagree_about_count_more() -> None:
    # Two labelled poles, a group that is half way between them, and one that is with a pole.
    points = np.array(
        [[0.0, 0], [4.0, 0], [0.0, 0.1], [2.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0, 1.1]]
    )
    chooser = Chooser(affinity_of(points / 2), nobody(7), nobody(7))
    for row, genre in ((0, "a"), (1, "b"), (2, "a")):
        chooser.label(row, genre)
    doubts = chooser.doubts()
    assert doubts[3] > 0.5 > doubts[5]
    assert chooser.next() in (3, 4)


@pytest.mark.parametrize("windows", [1, 2, 4])
def test_the_telling_part_is_like_the_whole(windows: int) -> None:
    """An introduction and an end that are unlike the middle are not it."""
    rng = np.random.default_rng(windows)
    vectors = rng.standard_normal((20, 4)) * 0.1
    vectors[:4] += 5
    vectors[16:] -= 5
    start = most_typical(np.arange(20) * 5.0, vectors, windows)
    assert 20 <= start <= 80 - 5 * windows


def test_a_song_shorter_than_the_part_is_played_from_its_start() -> None:
    assert most_typical(np.array([0.0, 5.0]), np.ones((2, 3)), 4) == 0.0


@pytest.mark.slow
def test_a_noisy_introduction_is_not_the_telling_part(tmp_path: Path) -> None:
    sound = np.concatenate([noise(15.0), tune(45.0)])
    song = write_wav(tmp_path / "song.wav", sound)
    spec = get_extractor("mfcc").spec.to_json()
    assert 15 <= telling_part(str(song), spec, len(sound) / RATE) <= 60 - SECONDS
    assert telling_part(str(song), spec, 20.0) == 0.0
