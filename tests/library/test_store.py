"""A library in a file: what it keeps, says of itself, and refuses to open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryFormat,
    LibraryNotFound,
    LibraryReadOnly,
    NotALibrary,
)
from earmark.library import ExtractorSpec, Library, Track, create_library, open_library
from earmark.library.backends import schema
from earmark.library.backends.sqlite import SqliteLibrary
from support.statements import statements

SPEC = ExtractorSpec("musicnn", "1", 3, "cosine", "float32")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with create_library(tmp_path / "a.earmark", SPEC) as made:
        yield made


def track(number: int, genre: str | None = "rock", **more: object) -> Track:
    return Track(name=f"song {number:03}", genre=genre, path=f"/m/{number}.wav", **more)  # type: ignore[arg-type]


def test_what_was_added_comes_back_in_another_process_life(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    first = track(1, "jazz", artist="A", title="T", content_hash="0" * 64, duration=3.5, size=9,
                  modified_ns=2**60, taught=True)  # fmt: skip
    with create_library(tmp_path / "a.earmark", SPEC) as made:
        ids = [change.track_id for change in made.add([first, track(2)], vectors)]
    with open_library(tmp_path / "a.earmark") as opened:
        assert opened.spec == SPEC
        found = opened.get(ids[0])
        assert found == Track(**{f: getattr(first, f) for f in first.__slots__} | {"id": ids[0]})
        np.testing.assert_array_equal(opened.vector(ids[1]), vectors[1])
        assert opened.genres() == {"jazz": 1, "rock": 1}
        assert opened.artists() == {"A": 1}


# Opening what should not be opened


def test_a_track_that_is_written_with_many_costs_one_statement(library: Library) -> None:
    rng = np.random.default_rng(0)
    counts = []
    for count in (2, 500):
        new = [track(1000 * count + number) for number in range(count)]
        with statements() as sent:
            library.add(new, rng.normal(size=(count, 3)))
        counts.append(len(sent))
    assert library.count() == 502
    # The one that tells its number.
    assert counts[1] - counts[0] <= 498


def test_missing_folder_foreign_and_empty_files_have_their_own_errors(tmp_path: Path) -> None:
    with pytest.raises(LibraryNotFound, match="no such library"):
        open_library(tmp_path / "none.earmark")
    with pytest.raises(NotALibrary, match="folder"):
        open_library(tmp_path)
    (tmp_path / "text").write_text("hello " * 50)
    with pytest.raises(NotALibrary, match="not an Earmark library"):
        open_library(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(NotALibrary, match="empty"):
        open_library(tmp_path / "empty")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(NotALibrary, match="SQLite database, but"):
        open_library(tmp_path / "other.db")


def filled(path: Path, count: int = 300) -> Path:
    with create_library(path, SPEC) as made:
        made.add([track(i, artist="x" * 200) for i in range(count)], np.zeros((count, 3)))
    return path


def test_a_cut_off_file_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark")
    whole = path.read_bytes()
    for length in (50, 150, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(LibraryDamaged, match="cut off"):
            open_library(path)


def test_scrambled_pages_are_damage_not_a_traceback(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark")
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    whole[4096 * 4 :] = rng.integers(0, 256, len(whole) - 4096 * 4, dtype=np.uint8).tobytes()
    path.write_bytes(whole)
    with pytest.raises(LibraryDamaged), open_library(path) as opened:
        opened.snapshot()


def test_a_library_without_its_facts_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM meta WHERE key='extractor'")
    raw.close()
    with pytest.raises(LibraryDamaged, match="does not say"):
        open_library(path)
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE meta")
    raw.close()
    with pytest.raises(LibraryDamaged):
        open_library(path)


def test_a_vector_of_another_length_is_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE vectors SET vector = x'0011' WHERE track_id = 2")
    raw.close()
    with open_library(path) as opened, pytest.raises(LibraryDamaged, match="length"):
        opened.snapshot()


def test_a_snapshot_follows_another_writer(library: Library) -> None:
    library.add([track(1), track(2)], np.zeros((2, 3)))
    before = library.snapshot()
    with open_library(library.location) as other:
        new = other.add([track(3)], np.ones((1, 3)))[0].track_id
        other.update(new, title="x")
    assert library.revision == before.revision + 2
    assert len(library.snapshot()) == 3


def test_creating_does_not_replace(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    with pytest.raises(LibraryExists):
        create_library(path, SPEC)
    with create_library(path, SPEC, overwrite=True) as made:
        assert made.count() == 0
    (tmp_path / "thesis.txt").write_text("years of work, " * 20)
    with pytest.raises(LibraryExists, match="not a library"):
        create_library(tmp_path / "thesis.txt", SPEC, overwrite=True)
    with pytest.raises(LibraryError, match="no folder"):
        create_library(tmp_path / "none" / "b.earmark", SPEC)
    assert {p.name for p in tmp_path.iterdir()} == {"a.earmark", "thesis.txt"}


# Formats


def set_format(path: Path, number: object) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE meta SET value=? WHERE key='format'", (str(number),))
    raw.close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    set_format(path, schema.FORMAT_VERSION + 1)
    with pytest.raises(LibraryFormat, match="newer"):
        open_library(path)


@pytest.mark.parametrize("number", [0, -1, "x", "", "1" * 4000, "\u0661"])
def test_a_format_that_cannot_be_is_damage(tmp_path: Path, number: object) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    set_format(path, number)
    for read_only in (False, True):
        with pytest.raises(LibraryDamaged, match=r"a\.earmark: does not say what it holds"):
            open_library(path, read_only=read_only)


# Read only, copies, threads


def test_read_only_refuses_every_change(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with open_library(path, read_only=True) as opened:
        assert opened.count() == 2
        for change in (
            lambda: opened.add([track(9)], np.zeros((1, 3))),
            lambda: opened.update(1, genre="jazz"),
            lambda: opened.remove([1]),
            lambda: opened.store_parameters(b""),
            lambda: opened.undo(1),
        ):
            with pytest.raises(LibraryReadOnly):
                change()


def test_a_library_that_may_not_be_written_opens_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    monkeypatch.setattr("earmark.library.backends.sqlite_files.is_writable", lambda path: False)
    with open_library(path) as opened:
        assert opened.read_only
        assert len(opened.snapshot()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.earmark"]


def test_a_packed_copy_is_one_file_and_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with open_library(path) as opened:
        opened.update(1, genre="jazz")
        opened.store_parameters(b"p")
        opened.copy(tmp_path / "b.earmark", packed=True)
        opened.copy(tmp_path / "c.earmark")
        with pytest.raises(LibraryExists):
            opened.copy(tmp_path / "c.earmark")
        with SqliteLibrary.open(tmp_path / "b.earmark", immutable=True) as packed:
            assert packed.read_only
            assert packed.fitted() == opened.fitted()
            assert packed.genres() == opened.genres()
            assert packed.history() == []
            assert {t.path for t in packed.tracks()} == {None}
            np.testing.assert_array_equal(packed.snapshot().vectors, opened.snapshot().vectors)
        with open_library(tmp_path / "c.earmark") as copy:
            assert copy.tracks() == opened.tracks()
            assert len(copy.history()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"a.earmark", "b.earmark", "c.earmark"}
    with sqlite3.connect(tmp_path / "b.earmark") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    raw.close()


def test_packed_copies_of_the_same_tracks_are_the_same_bytes(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 3)
    for name in ("one", "other"):
        with open_library(path) as opened:
            opened.copy(tmp_path / f"{name}.earmark", packed=True)
        # As a process makes them that happens to begin with the last index.
        with sqlite3.connect(path) as raw:
            made = raw.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
            ).fetchall()
            for index, sql in reversed(made):
                raw.execute(f"DROP INDEX {index}")
                raw.execute(sql)
        raw.close()
    copies = [(tmp_path / f"{name}.earmark").read_bytes() for name in ("one", "other")]
    assert copies[0] == copies[1]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_stored_number_that_is_not_finite_is_damage(tmp_path: Path, number: float) -> None:
    path = filled(tmp_path / "a.earmark", 3)
    vector = np.full(SPEC.dimension, number, dtype=SPEC.storage).tobytes()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE vectors SET vector = ? WHERE track_id = 2", (vector,))
    raw.close()
    with open_library(path) as opened, pytest.raises(LibraryDamaged, match=r"1 of 3 .* not finite"):
        opened.snapshot()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE vectors SET vector = 'text'",
        "UPDATE vectors SET vector = 7",
        "UPDATE vectors SET vector = printf('%.*c', length(vector), 'x')",
        "DELETE FROM vectors WHERE track_id = 1",
        "UPDATE tracks SET duration = 'long'",
        "UPDATE track_genres SET genre = x'00ff' WHERE track_id = 1",
        "UPDATE tracks SET artist = x'00ff'",
        "UPDATE tracks SET name = ' '",
        "UPDATE state SET revision = 'many'",
        "DELETE FROM state",
    ],
)
def test_a_cell_of_another_type_is_damage(tmp_path: Path, change: str) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with sqlite3.connect(path) as raw:
        raw.execute(change)
    raw.close()
    with open_library(path) as opened, pytest.raises(LibraryDamaged, match=r"a\.earmark: .*again"):
        _ = opened.snapshot(), opened.tracks()


@pytest.mark.slow
def test_a_file_that_replaced_an_open_library_is_not_opened(tmp_path: Path) -> None:
    path, other = tmp_path / "a.earmark", tmp_path / "b.earmark"
    spec = ExtractorSpec("musicnn", "1", 4, "cosine", "float32")
    create_library(other, spec).close()
    with create_library(path, spec) as library:
        library.add([Track(name="x", genre="g")], np.zeros((1, 4)))
        # As another thread would, which finds no free connection.
        held = library._engine.connect()
        other.replace(path)
        with pytest.raises(LibraryError, match="was replaced by another file"):
            library.count()
        held.close()
