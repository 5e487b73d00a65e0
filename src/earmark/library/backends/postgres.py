"""A library in a PostgreSQL database: making, opening and letting go of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from typing import Self

import sqlalchemy as sa

from earmark.errors import (
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryFormat,
    LibraryNotFound,
    LibraryRefused,
    LibraryReplaced,
)
from earmark.library import digest
from earmark.library.backends import postgres_connections as connections
from earmark.library.backends import rows
from earmark.library.backends.addresses import Address
from earmark.library.backends.postgres_connections import PATIENCE, Connector
from earmark.library.backends.postgres_search import drop_keys
from earmark.library.backends.schema import (
    COPYING,
    FORMAT_VERSION,
    SONG_TABLES,
    drop_tables,
    metadata,
    read_meta,
    spec_facts,
    spec_of_facts,
    state,
    version_of_facts,
    write_meta,
)
from earmark.library.backends.sql import SqlLibrary
from earmark.library.backends.transfer import copy_library
from earmark.library.model import ExtractorSpec

OLDEST_SERVER = 14
"""Major version of PostgreSQL; older ones get no corrections any more."""

OLDEST_EXTENSION = (0, 7)
"""Version of pgvector; it has halves as numbers and inner products in its indexes."""

EXTENSION = "vector"


class PostgresLibrary(SqlLibrary):
    """Labelled tracks in a schema of a PostgreSQL database.

    Any number of processes, on any machines, may read and change it at once; those that change it
    wait for each other.

    Parameters
    ----------
    address
        Where it is.
    engine
        Makes connections to it.
    spec
        The extractor of its vectors.
    read_only
        Whether changes are refused.
    token
        By which this library is told from another at its place.
    """

    def __init__(
        self, address: Address, engine: sa.Engine, spec: ExtractorSpec, read_only: bool, token: str
    ) -> None:
        super().__init__(address.location, engine, spec, read_only)
        self._address = address
        self._token = token
        self._reader = connections.reading(engine)

    @property
    def name(self) -> str:
        """The name of the database or, where it is one of several, of its schema."""
        return self._address.name

    # Making and opening

    @classmethod
    @contextlib.contextmanager
    def new(
        cls, address: Address, spec: ExtractorSpec, *, overwrite: bool = False
    ) -> Iterator[Self]:
        """Make a library that is there, with all that the block adds, or not at all.

        Raises
        ------
        LibraryExists
            There is one already. With ``overwrite`` it is replaced, tables of others are not.
        LibraryRefused
            The user may not make tables, or not let the extension be used.
        LibraryError
            The server is away or too old, or has no pgvector.
        """
        engine = connections.make_engine(Connector(address))
        try:
            with connections.translated(address.location), engine.begin() as connection:
                revision = _clear(connection, address, overwrite=overwrite)
                _add_extension(connection, address)
                metadata.create_all(connection, checkfirst=False)
                write_meta(connection, {"format": str(FORMAT_VERSION), **spec_facts(spec)})
                token = secrets.token_hex(16)
                connection.execute(
                    state.insert().values(id=1, revision=revision, digest=digest.EMPTY, token=token)
                )
                yield cls._unfinished(address, engine, spec, token, connection)
        finally:
            engine.dispose()

    @classmethod
    def _unfinished(
        cls,
        address: Address,
        engine: sa.Engine,
        spec: ExtractorSpec,
        token: str,
        connection: sa.Connection,
    ) -> Self:
        """Return a library that only one transaction can see."""
        library = cls(address, engine, spec, False, token)
        lock = threading.RLock()

        @contextlib.contextmanager
        def nested() -> Iterator[sa.Connection]:
            with lock, library._translated(), connection.begin_nested():
                yield connection

        library._reading = library._writing = nested  # type: ignore[method-assign]
        return library

    @classmethod
    def create(cls, address: Address, spec: ExtractorSpec, *, overwrite: bool = False) -> Self:
        """Make an empty library and open it.

        Raises
        ------
        LibraryExists, LibraryError
            As `new`.
        """
        with cls.new(address, spec, overwrite=overwrite):
            pass
        return cls.open(address)

    @classmethod
    def open(cls, address: Address, *, read_only: bool = False, patience: float = PATIENCE) -> Self:
        """Open a library that is there.

        Parameters
        ----------
        address
            Where it is.
        read_only
            Refuse every change.
        patience
            Seconds for which a server that is away is asked again.

        Raises
        ------
        LibraryUnreachable, LibraryRefused, LibraryNotFound, LibraryDamaged, LibraryFormat
            The server is away; it lets the user not in or not see the tables; there are none; they
            are not those of a library, or of another version of it.
        LibraryError
            The server or its extension is too old.
        """
        engine = connections.make_engine(Connector(address, patience=patience))
        where = address.location
        try:
            with (
                connections.translated(where),
                connections.reading(engine).begin() as connection,
                rows.intact(where),
            ):
                may_write = _look(connection, address)
                facts = read_meta(connection)
                version = version_of_facts(facts, where)
                spec = spec_of_facts(facts, where)
                token = str(connection.execute(sa.select(state.c.token)).scalar_one())
            if version < FORMAT_VERSION:
                raise LibraryFormat(
                    f"{where}: is of format {version}, which Earmark had in files only"
                )
        except BaseException:
            engine.dispose()
            raise
        return cls(address, engine, spec, read_only or not may_write, token)

    # Transactions

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return connections.translated(self.location)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with (
            self._translated(),
            self._reader.begin() as connection,
            rows.intact(self.location),
        ):
            yield connection

    def _began(self, connection: sa.Connection) -> None:
        # Those that change it come one after the other, as in a file, so that the digest and the
        # history are of all of them.
        found = connection.scalar(sa.select(state.c.token).with_for_update())
        if found != self._token:
            raise self._replaced()

    @contextlib.contextmanager
    def fitting_alone(self) -> Iterator[None]:
        with self.outside_transactions() as connection:
            connection.execute(
                sa.text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"),
                {"name": f"earmark fits {self._address.schema}"},
            )
            yield

    @contextlib.contextmanager
    def outside_transactions(self) -> Iterator[sa.Connection]:
        """Return a connection of its own, which waits for locks as long as it takes.

        Each statement counts by itself. What it holds is given back at the end.
        """
        alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._translated(), alone.connect() as connection:
            # Closed at the end, not kept for others.
            connection.detach()
            connection.execute(sa.text("SELECT set_config('lock_timeout', '0', false)"))
            yield connection

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn errors of the database into Earmark's, in the block."""
        return self._translated()

    @contextlib.contextmanager
    def beside(self) -> Iterator[sa.Connection]:
        """Return a transaction on tables that are no part of the library: nobody waits for it."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    def alone(self) -> sa.Connection:
        """Return a connection of its own, which is closed at its end and not kept for others."""
        connection = self._engine.connect()
        connection.detach()
        return connection

    def require_unchanged(self) -> None:
        """See that it is still the library that was opened.

        Raises
        ------
        LibraryNotFound
            Its tables are gone.
        LibraryReplaced
            Another library is there.
        """
        with self._translated(), self._reader.begin() as connection:
            if not sa.inspect(connection).has_table(state.name, self._address.schema):
                raise LibraryNotFound(f"{self.location}: is no longer there")
            found = connection.scalar(sa.select(state.c.token))
        if found != self._token:
            raise self._replaced()

    def _replaced(self) -> LibraryReplaced:
        return LibraryReplaced(f"{self.location}: was replaced by another library")

    # Copies

    def copy(
        self, location: str | os.PathLike[str], *, overwrite: bool = False, packed: bool = False
    ) -> None:
        copy_library(self, location, overwrite=overwrite, packed=packed)


class UnfinishedTables:
    """The tables of a library that is being copied into a database, perhaps not for the first time.

    Parameters
    ----------
    address
        Where they are.
    """

    def __init__(self, address: Address) -> None:
        self.location = address.location
        self._address = address
        self.engine = connections.make_engine(Connector(address))

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn errors of the database into Earmark's."""
        return connections.translated(self.location)

    def facts(self, connection: sa.Connection) -> dict[str, str] | None:
        """Return the facts of what is there, None where nothing is."""
        if not sa.inspect(connection).has_table("meta", self._address.schema):
            return None
        return read_meta(connection)

    def make(self, connection: sa.Connection, facts: dict[str, str], *, overwrite: bool) -> None:
        """Make the tables, in place of those that may be there; see `PostgresLibrary.new`."""
        _make(connection, self._address, facts, overwrite=overwrite)

    def put_in_place(self, *, overwrite: bool) -> None:
        """Do nothing: the tables are where they belong."""

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def _make(
    connection: sa.Connection, address: Address, facts: dict[str, str], *, overwrite: bool
) -> str:
    """Make the tables of an empty library with some facts; return its token."""
    revision = _clear(connection, address, overwrite=overwrite)
    _add_extension(connection, address)
    metadata.create_all(connection, checkfirst=False)
    write_meta(connection, facts)
    token = secrets.token_hex(16)
    connection.execute(
        state.insert().values(id=1, revision=revision, digest=digest.EMPTY, token=token)
    )
    return token


