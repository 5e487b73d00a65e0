"""A library file that was damaged, or made on purpose to do harm, is refused in one line."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import EarmarkError, LibraryDamaged, NotALibrary
from earmark.library import ExtractorSpec, Library, Track, create_library, open_library
from earmark.library.backends.sqlite_files import check_file

pytestmark = pytest.mark.slow

SPEC = ExtractorSpec("foreign", "1", 8, "cosine", "float32")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.earmark"
    rng = np.random.default_rng(0)
    with create_library(path, SPEC) as library:
        tracks = [Track(name=f"song {n:03}", genre="jazz" if n % 2 else "rock") for n in range(60)]
        library.add(tracks, rng.normal(size=(60, 8)))
        library.store_parameters(b'{"k": 3}')
    return path


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(script)


ENDLESS = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x FROM t"


@pytest.mark.parametrize(
    "script",
    [
        f"DROP TABLE genre_parents; CREATE VIEW genre_parents AS {ENDLESS};",
        "ALTER TABLE tracks RENAME TO old; CREATE VIEW tracks AS SELECT * FROM old, old;",
        "ALTER TABLE meta RENAME TO old; CREATE VIEW meta AS SELECT * FROM old;",
        f"CREATE VIEW more AS {ENDLESS};",
        "CREATE TRIGGER t AFTER INSERT ON tracks BEGIN DELETE FROM tracks; END;",
        "DROP TABLE genre_parents; CREATE TABLE genre_parents "
        "(genre TEXT, parent TEXT AS (hex(zeroblob(100000000))) VIRTUAL);",
        'CREATE VIEW "[/rock]\x1b[2J" AS SELECT 1;',
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_library_has_plain_tables_only(path: Path, script: str, read_only: bool) -> None:
    run(path, script)
    with pytest.raises(LibraryDamaged, match=r"a\.earmark: is damaged \(") as caught:
        open_library(path, read_only=read_only)
    assert str(caught.value).isprintable()


def test_a_schema_that_is_no_text_is_damage(path: Path) -> None:
    whole = path.read_bytes()
    assert b"CREATE TABLE meta" in whole
    for broken in (b"CREATE TABLE \xff\xfe\xfda", b"CREATE TABL\x00 meta"):
        path.write_bytes(whole.replace(b"CREATE TABLE meta", broken))
        with pytest.raises(LibraryDamaged, match=r"a\.earmark: "):
            open_library(path)


@pytest.mark.parametrize(
    "extractor",
    [
        "no JSON",
        "[]",
        "[" * 100_000,
        '{"name": "x"}',
        '{"name": "x", "version": "1", "dimension": 8, "similarity": "telepathy", '
        '"dtype": "float32", "checksum": null, "voting": [0, null], "settling": 0, "words": []}',
    ],
)
def test_an_extractor_that_cannot_be_is_damage(path: Path, extractor: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE meta SET value = ? WHERE key = 'extractor'", (extractor,))
    with pytest.raises(LibraryDamaged, match="does not say what it holds"):
        open_library(path)


def test_a_cell_larger_than_any_library_has_is_one_line(path: Path) -> None:
    run(path, "UPDATE tracks SET title = printf('%.*c', 90000000, 'x') WHERE id = 1;")
    with open_library(path) as library, pytest.raises(EarmarkError, match=r"a\.earmark: "):
        library.tracks()


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.earmark"
    os.mkfifo(pipe)
    found: list[Exception] = []

    def look() -> None:
        try:
            open_library(pipe)
        except EarmarkError as error:
            found.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(30)
    assert isinstance(found[0], NotALibrary)


# The digest


def checked(path: Path) -> Library:
    with open_library(path, read_only=True) as library:
        library.check()
    return library


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("UPDATE track_genres SET genre = 'metal' WHERE track_id = 7", "vectors or labels"),
        ("UPDATE track_genres SET weight = 2 WHERE track_id = 7", "vectors or labels"),
        ("DELETE FROM track_genres WHERE track_id = 7", "vectors or labels"),
        ("UPDATE vectors SET vector = zeroblob(32) WHERE track_id = 7", "vectors or labels"),
        ("UPDATE vectors SET track_id = 100 WHERE track_id = 7", "vectors or labels"),
        ("UPDATE state SET parameters = x'7b7d'", "the fitted vote"),
        ("UPDATE state SET digest = parameters_digest", "vectors or labels"),
    ],
)
def test_what_something_else_changed_is_told(path: Path, script: str, what: str) -> None:
    checked(path)
    run(path, script)
    with pytest.raises(LibraryDamaged, match=rf"a\.earmark: is damaged \({what} were changed"):
        checked(path)


def test_a_flipped_bit_of_a_vector_is_found(path: Path) -> None:
    with open_library(path) as library:
        vector = np.asarray(library.vector(30), dtype="<f4").tobytes()
    whole = path.read_bytes()
    start = whole.index(vector)
    rng = np.random.default_rng(1)
    for bit in rng.choice(8 * len(vector), 25, replace=False):
        flipped = bytearray(whole)
        flipped[start + bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        with pytest.raises(LibraryDamaged):
            checked(path)
    path.write_bytes(whole)
    checked(path)


@pytest.mark.parametrize("beside", ["", "-wal", "-journal"])
@pytest.mark.parametrize("counted", [True, False])
def test_a_length_that_is_still_being_written_is_no_damage(
    path: Path, beside: str, counted: bool
) -> None:
    """In the middle of a write the pages that the header counts may not be there yet."""
    content = bytearray(path.read_bytes())
    if not counted:
        # Who wrote last did not count pages: as SQLite before 3.7 did.
        content[24:28] = (int.from_bytes(content[24:28], "big") + 1).to_bytes(4, "big")
    path.write_bytes(content[:-1])
    if beside:
        path.with_name(path.name + beside).write_bytes(b"")
    if beside or not counted:
        check_file(path)
    else:
        with pytest.raises(LibraryDamaged, match="is cut off after"):
            check_file(path)
