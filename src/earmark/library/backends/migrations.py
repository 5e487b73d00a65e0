"""How the layouts of older versions are brought up to the present one.

Steps are written out in SQL, not by the tables of ``schema``: those go on changing, and a step must
go on making exactly the layout that followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from earmark.features import spec_of
from earmark.library import digest
from earmark.library.backends.schema import FORMAT_VERSION, read_meta, write_meta
from earmark.library.model import ExtractorSpec

Migration = Callable[[sa.Connection], None]

_BATCH = 10_000


def migrate(
    connection: sa.Connection,
    version: int,
    target: int = FORMAT_VERSION,
    steps: Mapping[int, Migration] | None = None,
) -> None:
    """Bring the tables from one format version to a later one, inside the caller's transaction.

    Raises
    ------
    KeyError
        No step leads from a version to the next.
    """
    for number in range(version, target):
        (MIGRATIONS if steps is None else steps)[number](connection)
    write_meta(connection, {"format": str(target)})


def spec_of_format_1(facts: Mapping[str, str]) -> ExtractorSpec:
    """Return the extractor that a library of format 1 names.

    That format keeps only a part of it, and calls the similarity a metric. The rest is that of the
    installed extractor of this name and version.

    Raises
    ------
    KeyError, ValueError
        Facts are missing, or are none that there can be.
    """
    name, version, dimension = facts["name"], facts["version"], int(facts["dimension"])
    known = spec_of(name, version)
    if known is None or known.dimension != dimension:
        return ExtractorSpec(name, version, dimension, facts["metric"], facts["dtype"])
    return ExtractorSpec.from_json({**known.to_json(), "dtype": facts["dtype"]})


_TO_2 = """
ALTER TABLE tracks RENAME TO tracks_1;
CREATE TABLE tracks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, artist TEXT, title TEXT,
    path TEXT, content_hash TEXT, audio_hash TEXT, duration FLOAT, size BIGINT, modified_ns BIGINT,
    taught BOOLEAN NOT NULL, search_text TEXT NOT NULL, UNIQUE (path)
);
INSERT INTO tracks (id, name, artist, title, path, content_hash, duration, size, modified_ns,
                    taught, search_text)
    SELECT id, name, artist, title, path, content_hash, duration, size, modified_ns, taught,
           search_text FROM tracks_1;
CREATE TABLE vectors (track_id INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (track_id));
INSERT INTO vectors SELECT id, vector FROM tracks_1;
CREATE TABLE segments (
    track_id INTEGER NOT NULL, start FLOAT NOT NULL, stop FLOAT NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (track_id, start)
);
CREATE TABLE track_genres (
    track_id INTEGER NOT NULL, genre TEXT NOT NULL, weight FLOAT NOT NULL,
    PRIMARY KEY (track_id, genre)
) WITHOUT ROWID;
INSERT INTO track_genres SELECT id, genre, 1.0 FROM tracks_1 WHERE genre IS NOT NULL;
CREATE TABLE genre_parents (genre TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (genre));
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'tracks_1')
    WHERE name = 'tracks';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'tracks', seq FROM sqlite_sequence
    WHERE name = 'tracks_1' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'tracks');
DROP TABLE tracks_1;
CREATE INDEX ix_tracks_artist ON tracks (artist);
CREATE INDEX ix_tracks_content_hash ON tracks (content_hash);
CREATE INDEX ix_tracks_audio_hash ON tracks (audio_hash);
CREATE INDEX ix_tracks_taught ON tracks (taught);
CREATE INDEX ix_tracks_order ON tracks (name, path, content_hash, id);
CREATE INDEX ix_track_genres_genre ON track_genres (genre, track_id);
ALTER TABLE state ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE state ADD COLUMN parameters_digest TEXT;
ALTER TABLE state ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE state ADD COLUMN token_before TEXT NOT NULL DEFAULT '';
"""


def _to_2(connection: sa.Connection) -> None:
    """Part genres and vectors from the tracks; nothing is heard, so payload hashes are unknown."""
    spec = spec_of_format_1(read_meta(connection))
    for statement in _TO_2.split(";"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    parts = _sum(
        digest.of_vector(track_id, vector)
        for track_id, vector in _rows(connection, "SELECT track_id, vector FROM vectors")
    ) + _sum(
        digest.of_label(track_id, genre, weight)
        for track_id, genre, weight in _rows(connection, "SELECT * FROM track_genres")
    )
    (blob,) = connection.exec_driver_sql("SELECT parameters FROM state").one()
    connection.exec_driver_sql(
        "UPDATE state SET digest = ?, parameters_digest = ?",
        (
            digest.moved(digest.EMPTY, more=[parts]),
            None if blob is None else digest.of_parameters(blob),
        ),
    )
    connection.exec_driver_sql(
        "DELETE FROM meta WHERE key IN ('name', 'version', 'dimension', 'metric', 'dtype')"
    )
    write_meta(connection, {"extractor": json.dumps(spec.to_json(), ensure_ascii=False)})


def _rows(connection: sa.Connection, query: str) -> Iterator[Any]:
    for batch in connection.exec_driver_sql(query).partitions(_BATCH):
        yield from batch


def _sum(parts: Iterator[int]) -> int:
    return sum(parts) % digest.MODULUS


def _to_3(connection: sa.Connection) -> None:
    """Give tracks a source; of those that are there none is known."""
    connection.exec_driver_sql("ALTER TABLE tracks ADD COLUMN source TEXT")


MIGRATIONS: Mapping[int, Migration] = MappingProxyType({1: _to_2, 2: _to_3})
"""From a format version to the step that makes the next one of it. Version 1 is the first."""
