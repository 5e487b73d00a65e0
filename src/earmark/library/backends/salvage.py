"""What can be saved of a library file that is damaged: every track whose row and vector are whole.

The damaged file is only read, as a copy. What cannot be read is left out, page by page; the saved
library is made of plain rows, so its indexes, digest and fitted vote are new.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from earmark.errors import LibraryDamaged, LibraryError
from earmark.library import digest
from earmark.library.backends import connections, logs, rows, sqlite_files
from earmark.library.backends.migrations import spec_of_format_1
from earmark.library.backends.schema import (
    genre_parents,
    segments,
    state,
    track_genres,
    tracks,
    vectors,
)
from earmark.library.backends.sqlite import SqliteLibrary
from earmark.library.model import ExtractorSpec, Track
from earmark.words import one_line

MOST_LOOKED_FOR = 2_000_000
"""How many ids are tried behind a place that cannot be read."""

_BATCH = 1_000
_LARGEST_ID = 2**62


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of it.

    Attributes
    ----------
    tracks
        How many are in the new library.
    lost
        How many others left traces, such as a number or a vector.
    without_genre
        How many of those saved have no genre, whether they had one or not.
    """

    tracks: int
    lost: int
    without_genre: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is left of one track; None for what cannot be read."""

    number: int
    track: Track | None
    vector: bytes | None
    labels: dict[str, float]
    parts: list[tuple[float, float, bytes]]


def salvage(source: Path, target: Path, *, overwrite: bool = False) -> Saved:
    """Make a new library of all tracks of a damaged one that are whole.

    The history of changes and the fitted vote are left behind; the vote is fitted anew when the
    library is used.

    Raises
    ------
    LibraryDamaged
        Nothing can be saved: it is no database any more, or does not say whose vectors it holds.
    LibraryError
        The file cannot be read, or the new one not written.
    """
    with _copy(source) as raw:
        spec = _spec(raw, source)
        with SqliteLibrary.new(target, spec, overwrite=overwrite) as library:
            return _save(raw, library, spec, source)


@contextlib.contextmanager
def _copy(source: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of a file and its own log, however little of it is sound."""
    log = sqlite_files.beside(source)[0]
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        copy = Path(folder) / "copy.earmark"
        try:
            shutil.copyfile(source, copy)
            if log.exists() and not logs.has_foreign_log(source):
                shutil.copyfile(log, sqlite_files.beside(copy)[0])
        except OSError as error:
            raise LibraryError(f"{source}: cannot be copied ({error.strerror})") from error
        connection = sqlite3.connect(copy, isolation_level=None)
        with contextlib.closing(connection):
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, connections.LONGEST_CELL)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.execute("PRAGMA trusted_schema=OFF")
            # A file that is shorter than it says is read as far as it goes.
            connection.execute("PRAGMA writable_schema=ON")
            try:
                _check_plain(connection, source)
            except sqlite3.Error as error:
                raise LibraryDamaged(
                    f"{source}: nothing of it can be saved ({error}); build it again"
                ) from error
            yield connection


def _check_plain(raw: sqlite3.Connection, source: Path) -> None:
    """See that what is read is stored, and not computed by whoever made the file."""
    names = [table.name for table in (tracks, vectors, segments, track_genres, genre_parents)]
    for table in ("meta", *names):
        query = "SELECT type, sql FROM sqlite_master WHERE name = ?"
        for kind, sql in raw.execute(query, (table,)).fetchall():
            plain = kind == "table" and not str(sql).upper().startswith("CREATE VIRTUAL")
            columns = raw.execute(f"PRAGMA table_xinfo({table})").fetchall() if plain else []
            if not plain or any(column["hidden"] for column in columns):
                raise LibraryDamaged(
                    f"{source}: its {table} is no plain table, so somebody made it so; "
                    "build it again"
                )


def _spec(raw: sqlite3.Connection, source: Path) -> ExtractorSpec:
    try:
        facts = {str(key): str(value) for key, value in raw.execute("SELECT key, value FROM meta")}
        if "extractor" in facts:
            return ExtractorSpec.from_json(json.loads(facts["extractor"]))
        return spec_of_format_1(facts)
    except (sqlite3.Error, KeyError, ValueError, RecursionError) as error:
        raise LibraryDamaged(
            f"{source}: nothing can be saved, since what says whose vectors it holds is lost; "
            "build it again"
        ) from error


def _save(
    raw: sqlite3.Connection, library: SqliteLibrary, spec: ExtractorSpec, source: Path
) -> Saved:
    seen = saved = without = total = 0
    paths: set[str] = set()
    with library._writing() as connection:
        for batch in _batches(_found(raw, spec, source)):
            whole = [found for found in batch if found.track is not None and found.vector]
            seen, saved = seen + len(batch), saved + len(whole)
            without += sum(not found.labels for found in whole)
            if whole:
                total += _put(connection, whole, paths)
        parents = _parents(raw)
        if parents:
            connection.execute(genre_parents.insert(), parents)
        told = digest.moved(digest.EMPTY, more=[total])
        connection.execute(state.update().values(revision=saved, digest=told))
    return Saved(tracks=saved, lost=seen - saved, without_genre=without)


