"""The vote is fitted once, kept, and fitted again only when the library has changed enough."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark import neighbors
from earmark.errors import LibraryDamaged, LibraryEmpty
from earmark.features.gaussian import pack
from earmark.library import ExtractorSpec, Library, Track, create_library, fitting, open_library
from earmark.library.fitting import refit, tracks_together, voter
from earmark.neighbors import Parameters

SPEC = ExtractorSpec("foreign", "1", 8, "cosine", "float32")


def tracks(count: int, genre: str, start: int = 0) -> list[Track]:
    return [
        Track(name=f"{genre} {n:03}", genre=genre, artist=f"{genre} artist {n}")
        for n in range(start, start + count)
    ]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    rng = np.random.default_rng(0)
    with create_library(tmp_path / "a.earmark", SPEC) as made:
        for number, genre in enumerate(("jazz", "rock")):
            made.add(tracks(30, genre), rng.normal(size=(30, 8)) + 4 * np.eye(8)[number])
        yield made


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tracks each fit was given."""
    calls: list[int] = []
    genuine = neighbors.fit

    def counting(vectors, genres, groups, **options):  # type: ignore[no-untyped-def]
        calls.append(len(vectors))
        return genuine(vectors, genres, groups, **options)

    monkeypatch.setattr(neighbors, "fit", counting)
    return calls


def test_the_vote_is_fitted_once_and_kept(library: Library, fits: list[int]) -> None:
    refit(library)
    answers = voter(library).predict(library.snapshot().vectors[:3])
    assert answers.genre_names == ("jazz", "rock")
    with open_library(library.file) as again:
        voter(again)
    assert fits == [60]


def test_it_is_fitted_when_missing_and_then_kept(library: Library, fits: list[int]) -> None:
    voter(library)
    voter(library)
    assert fits == [60]


def test_it_is_fitted_again_after_a_tenth_has_changed(library: Library, fits: list[int]) -> None:
    refit(library)
    library.add(tracks(6, "rock", 100), np.ones((6, 8)))
    voter(library)
    assert fits == [60]
    library.add(tracks(1, "rock", 200), np.ones((1, 8)))
    voter(library)
    assert fits == [60, 67]


def test_it_is_fitted_again_when_a_genre_appears(library: Library, fits: list[int]) -> None:
    refit(library)
    library.add(tracks(1, "pop"), np.ones((1, 8)))
    assert voter(library).predict(np.ones((1, 8))).genre_names == ("jazz", "pop", "rock")
    assert fits == [60, 61]


def test_a_read_only_library_is_fitted_in_memory(library: Library, fits: list[int]) -> None:
    with open_library(library.file, read_only=True) as reader:
        voter(reader)
        assert reader.fitted() is None
    assert fits == [60]


def test_what_cannot_be_read_is_fitted_again(library: Library, fits: list[int]) -> None:
    library.store_parameters(b"from another version")
    voter(library)
    voter(library)
    assert fits == [60]


def test_an_empty_library_says_so(tmp_path: Path) -> None:
    with create_library(tmp_path / "e.earmark", SPEC) as made:
        made.add([Track(name="x", genre=None)], np.ones((1, 8)))
        for ask in (refit, voter):
            with pytest.raises(LibraryEmpty, match="no labelled tracks"):
                ask(made)


def test_copies_and_artists_are_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(5, 8))
    vectors[3] = vectors[0]
    given = [
        Track(name="0", genre="a", artist="X"),
        Track(name="1", genre="a", artist="x "),
        Track(name="2", genre="b", content_hash="7" * 64),
        Track(name="3", genre="b"),
        Track(name="4", genre="b", content_hash="7" * 64),
    ]
    with create_library(tmp_path / "g.earmark", SPEC) as made:
        made.add(given, vectors)
        groups = tracks_together(made.snapshot(), "cosine")
    assert groups[0] == groups[1] == groups[3]
    assert groups[2] == groups[4] != groups[0]


@pytest.mark.parametrize(
    "change",
    [
        "parameters = 'text'",
        "parameters = 3.5",
        "parameters = 5",
        "parameters_revision = 'many'",
        "parameters_revision = NULL",
        "parameters_genres = NULL",
        "parameters_genres = '7'",
        "parameters_genres = '[\"jazz\"'",
    ],
)
def test_parameters_in_a_cell_of_another_type_are_damage(library: Library, change: str) -> None:
    refit(library)
    with sqlite3.connect(library.file) as raw:
        raw.execute(f"UPDATE state SET {change}")
    raw.close()
    with pytest.raises(LibraryDamaged, match=r"a\.earmark: is damaged .*build it again"):
        voter(library)


@pytest.mark.parametrize(
    "values",
    [
        {"k": "8"},
        {"k": 0},
        {"k": True},
        {"calibration": 5},
        {"calibration": {}},
        {"calibration": {"floor": "much"}},
        {"calibration": {"power": None}},
        {"calibration": {"floor": float("nan")}},
    ],
)
def test_parameters_of_another_type_are_fitted_anew(
    library: Library, fits: list[int], values: dict[str, object]
) -> None:
    refit(library)
    stored = library.fitted()
    assert stored is not None
    kept = json.loads(stored.blob)
    given = values.get("calibration")
    if isinstance(given, dict) and given:
        values = {"calibration": {**kept["calibration"], **given}}
    blob = json.dumps({**kept, **values}).encode()
    with pytest.raises(LibraryDamaged, match="parameters cannot be read"):
        Parameters.from_bytes(blob, SPEC.comparison)
    library.store_parameters(blob, library.snapshot())
    assert voter(library).parameters == Parameters.from_bytes(stored.blob, SPEC.comparison)
    assert fits == [60, 60]


def test_of_very_many_tracks_some_are_judged_without_their_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every track is there twice, with another artist and another file, and its genre is drawn: who
    # lets a copy vote is always right, who does not can only guess.
    monkeypatch.setattr(fitting, "MOST_COMPARED", 100)
    monkeypatch.setattr(fitting, "MOST_EXCERPTED", 90)
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(200, 8)), 2, axis=0)
    genres = np.repeat(rng.integers(0, 4, 200), 2)
    vectors[1::2] *= 1 + 1e-5 * rng.normal(size=(200, 8))
    with create_library(tmp_path / "m.earmark", SPEC) as made:
        many = [Track(name=f"{n:03}", genre=f"genre {genre}") for n, genre in enumerate(genres)]
        made.add(many, vectors)
        calibration = fitting.fit(made, n_neighbors=1).calibration
    assert calibration is not None
    assert calibration.n_judged == 90
    assert calibration.accuracy < 0.6


def test_of_the_majority_vote_nothing_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("all tracks were compared with each other")

    monkeypatch.setattr(fitting, "tracks_together", never)
    spec = ExtractorSpec("classic", "1", 104, "gaussian-kl", "float32")
    with create_library(tmp_path / "c.earmark", spec) as made:
        vector = pack(np.zeros((1, 13)), np.eye(13)[None])
        made.add([Track(name="x", genre="jazz")], vector)
        assert refit(made).majority
