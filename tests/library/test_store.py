"""A library keeps what it is given, says what it is, and refuses what it should."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryExtractor,
    LibraryFormat,
    LibraryNotFound,
    LibraryReadOnly,
    NotALibrary,
    TrackNotFound,
)
from earmark.library import ExtractorSpec, Library, Track, schema

SPEC = ExtractorSpec("musicnn", "1", 3, "cosine", "float32")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.create(tmp_path / "a.earmark", SPEC) as made:
        yield made


def track(number: int, genre: str | None = "rock", **more: object) -> Track:
    return Track(name=f"song {number:03}", genre=genre, path=f"/m/{number}.wav", **more)  # type: ignore[arg-type]


def test_what_was_added_comes_back_in_another_process_life(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    first = track(1, "jazz", artist="A", title="T", content_hash="0" * 64, duration=3.5, size=9,
                  modified_ns=2**60, taught=True)  # fmt: skip
    with Library.create(tmp_path / "a.earmark", SPEC) as made:
        ids = made.add([first, track(2)], vectors)
    with Library.open(tmp_path / "a.earmark") as opened:
        assert opened.spec == SPEC
        found = opened.get(ids[0])
        assert found == Track(**{f: getattr(first, f) for f in first.__slots__} | {"id": ids[0]})
        np.testing.assert_array_equal(opened.vector(ids[1]), vectors[1])
        assert opened.genres() == {"jazz": 1, "rock": 1}
        assert opened.artists() == {"A": 1}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(raw=st.binary(min_size=16, max_size=160))
@settings(max_examples=15, deadline=None)
def test_vectors_round_trip_exactly_in_their_own_type(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, raw: bytes
) -> None:
    vectors = np.frombuffer(raw[: len(raw) // 16 * 16], dtype=dtype).reshape(-1, 2).copy()
    vectors[~np.isfinite(vectors)] = 0
    path = tmp_path_factory.mktemp("lib") / "v.earmark"
    with Library.create(path, ExtractorSpec("foreign", "1", 2, "cosine", dtype)) as made:
        made.add([track(i) for i in range(len(vectors))], vectors)
        kept = made.snapshot().vectors
    assert kept.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_array_equal(kept.astype(dtype), vectors)


def test_snapshot_is_ordered_by_name_whatever_the_order_of_adding(tmp_path: Path) -> None:
    order = [3, 1, 2, 0]
    snapshots = []
    for name, numbers in (("a", order), ("b", sorted(order))):
        with Library.create(tmp_path / f"{name}.earmark", SPEC) as made:
            for number in numbers:
                made.add([track(number)], np.full((1, 3), number))
            made.add([track(9, None)], np.zeros((1, 3)))
            snapshots.append(made.snapshot())
    first, second = snapshots
    assert [t.name for t in first.tracks] == [f"song {n:03}" for n in range(4)]
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.genres == ("rock",) * 4
    assert not first.vectors.flags.writeable


def test_a_track_of_the_same_path_is_replaced_and_keeps_its_id(library: Library) -> None:
    (before,) = library.add([track(1)], np.zeros((1, 3)))
    (after,) = library.add([track(1, "jazz")], np.ones((1, 3)))
    assert before == after
    assert library.count() == 1
    assert library.get(after).genre == "jazz"
    np.testing.assert_array_equal(library.vector(after), np.ones(3))


def test_revision_counts_touched_tracks_and_snapshot_follows_another_writer(
    library: Library,
) -> None:
    library.add([track(1), track(2)], np.zeros((2, 3)))
    before = library.snapshot()
    assert library.snapshot() is before
    with Library.open(library.path) as other:
        (new,) = other.add([track(3)], np.ones((1, 3)))
        other.update(new, title="x")
    assert library.revision == before.revision + 2
    assert len(library.snapshot()) == 3


def test_filters_agree_with_each_other(library: Library) -> None:
    library.add(
        [
            track(1, "rock", artist="Björk", title="50% off"),
            track(2, "jazz", artist="ΣΊΣΥΦΟΣ", taught=True),
            track(3, "jazz", title="50 ways"),
        ],
        np.zeros((3, 3)),
    )
    assert [t.name for t in library.tracks(search="BJÖRK")] == ["song 001"]
    assert [t.name for t in library.tracks(search="σίσυφοσ")] == ["song 002"]
    assert [t.name for t in library.tracks(search="50%")] == ["song 001"]
    assert library.count(genre="jazz") == len(library.tracks(genre="jazz")) == 2
    assert [t.name for t in library.tracks(taught=True)] == ["song 002"]
    assert [t.name for t in library.tracks(offset=1, limit=1)] == ["song 002"]
    assert library.find_path("/m/3.wav") is not None
    assert library.find_path("/m/4.wav") is None


def test_undecodable_file_names_survive(library: Library) -> None:
    path = b"/m/caf\xe9.wav".decode("utf-8", "surrogateescape")
    library.add([Track(name="caf\udce9", genre="rock", path=path)], np.zeros((1, 3)))
    found = library.find_path(path)
    assert found is not None
    assert (found.path, found.name) == (path, "caf\udce9")


@pytest.mark.parametrize(
    "vectors", [np.zeros((1, 4)), np.zeros(3), np.full((1, 3), np.nan), np.full((1, 3), 1e39)]
)
def test_vectors_that_do_not_fit_are_refused(library: Library, vectors: object) -> None:
    with pytest.raises(ValueError, match="vectors"):
        library.add([track(1)], vectors)  # type: ignore[arg-type]
    assert library.count() == 0


def test_adding_is_all_or_nothing(library: Library) -> None:
    (first,) = library.add([track(1)], np.zeros((1, 3)))
    revision = library.revision
    with pytest.raises(TrackNotFound):
        library.remove([first, 77])
    assert library.get(first)
    assert library.revision == revision


def test_update_refuses_the_path_of_another_track(library: Library) -> None:
    first, second = library.add([track(1), track(2)], np.zeros((2, 3)))
    with pytest.raises(LibraryError, match="already"):
        library.update(second, path="/m/1.wav")
    assert library.update(first, genre="rock") is None


# History


def test_each_change_can_be_undone(library: Library) -> None:
    (kept,) = library.add([track(1, "rock")], np.ones((1, 3)))
    assert library.history() == []
    (taught,) = library.add([track(2, "jazz", taught=True)], np.zeros((1, 3)))
    relabel = library.update(kept, genre="metal", taught=True)
    library.remove([kept])
    removal, relabelling, adding = library.history()
    assert [c.what for c in (removal, relabelling, adding)] == ["remove", "relabel", "add"]
    assert relabelling.id == relabel
    assert relabelling.before is not None
    assert (relabelling.before.genre, relabelling.before.taught) == ("rock", False)

    with pytest.raises(LibraryError, match=f"undo change {removal.id} first"):
        library.undo(relabelling.id)
    assert library.undo(removal.id) == kept
    assert library.get(kept).genre == "metal"
    np.testing.assert_array_equal(library.vector(kept), np.ones(3))
    library.undo(relabelling.id)
    assert library.get(kept).genre == "rock"
    assert not library.get(kept).taught
    library.undo(adding.id)
    with pytest.raises(TrackNotFound):
        library.get(taught)
    assert all(change.undone for change in library.history())
    with pytest.raises(LibraryError, match="already"):
        library.undo(adding.id)
    with pytest.raises(LibraryError, match="no change"):
        library.undo(99)


def test_relabelling_by_adding_again_restores_the_vector_too(library: Library) -> None:
    (first,) = library.add([track(1)], np.ones((1, 3)))
    library.add([track(1, "jazz", taught=True)], np.zeros((1, 3)))
    library.undo(library.history(1)[0].id)
    np.testing.assert_array_equal(library.vector(first), np.ones(3))
    assert library.get(first).genre == "rock"


def test_a_removal_is_not_undone_over_a_new_track_of_the_same_file(library: Library) -> None:
    (first,) = library.add([track(1)], np.ones((1, 3)))
    library.remove([first])
    library.add([track(1)], np.zeros((1, 3)))
    with pytest.raises(LibraryError, match="again"):
        library.undo(library.history(1)[0].id)


# Parameters


def test_parameters_remember_what_they_were_fitted_to(library: Library) -> None:
    assert library.load_parameters() is None
    library.add([track(1), track(2, "jazz")], np.zeros((2, 3)))
    snapshot = library.snapshot()
    library.add([track(3, "pop")], np.zeros((1, 3)))
    library.store_parameters(b"abc", snapshot)
    assert library.load_parameters() == (b"abc", snapshot.revision)
    fitted = library.fitted()
    assert fitted is not None
    assert fitted.genres == ("jazz", "rock")
    library.store_parameters(b"d")
    assert library.load_parameters() == (b"d", library.revision)


# Opening what should not be opened


def test_missing_folder_foreign_and_empty_files_have_their_own_errors(tmp_path: Path) -> None:
    with pytest.raises(LibraryNotFound, match="no such library"):
        Library.open(tmp_path / "none.earmark")
    with pytest.raises(NotALibrary, match="folder"):
        Library.open(tmp_path)
    (tmp_path / "text").write_text("hello " * 50)
    with pytest.raises(NotALibrary, match="not an Earmark library"):
        Library.open(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(NotALibrary, match="empty"):
        Library.open(tmp_path / "empty")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(NotALibrary, match="SQLite database, but"):
        Library.open(tmp_path / "other.db")


def filled(path: Path, count: int = 300) -> Path:
    with Library.create(path, SPEC) as made:
        made.add([track(i, artist="x" * 200) for i in range(count)], np.zeros((count, 3)))
    return path


def test_a_cut_off_file_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark")
    whole = path.read_bytes()
    for length in (50, 150, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(LibraryDamaged, match="cut off"):
            Library.open(path)


def test_scrambled_pages_are_damage_not_a_traceback(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark")
    whole = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    whole[4096 * 4 :] = rng.integers(0, 256, len(whole) - 4096 * 4, dtype=np.uint8).tobytes()
    path.write_bytes(whole)
    with pytest.raises(LibraryDamaged), Library.open(path) as opened:
        opened.snapshot()


def test_a_library_without_its_facts_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    with sqlite3.connect(path) as raw:
        raw.execute("DELETE FROM meta WHERE key='extractor'")
    raw.close()
    with pytest.raises(LibraryDamaged, match="does not say"):
        Library.open(path)
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE meta")
    raw.close()
    with pytest.raises(LibraryDamaged):
        Library.open(path)


def test_a_vector_of_another_length_is_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE vectors SET vector = x'0011' WHERE track_id = 2")
    raw.close()
    with Library.open(path) as opened, pytest.raises(LibraryDamaged, match="length"):
        opened.snapshot()


def test_another_extractor_is_refused(library: Library) -> None:
    library.require("musicnn", "1")
    with pytest.raises(LibraryExtractor, match="musicnn 1, not of mfcc 1"):
        library.require("mfcc", "1")
    with pytest.raises(LibraryExtractor):
        library.require("musicnn", "2")


def test_creating_does_not_replace(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    with pytest.raises(LibraryExists):
        Library.create(path, SPEC)
    with Library.create(path, SPEC, overwrite=True) as made:
        assert made.count() == 0
    (tmp_path / "thesis.txt").write_text("years of work, " * 20)
    with pytest.raises(LibraryExists, match="not a library"):
        Library.create(tmp_path / "thesis.txt", SPEC, overwrite=True)
    with pytest.raises(LibraryError, match="no folder"):
        Library.create(tmp_path / "none" / "b.earmark", SPEC)
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
        Library.open(path)


@pytest.mark.parametrize("number", [0, -1, "x", "", "1" * 4000, "\u0661"])
def test_a_format_that_cannot_be_is_damage(tmp_path: Path, number: object) -> None:
    path = filled(tmp_path / "a.earmark", 1)
    set_format(path, number)
    for read_only in (False, True):
        with pytest.raises(LibraryDamaged, match=r"a\.earmark: does not say what it holds"):
            Library.open(path, read_only=read_only)


# Read only, copies, threads


def test_read_only_refuses_every_change(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with Library.open(path, read_only=True) as opened:
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
    monkeypatch.setattr("earmark.library.sqlite.is_writable", lambda path: False)
    with Library.open(path) as opened:
        assert opened.read_only
        assert len(opened.snapshot()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.earmark"]


def test_a_packed_copy_is_one_file_and_tells_nothing_of_this_machine(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.earmark", 2)
    with Library.open(path) as opened:
        opened.update(1, genre="jazz")
        opened.store_parameters(b"p")
        opened.copy(tmp_path / "b.earmark", packed=True)
        opened.copy(tmp_path / "c.earmark")
        with pytest.raises(LibraryExists):
            opened.copy(tmp_path / "c.earmark")
        with Library.open(tmp_path / "b.earmark", immutable=True) as packed:
            assert packed.read_only
            assert packed.load_parameters() == opened.load_parameters()
            assert packed.genres() == opened.genres()
            assert packed.history() == []
            assert {t.path for t in packed.tracks()} == {None}
            np.testing.assert_array_equal(packed.snapshot().vectors, opened.snapshot().vectors)
        with Library.open(tmp_path / "c.earmark") as copy:
            assert copy.snapshot().tracks == opened.snapshot().tracks
            assert len(copy.history()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"a.earmark", "b.earmark", "c.earmark"}
    with sqlite3.connect(tmp_path / "b.earmark") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    raw.close()


def test_threads_share_one_library(library: Library) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            for number in range(10):
                library.add([track(base + number)], np.zeros((1, 3)))
                library.snapshot()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(library.snapshot()) == 40


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_stored_number_that_is_not_finite_is_damage(tmp_path: Path, number: float) -> None:
    path = filled(tmp_path / "a.earmark", 3)
    vector = np.full(SPEC.dimension, number, dtype=SPEC.storage).tobytes()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE vectors SET vector = ? WHERE track_id = 2", (vector,))
    raw.close()
    with Library.open(path) as opened, pytest.raises(LibraryDamaged, match=r"1 of 3 .* not finite"):
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
    with Library.open(path) as opened, pytest.raises(LibraryDamaged, match=r"a\.earmark: .*again"):
        opened.snapshot()


def test_a_file_that_replaced_an_open_library_is_not_opened(tmp_path: Path) -> None:
    path, other = tmp_path / "a.earmark", tmp_path / "b.earmark"
    spec = ExtractorSpec("musicnn", "1", 4, "cosine", "float32")
    Library.create(other, spec).close()
    with Library.create(path, spec) as library:
        library.add([Track(name="x", genre="g")], np.zeros((1, 4)))
        # As another thread would, which finds no free connection.
        held = library._engine.connect()
        other.replace(path)
        with pytest.raises(LibraryError, match="was replaced by another file"):
            library.count()
        held.close()