def server_versions(connection: sa.Connection) -> tuple[int, tuple[int, ...] | None]:
    """Return the major version of the server, and that of pgvector, None where it is not used."""
    number, extension = connection.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::int / 10000, "
            "(SELECT extversion FROM pg_extension WHERE extname = :name)"
        ),
        {"name": EXTENSION},
    ).one()
    parts = None if extension is None else tuple(map(int, str(extension).split(".")))
    return int(number), parts


def _check_versions(connection: sa.Connection, where: str) -> tuple[int, ...] | None:
    """See that a server is new enough; return the version of its extension.

    Raises
    ------
    LibraryError
        It is too old, or its extension is.
    """
    server, extension = server_versions(connection)
    if server < OLDEST_SERVER:
        raise LibraryError(
            f"{where}: the server is PostgreSQL {server}; Earmark needs {OLDEST_SERVER} or later"
        )
    if extension is not None and extension < OLDEST_EXTENSION:
        needed = ".".join(map(str, OLDEST_EXTENSION))
        raise LibraryError(
            f"{where}: the server has pgvector {'.'.join(map(str, extension))}; Earmark needs "
            f"{needed} or later: install it, then run: ALTER EXTENSION vector UPDATE"
        )
    return extension


def _look(connection: sa.Connection, address: Address) -> bool:
    """See that a library can be read; tell whether it can be changed.

    Raises
    ------
    LibraryNotFound, LibraryRefused, LibraryError
        There are no tables, they may not be read, or the server is too old.
    """
    where, schema = address.location, address.schema
    extension = _check_versions(connection, where)
    usable = connection.scalar(
        sa.text(
            "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = :schema"
        ),
        {"schema": schema},
    )
    if usable is False:
        raise LibraryRefused(
            f"{where}: this user may not look into the schema {schema}; its owner lets others "
            "read it by GRANT USAGE ON SCHEMA and GRANT SELECT ON ALL TABLES IN SCHEMA"
        )
    if not usable or not sa.inspect(connection).has_table("meta", schema):
        raise LibraryNotFound(
            f"{where}: there is no library; make one with: earmark build FOLDER -o {where}"
        )
    if extension is None:
        raise LibraryError(_no_extension(where))
    readable, writable = connection.execute(
        sa.text(
            "SELECT bool_and(has_table_privilege(c.oid, 'SELECT')), "
            "bool_and(has_table_privilege(c.oid, 'INSERT') AND "
            "has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) "
            "AND NOT pg_is_in_recovery() "
            "AND current_setting('default_transaction_read_only') = 'off' "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND c.relkind = 'r'"
        ),
        {"schema": schema},
    ).one()
    if not readable:
        raise LibraryRefused(
            f"{where}: this user may not read the tables; their owner lets others by "
            "GRANT SELECT ON ALL TABLES IN SCHEMA"
        )
    return bool(writable)


