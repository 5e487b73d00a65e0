"""What is kept beside a large library, to open it sooner: the same to the last digit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earmark.library import (
    Library,
    Snapshot,
    Track,
    create_library,
    kept,
    keys_file,
    open_library,
)
from earmark.library.fitting import follow, voter
from earmark.neighbors import Voter, make_voter


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_FROM", 1)


@pytest.fixture(params=["reference", "classic"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return filled(request.param, tmp_path / "my.earmark")


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    return filled("reference", tmp_path / "my.earmark")


def filled(packaged: str, path: Path) -> Path:
    """Make a library of some of the package's tracks, with all that a snapshot holds."""
    with open_library(packaged) as source:
        known, spec, fitted = source.snapshot(), source.spec, source.fitted()
    rows = np.arange(0, len(known), 4)
    tracks = [
        Track(
            name=f"{n * 7919 % 1009:04}",
            genre=known.genres[row] if n % 11 else None,
            other_genres=("other",) if n % 11 and n % 5 == 0 else (),
            artist=[None, "One", "Two; three", "Bj\u00f6rk"][n % 4],
            path=f"/{n}",
            content_hash=f"{n % 90:064x}",
            audio_hash=f"{n % 70:064x}" if n % 3 else None,
            duration=float(n) if n % 2 else None,
            taught=n % 7 == 0,
        )
        for n, row in enumerate(rows.tolist())
    ]
    with create_library(path, spec) as library:
        library.add(tracks, known.vectors[rows])
        library.set_parents({"other": known.genres[0]})
        assert fitted is not None
    return path


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes it an error to read all tracks, or to make a vote of them."""

    def forbid() -> None:
        monkeypatch.setattr("earmark.library.backends.sql.read_snapshot", None)
        monkeypatch.setattr("earmark.neighbors.make_voter", None)

    return forbid


def assert_same(one: Snapshot, other: Snapshot) -> None:
    for field in dataclasses.fields(Snapshot):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if field.name == "weights":
            for a, b in zip(mine, its, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, its)
            assert mine.dtype == its.dtype
        else:
            assert mine == its, field.name


def answers(vote: Voter, queries: np.ndarray) -> list[np.ndarray]:
    found = vote.predict(queries, seconds=np.full(len(queries), 20.0))
    names = ("probabilities", "neighbors", "distances", "outlier_scores", "sets", "abstained")
    return [getattr(found, name) for name in names]


def queries_of(snapshot: Snapshot) -> np.ndarray:
    return np.array(snapshot.vectors[:40]) * 1.01


def test_the_snapshot_and_the_vote_are_the_same_to_the_last_digit(
    path: Path, unread: Callable[[], None]
) -> None:
    with open_library(path) as library:
        before, made = library.snapshot(), voter(library)
        fresh = make_voter(before.vectors, *before.top, made.parameters)
        expected = answers(fresh, queries_of(before))
    unread()
    with open_library(path, read_only=True) as library:
        snapshot, opened = library.snapshot(), voter(library)
        assert isinstance(snapshot.vectors, np.memmap)
        assert_same(snapshot, before)
        for found, wanted in zip(answers(opened, queries_of(snapshot)), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_unlabelled_tracks_are_read(learned: Path) -> None:
    with open_library(learned) as library:
        voter(library)
        labelled = library.snapshot()
    with open_library(learned) as library:
        everything = library.snapshot(unlabelled=True)
        assert not isinstance(everything.vectors, np.memmap)
        assert len(everything) > len(labelled)


def test_a_change_after_opening_is_followed(learned: Path) -> None:
    with open_library(learned) as library:
        voter(library)
    with open_library(learned) as library:
        old, vote = library.snapshot(), voter(library)
        assert isinstance(old.vectors, np.memmap)
        library.add([Track(name="new", genre=old.genre_names[0])], old.vectors[3:4])
        new = library.snapshot()
        followed = follow(vote, old, new)
        assert len(followed) == len(old) + 1
        distances, rows = followed.kneighbors(old.vectors[3:4], 2)
        (fresh,) = (track.id for track in library.tracks(search="new"))
        assert fresh in new.ids[rows[0]]
        np.testing.assert_allclose(distances[0], 0, atol=1e-9)


CHANGES: dict[str, Callable[[Library, int], object]] = {
    "added": lambda library, one: library.add(
        [Track(name="new", genre="jazz")], library.vector(one)[None]
    ),
    "artist": lambda library, one: library.update(one, artist="Somebody else"),
    "name": lambda library, one: library.update(one, name="zzz"),
    "genre": lambda library, one: library.update(one, genre="jazz"),
    "removed": lambda library, one: library.remove([one]),
    "hash": lambda library, one: library.set_identity(one, audio_hash="f" * 64),
    "parents": lambda library, one: library.set_parents({}),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_by_anybody_it_is_not_used(learned: Path, change: str) -> None:
    with open_library(learned) as library:
        voter(library)
    with open_library(learned) as library:
        CHANGES[change](library, int(library.tracks(labelled=True)[3].id or 0))
    with open_library(learned) as library:
        now = library.snapshot()
        assert not isinstance(now.vectors, np.memmap)
        vote = voter(library)
    # And is made anew then.
    with open_library(learned, read_only=True) as library:
        snapshot = library.snapshot()
        assert isinstance(snapshot.vectors, np.memmap)
        assert_same(snapshot, now)
        for found, wanted in zip(
            answers(voter(library), queries_of(now)), answers(vote, queries_of(now)), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "head"])
def test_a_damaged_file_is_not_used(learned: Path, damage: str) -> None:
    with open_library(learned) as library:
        voter(library)
        before = library.snapshot()
    file = keys_file.path_beside(str(learned))
    whole = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "foreign": b"something else" * 1000,
            "head": keys_file.MAGIC + (50).to_bytes(8, "little") + b"[" * 50,
        }[damage]
    )
    with open_library(learned) as library:
        assert_same(library.snapshot(), before)
        voter(library)
    assert file.stat().st_size == len(whole)


@pytest.mark.slow
def test_nothing_is_written_for_readers_and_small_libraries(
    learned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_library(learned, read_only=True) as library:
        voter(library)
    monkeypatch.setattr(kept, "KEPT_FROM", 10_000)
    with open_library(learned) as library:
        voter(library)
        voter(library, n_neighbors=3)
    assert not keys_file.path_beside(str(learned)).exists()


def test_without_room_for_it_it_opens(learned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys_file, "write", full)
    with open_library(learned) as library:
        assert len(voter(library)) == len(library.snapshot())
    assert not keys_file.path_beside(str(learned)).exists()


@pytest.mark.slow
def test_packed_libraries_of_other_names_are_told_apart(learned: Path, tmp_path: Path) -> None:
    place = tmp_path / "packed.earmark"
    found = []
    for artist in ("Somebody", "Somebody else"):
        with open_library(learned) as library:
            for track in library.tracks(labelled=True)[:3]:
                library.update(int(track.id or 0), artist=artist)
            voter(library)
            library.copy(place, overwrite=True, packed=True)
        # Their times may be equal where a disk knows only seconds, but not those of a later day.
        os.utime(place, ns=(len(found), len(found)))
        for _ in range(2):
            with open_library(place) as packed:
                voter(packed)
                found.append("Somebody else" in packed.snapshot().artist_names)
    assert found == [False, False, True, True]
