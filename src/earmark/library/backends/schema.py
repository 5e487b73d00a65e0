"""Tables of a library, and the version of their layout.

The tables are the same in SQLite and in PostgreSQL. Text is compared by its code points in both,
and what is unknown comes first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from earmark.errors import LibraryDamaged, LibraryFormat
from earmark.library import rules
from earmark.library.model import ExtractorSpec

SONG_TABLES = ("song_jobs", "song_jobs_canceled")
"""Tables of a database in which songs wait for any server; no part of a library."""

FORMAT_VERSION = 3
"""Version of the layout below; every change needs a step in ``migrations``."""


# In UTF-8, PostgreSQL's collation "C" is the order of code points, as SQLite and Python have it.
_BY_CODE_POINTS = sa.Text(collation="C")
_TEXT = sa.Text().with_variant(_BY_CODE_POINTS, "postgresql")
# SQLite gives numbers by itself only to a column of exactly this type, which holds as much there.
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


COPYING = "copying"
"""The fact that says of what a library becomes a copy; gone once it is whole."""


class PathText(sa.types.TypeDecorator[str]):
    """Text that may hold the undecodable bytes of a file name."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
        """Let every database compare it in the same way."""
        return dialect.type_descriptor(
            _BY_CODE_POINTS if dialect.name == "postgresql" else sa.Text()
        )

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Escape on the way in."""
        return None if value is None else rules.escape(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Unescape on the way out."""
        return None if value is None else rules.unescape(value)


PLAIN = "earmark_plain"
"""What `rules.plain` is called in SQLite, which has no such function."""


class Plain(FunctionElement[str]):
    """Text without the accents of its letters, as `rules.plain` has it.

    What has none, which can be seen much quicker, is left alone.
    """

    type = PathText()
    inherit_cache = True


