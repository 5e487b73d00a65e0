"""Libraries of older versions open as they are, and are brought up to date without a sound file."""

from __future__ import annotations

import gzip
import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from earmark.errors import TrackNotFound
from earmark.features import Segments
from earmark.library import ExtractorSpec, Track, create_library, digest, open_library
from earmark.library.backends import migrations
from earmark.library.backends.migrations import migrate
from earmark.library.backends.schema import FORMAT_VERSION
from earmark.library.fitting import is_stale, voter

FOLDER = Path(__file__).parent / "data" / "format-1"
KINDS = sorted(path.name.removesuffix(".earmark.gz") for path in FOLDER.glob("*.gz"))


@pytest.fixture
def old(tmp_path: Path) -> Callable[[str], Path]:
    def unpack(kind: str) -> Path:
        path = tmp_path / f"{kind}.earmark"
        path.write_bytes(gzip.decompress((FOLDER / f"{kind}.earmark.gz").read_bytes()))
        return path

    return unpack


def rows(path: Path, query: str) -> list[dict[str, Any]]:
    """Read a file as any SQLite program would."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as raw:
        raw.row_factory = sqlite3.Row
        return [dict(row) for row in raw.execute(query)]


def facts(path: Path) -> dict[str, str]:
    return {row["key"]: row["value"] for row in rows(path, "SELECT * FROM meta")}


def test_the_kinds_of_library_that_version_0_1_made_are_all_here() -> None:
    assert KINDS == ["classic", "foreign", "musicnn", "my-dat", "packed", "taught"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read_only", [True, False])
def test_an_old_library_holds_what_it_held(
    old: Callable[[str], Path], kind: str, read_only: bool
) -> None:
    path = old(kind)
    was, named = rows(path, "SELECT * FROM tracks"), facts(path)
    state = rows(path, "SELECT * FROM state")[0]
    before = path.read_bytes()
    with open_library(path, read_only=read_only) as library:
        spec = library.spec
        assert (spec.name, spec.version, str(spec.dimension), spec.dtype) == (
            named["name"], named["version"], named["dimension"], named["dtype"],
        )  # fmt: skip
        assert library.count() == len(was)
        assert library.revision == state["revision"]
        for row in was:
            track = library.get(row["id"])
            for field in ("name", "genre", "artist", "title", "path", "content_hash", "duration",
                          "size", "modified_ns", "taught"):  # fmt: skip
                assert getattr(track, field) == row[field]
            assert track.audio_hash is None
            stored = np.frombuffer(row["vector"], spec.storage).astype(spec.working)
            np.testing.assert_array_equal(library.vector(row["id"]), stored)
        fitted = library.fitted()
        assert fitted is not None
        assert fitted.blob == state["parameters"]
    if read_only:
        assert path.read_bytes() == before
    else:
        assert facts(path)["format"] == str(FORMAT_VERSION)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_library_of_format_2_gets_sources(old: Callable[[str], Path], read_only: bool) -> None:
    path = old("taught")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate(connection, 1, target=2)
    engine.dispose()
    assert facts(path)["format"] == "2"
    with open_library(path, read_only=read_only) as library:
        assert {track.source for track in library.tracks()} == {None}
        if not read_only:
            track = library.tracks()[0]
            assert track.id is not None
            library.update(track.id, source="a box of tapes")
            assert library.get(track.id).source == "a box of tapes"
    assert facts(path)["format"] == ("2" if read_only else str(FORMAT_VERSION))


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_library_votes(old: Callable[[str], Path], kind: str) -> None:
    with open_library(old(kind)) as library:
        snapshot = library.snapshot()
        voter(library)
        fitted = library.fitted()
        assert fitted is not None
        assert not is_stale(fitted, snapshot.revision, len(snapshot), snapshot.genre_names)


def layout(path: Path) -> dict[str, Any]:
    """Return tables, their columns, and which columns have an index."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE sql > ''")]
        for name in names:
            columns = [row[1:] for row in raw.execute(f"PRAGMA table_info({name})")]
            indexed = {
                (row[2], tuple(column[2] for column in raw.execute(f"PRAGMA index_info({row[1]})")))
                for row in raw.execute(f"PRAGMA index_list({name})")
            }
            found[name] = (sorted(columns), indexed)
        found["marked"] = [
            raw.execute(f"PRAGMA {fact}").fetchone() for fact in ("application_id", "user_version")
        ]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_migrated_library_has_the_layout_of_a_new_one(
    old: Callable[[str], Path], kind: str, tmp_path: Path
) -> None:
    path, new = old(kind), tmp_path / "new.earmark"
    with open_library(path) as library:
        create_library(new, library.spec).close()
    assert layout(path) == layout(new)


def test_history_goes_on_and_is_undone_across_the_migration(old: Callable[[str], Path]) -> None:
    path = old("taught")
    was = rows(path, "SELECT * FROM history ORDER BY id DESC")
    with open_library(path) as library:
        changes = library.history()
        assert [change.id for change in changes] == [row["id"] for row in was]
        added, removed, edited, taken_back, taught = changes
        assert taken_back.undone
        for change, row in zip(changes, was, strict=True):
            for now, then in ((change.before, row["before"]), (change.after, row["after"])):
                if then is None:
                    assert now is None
                else:
                    assert now == Track(**json.loads(then))
        assert library.get(taught.track_id).genre == "jazz"
        library.undo(removed.id)
        kept = np.frombuffer(was[1]["vector_before"], library.spec.storage)
        np.testing.assert_array_equal(library.vector(removed.track_id), kept)
        library.undo(added.id)
        with pytest.raises(TrackNotFound):
            library.get(added.track_id)
        library.undo(edited.id)
        assert library.get(edited.track_id).artist is None
        library.undo(taught.id)
        assert library.get(taught.track_id).genre == "blues"
        # An id is never given twice, also not one that was given before the migration.
        new = library.add([Track(name="new", genre="x")], np.zeros((1, library.spec.dimension)))[
            0
        ].track_id
        assert new > max(change.track_id for change in changes)