def _put(connection: sa.Connection, whole: list[Found], paths: set[str]) -> int:
    """Write tracks, and return the sum of the parts of the digest."""
    entries, labels, parts = [], [], 0
    for found in whole:
        assert found.track is not None  # noqa: S101
        assert found.vector is not None  # noqa: S101
        values = rows.values_of(found.track)
        if found.track.path in paths:
            values["path"] = None
        paths.add(found.track.path or "")
        entries.append({"id": found.number, **values})
        parts += digest.of_vector(found.number, found.vector)
        for genre, weight in found.labels.items():
            labels.append({"track_id": found.number, "genre": genre, "weight": weight})
            parts += digest.of_label(found.number, genre, weight)
    connection.execute(tracks.insert(), entries)
    held = [{"track_id": found.number, "vector": found.vector} for found in whole]
    connection.execute(vectors.insert(), held)
    of_parts = [(found.number, *part) for found in whole for part in found.parts]
    if of_parts:
        names = ("track_id", "start", "stop", "vector")
        connection.execute(
            segments.insert(), [dict(zip(names, part, strict=True)) for part in of_parts]
        )
        parts += sum(digest.of_segment(*part) for part in of_parts)
    if labels:
        connection.execute(track_genres.insert(), labels)
    return parts


def _batches(found: Iterator[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    for one in found:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _found(raw: sqlite3.Connection, spec: ExtractorSpec, source: Path) -> Iterator[Found]:
    """Yield what is left of each track: its row, its vector and its genres."""
    for number in _numbers(raw):
        row = _row(raw, "SELECT * FROM tracks WHERE id = ?", number)
        held = _row(raw, "SELECT vector FROM vectors WHERE track_id = ?", number)
        if held is None and row is not None and "vector" in row:
            held = row  # format 1 has it there
        vector = None if held is None else _vector(held["vector"], spec, source)
        labels, parts = _labels(raw, number, row), _parts(raw, number, spec, source)
        yield Found(number, _track(number, row), vector, labels, parts)


def _numbers(raw: sqlite3.Connection) -> Iterator[int]:
    """Yield the ids of all tracks, also of those behind pages that cannot be read."""
    last = 0
    try:
        for (number,) in raw.execute("SELECT id FROM tracks NOT INDEXED ORDER BY id"):
            if isinstance(number, int) and last < number < _LARGEST_ID:
                last = number
                yield number
    except sqlite3.Error:
        # From here on each for itself, as far as there may be any.
        yield from range(last + 1, min(_highest(raw), last + MOST_LOOKED_FOR) + 1)


def _highest(raw: sqlite3.Connection) -> int:
    found = [0]
    for query in (
        "SELECT max(id) FROM tracks",
        "SELECT max(track_id) FROM vectors",
        "SELECT max(track_id) FROM track_genres",
        "SELECT seq FROM sqlite_sequence WHERE name = 'tracks'",
    ):
        with contextlib.suppress(sqlite3.Error, TypeError):
            found.extend(value for value in raw.execute(query).fetchone() if type(value) is int)
    return max(number for number in found if number < _LARGEST_ID)


def _row(raw: sqlite3.Connection, query: str, number: int) -> dict[str, Any] | None:
    try:
        row = raw.execute(query, (number,)).fetchone()
    except (sqlite3.Error, OverflowError):
        return None
    return None if row is None else dict(row)


def _track(number: int, row: dict[str, Any] | None) -> Track | None:
    if row is None:
        return None

    def text(name: str) -> str | None:
        value = row.get(name)
        return (one_line(value) or None) if isinstance(value, str) else None

    def number_of(name: str, kind: type[int] | type[float]) -> Any:
        value = row.get(name)
        sound = isinstance(value, kind) and math.isfinite(value) and abs(value) < _LARGEST_ID
        return value if sound else None

    path = row.get("path")
    return Track(
        name=text("name") or f"track {number}",
        genre=None,
        artist=text("artist"),
        title=text("title"),
        path=path if isinstance(path, str) and path else None,
        content_hash=text("content_hash"),
        audio_hash=text("audio_hash"),
        duration=number_of("duration", float),
        size=number_of("size", int),
        modified_ns=number_of("modified_ns", int),
        taught=row.get("taught") == 1,
    )


def _labels(raw: sqlite3.Connection, number: int, row: dict[str, Any] | None) -> dict[str, float]:
    query = "SELECT genre, weight FROM track_genres WHERE track_id = ?"
    found = [(row["genre"], 1.0)] if row is not None and "genre" in row else []
    with contextlib.suppress(sqlite3.Error):
        found.extend((genre, weight) for genre, weight in raw.execute(query, (number,)))
    return {
        one_line(genre): weight
        for genre, weight in found
        if isinstance(genre, str)
        and one_line(genre)
        and isinstance(weight, float)
        and 0 < weight < math.inf
    }


def _parts(
    raw: sqlite3.Connection, number: int, spec: ExtractorSpec, source: Path
) -> list[tuple[float, float, bytes]]:
    """Return the segments of a track that are whole."""
    query = "SELECT start, stop, vector FROM segments WHERE track_id = ?"
    found: dict[float, tuple[float, float, bytes]] = {}
    with contextlib.suppress(sqlite3.Error):
        for start, stop, blob in raw.execute(query, (number,)):
            vector = _vector(blob, spec, source)
            lies = isinstance(start, float) and isinstance(stop, float)
            if vector is not None and lies and 0 <= start < stop < math.inf:
                found[start] = (start, stop, vector)
    return list(found.values())


def _vector(blob: object, spec: ExtractorSpec, source: Path) -> bytes | None:
    if not isinstance(blob, bytes):
        return None
    try:
        numbers = rows.unpack([blob], spec, source)
    except LibraryDamaged:
        return None
    return blob if np.isfinite(numbers).all() else None


def _parents(raw: sqlite3.Connection) -> list[dict[str, str]]:
    with contextlib.suppress(sqlite3.Error):
        found = raw.execute("SELECT genre, parent FROM genre_parents").fetchall()
        return [
            {"genre": genre, "parent": parent}
            for genre, parent in found
            if isinstance(genre, str) and isinstance(parent, str)
        ]
    return []