@compiles(Plain, "sqlite")
def _plain_in_sqlite(element: Plain, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    ascii_only = f"length({text}) = length(CAST({text} AS BLOB))"
    return f"(CASE WHEN {ascii_only} THEN {text} ELSE {PLAIN}({text}) END)"


@compiles(Plain, "postgresql")
def _plain_in_postgres(element: Plain, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    accents = f"regexp_replace(normalize({text}, NFKD), '[\u0300-\u036f]', '', 'g')"
    ascii_only = f"length({text}) = octet_length({text})"
    return f"(CASE WHEN {ascii_only} THEN {text} ELSE {accents} END)"


metadata = sa.MetaData()

# One row a fact. Its layout never changes, so that every version can read every format number.
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)

# A single row, number 1.
state = sa.Table(
    "state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("parameters", sa.LargeBinary),
    sa.Column("parameters_revision", sa.BigInteger),
    sa.Column("parameters_genres", _TEXT),
    # What `earmark.library.digest` makes of all vectors and labels, and of the parameters.
    sa.Column("digest", _TEXT, nullable=False, server_default=""),
    sa.Column("parameters_digest", _TEXT),
    # Made anew by every change: by them a log is known to belong to its library.
    sa.Column("token", _TEXT, nullable=False, server_default=""),
    sa.Column("token_before", _TEXT, nullable=False, server_default=""),
)

tracks = sa.Table(
    "tracks",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("name", PathText, nullable=False),
    sa.Column("artist", _TEXT, index=True),
    sa.Column("title", _TEXT),
    sa.Column("source", _TEXT),
    sa.Column("path", PathText, unique=True),
    sa.Column("content_hash", _TEXT, index=True),
    sa.Column("audio_hash", _TEXT, index=True),
    sa.Column("duration", sa.Float),
    sa.Column("size", sa.BigInteger),
    sa.Column("modified_ns", sa.BigInteger),
    sa.Column("taught", sa.Boolean, nullable=False, default=False, index=True),
    # Name, artist and title, case-folded: databases fold only ASCII, or each in its own way.
    sa.Column("search_text", PathText, nullable=False),
    # Ids are never given twice, so that the history means the same track for ever.
    sqlite_autoincrement=True,
)

# The order of every list, so that a page far down is found without sorting; the two put nothing
# at different ends.
sa.Index(
    "ix_tracks_order", tracks.c.name, tracks.c.path, tracks.c.content_hash, tracks.c.id
).ddl_if(dialect="sqlite")
sa.Index(
    "ix_tracks_order",
    tracks.c.name,
    tracks.c.path.nulls_first(),
    tracks.c.content_hash.nulls_first(),
    tracks.c.id,
).ddl_if(dialect="postgresql")

# A track may have several genres, each with its share of a vote; one without is unlabelled.
track_genres = sa.Table(
    "track_genres",
    metadata,
    sa.Column("track_id", _ID, primary_key=True, autoincrement=False),
    sa.Column("genre", _TEXT, primary_key=True),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Index("ix_track_genres_genre", "genre", "track_id"),
    sqlite_with_rowid=False,
)

# Taxonomy: which genre is a kind of which.
genre_parents = sa.Table(
    "genre_parents",
    metadata,
    sa.Column("genre", _TEXT, primary_key=True),
    sa.Column("parent", _TEXT, nullable=False),
)

# Apart from the tracks, so that lists of these do not read past them, and all are read in one go.
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("track_id", _ID, primary_key=True, autoincrement=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

# What a few segments of a track sound like, each alone; only to fit the vote by. Files that were
# made before there was this table have none.
segments = sa.Table(
    "segments",
    metadata,
    sa.Column("track_id", _ID, primary_key=True, autoincrement=False),
    sa.Column("start", sa.Float, primary_key=True),
    sa.Column("stop", sa.Float, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

history = sa.Table(
    "history",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("time", _TEXT, nullable=False),
    sa.Column("what", _TEXT, nullable=False),
    sa.Column("track_id", _ID, nullable=False, index=True),
    sa.Column("before", _TEXT),
    sa.Column("after", _TEXT),
    sa.Column("vector_before", sa.LargeBinary),
    sa.Column("undone", sa.Boolean, nullable=False, default=False),
    sqlite_autoincrement=True,
)


def order_indexes(connection: sa.Connection) -> None:
    """Make the indexes of a library again, in the order of their names.

    A new library gets those of a table in any order, and a file's bytes depend on it.
    """
    indexes = [index for table in metadata.tables.values() for index in table.indexes]
    for index in sorted(indexes, key=lambda index: str(index.name)):
        index.drop(connection, checkfirst=True)
        index.create(connection)


def has_segments(connection: sa.Connection) -> bool:
    """Tell whether a library has the table of segments."""
    return sa.inspect(connection).has_table(segments.name)


def read_meta(connection: sa.Connection) -> dict[str, str]:
    """Return the facts of a library: its format and its extractor."""
    rows = connection.execute(sa.select(meta.c.key, meta.c.value))
    return {str(key): str(value) for key, value in rows}


def write_meta(connection: sa.Connection, facts: Mapping[str, str]) -> None:
    """Set facts, replacing those of the same key."""
    connection.execute(meta.delete().where(meta.c.key.in_(list(facts))))
    connection.execute(
        meta.insert(), [{"key": key, "value": value} for key, value in facts.items()]
    )


def spec_facts(spec: ExtractorSpec) -> dict[str, str]:
    """Return the fact that says which extractor made the vectors of a library."""
    return {"extractor": json.dumps(spec.to_json(), ensure_ascii=False)}


def version_of_facts(facts: Mapping[str, str], where: object) -> int:
    """Return the version of a library's layout.

    Raises
    ------
    LibraryFormat
        It is a later one than this version of Earmark knows.
    LibraryDamaged
        It is not said, or there is no such version.
    """
    told = facts.get("format", "")
    if COPYING in facts:
        raise LibraryDamaged(
            f"{where}: is a copy that was not finished; give the same 'earmark copy' again"
        )
    if not (told.isascii() and told.isdigit() and len(told) < 10 and int(told) >= 1):
        raise LibraryDamaged(f"{where}: does not say what it holds; build it again")
    if int(told) > FORMAT_VERSION:
        raise LibraryFormat(
            f"{where}: was written by a newer Earmark (format {told}, this one knows "
            f"{FORMAT_VERSION}); update Earmark"
        )
    return int(told)


def spec_of_facts(facts: Mapping[str, str], where: object) -> ExtractorSpec:
    """Return the extractor that made the vectors of a library.

    Raises
    ------
    LibraryDamaged
        It is not said.
    """
    try:
        return ExtractorSpec.from_json(json.loads(facts["extractor"]))
    except (KeyError, ValueError, RecursionError) as error:
        raise LibraryDamaged(f"{where}: does not say what it holds; build it again") from error


def drop_tables(connection: sa.Connection, schema: str, names: Iterable[str]) -> None:
    """Remove tables that are no part of a library from its schema, where they are there."""
    for name in names:
        connection.execute(
            sa.schema.DropTable(sa.Table(name, sa.MetaData(), schema=schema), if_exists=True)
        )