def test_the_payload_hash_is_added_when_a_file_is_seen_again(old: Callable[[str], Path]) -> None:
    with open_library(old("taught")) as library:
        track = library.tracks(taught=True)[0]
        history = library.history()
        assert track.id is not None
        library.set_identity(track.id, audio_hash="f" * 64)
        assert [found.id for found in library.find_audio_hash("f" * 64)] == [track.id]
        assert library.get(track.id).genre == track.genre
        assert library.history() == history


def test_a_folder_that_may_not_be_written_does_not_hinder(
    old: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old("packed")
    monkeypatch.setattr("earmark.library.backends.sqlite_files.is_writable", lambda path: False)
    with open_library(path) as library:
        assert library.read_only
        assert len(library.snapshot()) == library.count() == 8
    assert [beside.name for beside in path.parent.iterdir()] == [path.name]
    assert facts(path)["format"] == "1"


def test_threads_share_an_old_library_that_may_not_be_written(old: Callable[[str], Path]) -> None:
    failures: list[BaseException] = []
    with open_library(old("classic"), read_only=True) as library:

        def work() -> None:
            try:
                for _ in range(20):
                    assert len(library.tracks()) == len(library.snapshot())
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_an_old_library_can_be_copied_where_it_may_not_be_written(
    old: Callable[[str], Path], tmp_path: Path
) -> None:
    with open_library(old("taught"), read_only=True) as library:
        library.copy(tmp_path / "copy.earmark")
        with open_library(tmp_path / "copy.earmark") as copy:
            assert copy.tracks() == library.tracks()
            assert copy.history() == library.history()
            copy.undo(copy.history()[0].id)


def test_a_step_that_fails_leaves_the_old_format(
    old: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old("taught")
    was = [rows(path, f"SELECT * FROM {table}") for table in ("meta", "state", "tracks", "history")]

    def fail(connection: object) -> None:
        migrations._to_2(connection)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrations, "MIGRATIONS", {1: fail})
    with pytest.raises(RuntimeError):
        open_library(path)
    now = [rows(path, f"SELECT * FROM {table}") for table in ("meta", "state", "tracks", "history")]
    assert now == was
    monkeypatch.undo()
    with open_library(path) as library:
        assert library.count() == 8


# The digest


def digest_of(path: Path) -> str:
    """Compute the digest anew, from all that a file holds."""
    parts = [
        digest.of_vector(row["track_id"], row["vector"])
        for row in rows(path, "SELECT * FROM vectors")
    ] + [
        digest.of_label(row["track_id"], row["genre"], row["weight"])
        for row in rows(path, "SELECT * FROM track_genres")
    ]
    return digest.moved(digest.EMPTY, more=parts)


@pytest.mark.parametrize("kind", KINDS)
def test_migration_makes_the_digest(old: Callable[[str], Path], kind: str) -> None:
    path = old(kind)
    open_library(path).close()
    assert rows(path, "SELECT digest FROM state")[0]["digest"] == digest_of(path)


def test_every_change_keeps_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.earmark"
    rng = np.random.default_rng(0)

    def vector() -> Any:
        return rng.normal(size=(1, 3))

    with create_library(path, ExtractorSpec("foreign", "1", 3, "cosine", "float32")) as library:
        added = library.add(
            [Track(name="a", genre="x", path="/a"), Track(name="b", genre=None)],
            rng.normal(size=(2, 3)),
        )
        first, second = (change.track_id for change in added)
        changes: list[Callable[[], object]] = [
            lambda: library.add([Track(name="a", genre="y", path="/a", taught=True)], vector()),
            lambda: library.update(second, genre="z"),
            lambda: library.update(second, genre=None),
            lambda: library.update(second, title="only a title"),
            lambda: library.add(
                [Track(name=n, genre="w", path="/c") for n in "cd"], vector()[[0, 0]]
            ),
            lambda: library.remove([first]),
            lambda: library.undo(library.history()[0].id),
            lambda: library.undo(library.history()[1].id),
            lambda: library.remove([second], remember=False),
        ]
        for change in changes:
            change()
            assert library.digest == digest_of_open(path)


def digest_of_open(path: Path) -> str:
    copy = path.with_suffix(".copy")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    found = digest_of(copy)
    copy.unlink()
    return found


def test_a_file_without_the_table_of_segments_is_as_good_as_one_that_has_none(
    tmp_path: Path,
) -> None:
    # The first files of format 2 were made before there was that table.
    path = tmp_path / "early.earmark"
    spec = ExtractorSpec("ears", "1", 2, "cosine", "float32")
    with create_library(path, spec) as library:
        library.add([Track(name="a", genre="x")], np.ones((1, 2)))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TABLE segments")
        raw.commit()
    with open_library(path, read_only=True) as library:
        assert library.segments(library.snapshot().ids.tolist()) == {}
        library.check()
    one = Segments(np.zeros(1), np.ones(1), np.ones((1, 2), dtype=np.float32))
    with open_library(path) as library:
        library.add([Track(name="b", genre="y")], np.ones((1, 2)), segments=[one])
        assert len(library.segments(library.snapshot().ids.tolist())) == 1
        library.check()
