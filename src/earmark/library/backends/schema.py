"""Tables of a library, and the version of their layout.

The tables use nothing that only SQLite has, so that another database can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from earmark.library import rules

FORMAT_VERSION = 3
"""Version of the layout below; every change needs a step in ``migrations``."""


class PathText(sa.types.TypeDecorator[str]):
    """Text that may hold the undecodable bytes of a file name."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Escape on the way in."""
        return None if value is None else rules.escape(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Unescape on the way out."""
        return None if value is None else rules.unescape(value)


metadata = sa.MetaData()

# One row a fact. Its layout never changes, so that every version can read every format number.
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# A single row, number 1.
state = sa.Table(
    "state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("parameters", sa.LargeBinary),
    sa.Column("parameters_revision", sa.BigInteger),
    sa.Column("parameters_genres", sa.Text),
    # What `earmark.library.digest` makes of all vectors and labels, and of the parameters.
    sa.Column("digest", sa.Text, nullable=False, server_default=""),
    sa.Column("parameters_digest", sa.Text),
    # Made anew by every change: by them a log is known to belong to its library.
    sa.Column("token", sa.Text, nullable=False, server_default=""),
    sa.Column("token_before", sa.Text, nullable=False, server_default=""),
)

tracks = sa.Table(
    "tracks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", PathText, nullable=False),
    sa.Column("artist", sa.Text, index=True),
    sa.Column("title", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("path", PathText, unique=True),
    sa.Column("content_hash", sa.Text, index=True),
    sa.Column("audio_hash", sa.Text, index=True),
    sa.Column("duration", sa.Float),
    sa.Column("size", sa.BigInteger),
    sa.Column("modified_ns", sa.BigInteger),
    sa.Column("taught", sa.Boolean, nullable=False, default=False, index=True),
    # Name, artist and title, case-folded: databases fold only ASCII, or each in its own way.
    sa.Column("search_text", PathText, nullable=False),
    # The order of every list, so that a page far down is found without sorting.
    sa.Index("ix_tracks_order", "name", "path", "content_hash", "id"),
    # Ids are never given twice, so that the history means the same track for ever.
    sqlite_autoincrement=True,
)

# A track may have several genres, each with its share of a vote; one without is unlabelled.
track_genres = sa.Table(
    "track_genres",
    metadata,
    sa.Column("track_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("genre", sa.Text, primary_key=True),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Index("ix_track_genres_genre", "genre", "track_id"),
    sqlite_with_rowid=False,
)

# Taxonomy: which genre is a kind of which.
genre_parents = sa.Table(
    "genre_parents",
    metadata,
    sa.Column("genre", sa.Text, primary_key=True),
    sa.Column("parent", sa.Text, nullable=False),
)

# Apart from the tracks, so that lists of these do not read past them, and all are read in one go.
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("track_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

# What a few segments of a track sound like, each alone; only to fit the vote by. Files that were
# made before there was this table have none.
segments = sa.Table(
    "segments",
    metadata,
    sa.Column("track_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start", sa.Float, primary_key=True),
    sa.Column("stop", sa.Float, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

history = sa.Table(
    "history",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("track_id", sa.Integer, nullable=False, index=True),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("vector_before", sa.LargeBinary),
    sa.Column("undone", sa.Boolean, nullable=False, default=False),
    sqlite_autoincrement=True,
)


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
