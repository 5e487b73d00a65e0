"""Songs to be heard, kept in the database of a library: any server takes any of them.

A row is its own entry in the queue. Who takes a song holds the lock of its row until what was heard
is written (``FOR UPDATE SKIP LOCKED``), so nobody else takes it; where that server ends, however
it does, the database lets go of the lock, and another one takes the song.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from earmark.library.backends.postgres import PostgresLibrary

_MAKE = (
    "CREATE TABLE IF NOT EXISTS song_jobs (id text PRIMARY KEY, name text NOT NULL, "
    "timeline boolean NOT NULL, created timestamptz NOT NULL DEFAULT clock_timestamp(), "
    "content bytea, heard bytea, drawn bytea, error text, problem text, ended timestamptz)",
    # Sound is packed already.
    "ALTER TABLE song_jobs ALTER content SET STORAGE EXTERNAL",
    "CREATE INDEX IF NOT EXISTS ix_song_jobs_open ON song_jobs (created) WHERE ended IS NULL",
    # By itself, since the row of a song that is being heard is locked.
    "CREATE TABLE IF NOT EXISTS song_jobs_canceled (id text PRIMARY KEY)",
)

_TAKE = sa.text(
    "SELECT id, name, content, heard FROM song_jobs j "
    "WHERE ended IS NULL AND NOT EXISTS (SELECT FROM song_jobs_canceled c WHERE c.id = j.id) "
    "ORDER BY heard IS NOT NULL, created LIMIT 1 FOR UPDATE SKIP LOCKED"
)
"""The answers of all come before the timelines of any."""

_READ = sa.text(
    "SELECT id, name, timeline, extract(epoch FROM created)::float8 AS created, "
    "CASE WHEN id = ANY(:known) THEN NULL ELSE heard END AS heard, drawn, error, problem, "
    "ended IS NOT NULL AS ended, (SELECT count(*) FROM song_jobs o WHERE o.ended IS NULL "
    "AND o.heard IS NULL AND o.created < j.created) AS ahead FROM song_jobs j WHERE id = ANY(:ids)"
)

# A server that is cut off keeps no song: the database asks whether it is there.
_WATCHED = (
    "SELECT set_config('idle_in_transaction_session_timeout', '0', false), "
    "set_config('tcp_keepalives_idle', '20', false), "
    "set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '4', false)"
)


@dataclass(frozen=True, slots=True)
class SongRow:
    """What the database knows of a song.

    Attributes
    ----------
    id, name
        As it was added.
    timeline
        Whether how it goes on over time is wanted, too.
    created
        In seconds since 1970.
    heard, drawn
        What was written by who heard it; None as long as there is nothing.
    error, problem
        What went wrong: the name of the error, and its words without the song's name.
    ended
        Nothing more will come.
    ahead
        How many came before it and wait.
    """

    id: str
    name: str
    timeline: bool
    created: float
    heard: bytes | None
    drawn: bytes | None
    error: str | None
    problem: str | None
    ended: bool
    ahead: int


class TakenSong:
    """A song that only this process has, until one of the methods is called.

    Attributes
    ----------
    id, name, content
        As it was added.
    heard
        What was heard of it; what is still wanted is its timeline. None: it is to be heard.
    """

    def __init__(self, song: Any, connection: sa.Connection, library: PostgresLibrary) -> None:
        self.id, self.name = str(song.id), str(song.name)
        self.content = bytes(song.content or b"")
        self.heard: bytes | None = None if song.heard is None else bytes(song.heard)
        self._connection, self._library = connection, library

    def give_back(self) -> None:
        """Leave it to others, as it was."""
        with contextlib.suppress(Exception):  # the connection may be lost, which does the same
            self._connection.rollback()
        self._connection.close()

    def write_heard(self, heard: bytes) -> None:
        """Write what was heard; it then waits for its timeline, where that is wanted.

        Raises
        ------
        LibraryError
            The database is away; others will take the song.
        """
        self._write(
            "heard = :heard, ended = CASE WHEN timeline THEN NULL ELSE clock_timestamp() END, "
            "content = CASE WHEN timeline THEN content END",
            heard=heard,
        )

    def write_drawn(self, drawn: bytes) -> None:
        """Write how it goes on over time.

        Raises
        ------
        LibraryError
            The database is away; others will take the song.
        """
        self._write("drawn = :drawn, ended = clock_timestamp(), content = NULL", drawn=drawn)

    def fail(self, error: str, problem: str) -> None:
        """Write what went wrong.

        Raises
        ------
        LibraryError
            The database is away; others will take the song.
        """
        self._write(
            "error = :error, problem = :problem, ended = clock_timestamp(), content = NULL",
            error=error,
            problem=problem,
        )

    def _write(self, what: str, **values: object) -> None:
        try:
            with self._library.translated():
                self._connection.execute(
                    sa.text(f"UPDATE song_jobs SET {what} WHERE id = :id"),  # noqa: S608
                    {"id": self.id, **values},
                )
                self._connection.commit()
        finally:
            self._connection.close()


class SongTable:
    """The songs of all servers of a library.

    Parameters
    ----------
    library
        Open for writing.

    Raises
    ------
    LibraryError
        The tables are not there and may not be made.
    """

    def __init__(self, library: PostgresLibrary) -> None:
        self._library = library
        with self._changing() as connection:
            # Two that make them at once come one after the other.
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 1))")
            )
            there = connection.scalar(sa.text("SELECT to_regclass('song_jobs_canceled')"))
            for statement in _MAKE if there is None else ():
                connection.execute(sa.text(statement))

    def _changing(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return self._library.beside()

    def add(self, song: str, name: str, content: bytes, *, timeline: bool) -> None:
        """Let a song be heard.

        Parameters
        ----------
        song
            Its id, not to be guessed.
        name
            What it is called, in errors.
        content
            The bytes of its file.
        timeline
            Whether how it goes on over time is wanted, too.
        """
        with self._changing() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO song_jobs (id, name, content, timeline) "
                    "VALUES (:id, :name, :content, :timeline)"
                ),
                {"id": song, "name": name, "content": content, "timeline": timeline},
            )

    def waiting(self) -> int:
        """Return how many songs are not answered."""
        with self._changing() as connection:
            asked = sa.text("SELECT count(*) FROM song_jobs WHERE ended IS NULL AND heard IS NULL")
            return int(connection.scalar(asked) or 0)

    def take(self) -> TakenSong | None:
        """Take the song that waits longest; None where none waits."""
        with self._library.translated():
            connection = self._library.alone()
            try:
                connection.exec_driver_sql(_WATCHED)
                found = connection.execute(_TAKE).one_or_none()
                if found is not None:
                    return TakenSong(found, connection, self._library)
                connection.rollback()
            except BaseException:
                connection.close()
                raise
            connection.close()
        return None

    def read(self, songs: Sequence[str], known: Sequence[str] = ()) -> dict[str, SongRow]:
        """Return what is known of songs, by their ids; of those ``known``, not what was heard."""
        with self._changing() as connection:
            found = connection.execute(_READ, {"ids": list(songs), "known": list(known)})
            return {row.id: SongRow(**row._mapping) for row in found}

    def under_way(self, songs: Sequence[str]) -> set[str]:
        """Return those of some songs that somebody has taken."""
        with self._changing() as connection:
            asked = {"ids": list(songs)}
            there = connection.scalars(
                sa.text("SELECT id FROM song_jobs WHERE id = ANY(:ids) AND ended IS NULL"), asked
            ).all()
            free = connection.scalars(
                sa.text("SELECT id FROM song_jobs WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED"),
                asked,
            ).all()
        return set(there) - set(free)

    def cancel(self, song: str) -> None:
        """Call a song off: at once where nobody has it, else as soon as who has it asks."""
        with self._changing() as connection:
            free = connection.scalar(
                sa.text(
                    "SELECT id FROM song_jobs WHERE id = :id AND ended IS NULL "
                    "FOR UPDATE SKIP LOCKED"
                ),
                {"id": song},
            )
            statement = (
                "INSERT INTO song_jobs_canceled SELECT id FROM song_jobs WHERE id = :id "
                "AND ended IS NULL ON CONFLICT DO NOTHING"
                if free is None
                else "UPDATE song_jobs SET error = 'Canceled', problem = 'called off', "
                "ended = clock_timestamp(), content = NULL WHERE id = :id"
            )
            connection.execute(sa.text(statement), {"id": song})

    def canceled(self, songs: Sequence[str]) -> set[str]:
        """Return those of some songs that were called off while somebody had them."""
        with self._changing() as connection:
            asked = sa.text("SELECT id FROM song_jobs_canceled WHERE id = ANY(:ids)")
            return set(connection.scalars(asked, {"ids": list(songs)}))

    def forget(self, song: str) -> None:
        """Drop a song, unless somebody has it."""
        self._drop("id = :id", {"id": song})

    def sweep(self, seconds: float) -> None:
        """Drop the songs that ended so long ago."""
        self._drop("ended < clock_timestamp() - make_interval(secs => :old)", {"old": seconds})

    def _drop(self, which: str, values: Mapping[str, object]) -> None:
        with self._changing() as connection:
            connection.execute(
                sa.text(
                    "DELETE FROM song_jobs WHERE id IN (SELECT id FROM song_jobs "  # noqa: S608
                    f"WHERE {which} FOR UPDATE SKIP LOCKED)"
                ),
                values,
            )
            connection.execute(
                sa.text(
                    "DELETE FROM song_jobs_canceled c WHERE NOT EXISTS "
                    "(SELECT FROM song_jobs j WHERE j.id = c.id AND j.ended IS NULL)"
                )
            )