def _no_extension(where: str) -> str:
    return (
        f"{where}: its database lacks the extension vector (pgvector); let an administrator run "
        "there: CREATE EXTENSION vector"
    )


def _clear(connection: sa.Connection, address: Address, *, overwrite: bool) -> int:
    """Make room for a library in a schema; return the revision with which it begins.

    Whoever has a former one open sees by that revision that it has changed.

    Raises
    ------
    LibraryExists, LibraryRefused, LibraryError
        There is something, the user may not make it, or the server is too old.
    """
    where, schema = address.location, address.schema
    _check_versions(connection, where)
    # Two that make it at once come one after the other.
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"earmark {schema}"},
    )
    known = connection.scalar(
        sa.text("SELECT count(*) FROM pg_namespace WHERE nspname = :schema"), {"schema": schema}
    )
    if not known:
        connection.execute(sa.schema.CreateSchema(schema))
        return 0
    there = set(sa.inspect(connection).get_table_names(schema=schema)) & set(metadata.tables)
    if not there:
        return 0
    if not overwrite:
        raise LibraryExists(
            f"{where}: a library is there already; name another with ?schema=NAME, or replace it "
            "with --force"
        )
    try:
        facts = read_meta(connection) if "meta" in there else {}
        if COPYING not in facts:
            version_of_facts(facts, where)
        revision = int(connection.scalar(sa.select(state.c.revision)) or 0)
    except (LibraryDamaged, sa.exc.DBAPIError) as error:
        raise LibraryExists(
            f"{where}: tables that are no library are there, so they are not replaced"
        ) from error
    tables = [table for table in metadata.sorted_tables if table.name in there]
    drop_keys(connection, schema)
    # Songs that wait were to be heard as the former library wanted it.
    drop_tables(connection, schema, SONG_TABLES)
    metadata.drop_all(connection, tables, checkfirst=False)
    return revision + 1


def _add_extension(connection: sa.Connection, address: Address) -> None:
    """Let the database have vectors as a type.

    Raises
    ------
    LibraryError
        The server does not have the extension.
    LibraryRefused
        The user may not add it to the database.
    """
    where = address.location
    if _check_versions(connection, where) is not None:
        return
    there = connection.scalar(
        sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = :name"),
        {"name": EXTENSION},
    )
    if not there:
        raise LibraryError(
            f"{where}: the server lacks pgvector; install it there, then run: "
            "CREATE EXTENSION vector"
        )
    try:
        with connection.begin_nested():
            # Not into the schema of this library, with which it would go.
            connection.execute(sa.text(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION} SCHEMA public"))
    except sa.exc.ProgrammingError as error:
        raise LibraryRefused(_no_extension(where)) from error.orig
    _check_versions(connection, where)
