"""Connections to a PostgreSQL server, and what its errors mean."""

from __future__ import annotations

import contextlib
import importlib
import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from earmark.errors import (
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryNotFound,
    LibraryReadOnly,
    LibraryRefused,
    LibraryUnreachable,
)
from earmark.library.backends.addresses import Address
from earmark.words import one_line

if TYPE_CHECKING:
    import psycopg

PATIENCE = 4.0
"""Seconds for which a server that is away is asked again."""

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another writer before `LibraryBusy`."""

CONNECT_TIMEOUT = 5
"""Seconds that one attempt to reach a server may take."""

_PAUSES = (0.1, 0.2, 0.4, 0.8)
_PREPARE = "pip install 'earmark[postgres]'"

# On a connection that fails libpq gives no code, only the words of the server.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed"
    r"|no pg_hba\.conf entry|role .* does not exist|permission denied|is not permitted to log in"
)
_NO_DATABASE = re.compile(r"database .* does not exist")
_FULL = re.compile(r"too many clients|too many connections|remaining connection slots")
_ANSWERED = re.compile(r"\bFATAL:")
_STARTS_OR_ENDS = re.compile(r"is starting up|is shutting down|in recovery mode|not yet accepting")


def driver() -> Any:
    """Return the module psycopg.

    Raises
    ------
    LibraryError
        It is not installed.
    """
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise LibraryError(
            f"libraries in PostgreSQL need the extra 'postgres'; install it with: {_PREPARE}"
        ) from error


class Connector:
    """Makes connections to one database, and asks again for a while where the server is away.

    Where it was away a moment ago it is asked once, so that a server that works for others does
    not let each of them wait.
    """

    def __init__(self, address: Address, *, patience: float = PATIENCE) -> None:
        self.address = address
        self._patience = patience
        self._psycopg = driver()
        self._failed_at = -float("inf")
        self._lock = threading.Lock()
        try:
            self._options = self._psycopg.conninfo.make_conninfo(
                **{
                    "connect_timeout": CONNECT_TIMEOUT,
                    "keepalives_idle": 30,
                    "tcp_user_timeout": 30_000,
                    "application_name": "earmark",
                    **address.parameters,
                    **address.secrets,
                    "client_encoding": "utf8",
                }
            )
        except self._psycopg.ProgrammingError as error:
            raise LibraryError(f"{address.location}: {one_line(str(error))}") from None

    def __repr__(self) -> str:
        return f"<connections to {self.address.location}>"

    def __call__(self) -> psycopg.Connection[Any]:
        """Return a new connection.

        Raises
        ------
        LibraryUnreachable
            The server is away.
        LibraryRefused
            It does not let this user in.
        LibraryNotFound
            It has no such database.
        LibraryBusy
            It has no room for another connection.
        """
        pauses = list(_PAUSES)
        ends = time.monotonic() + self._patience
        while True:
            try:
                connection = self._connected()
            except self._psycopg.OperationalError as error:
                problem = _no_connection(self.address, error)
                if not isinstance(problem, LibraryUnreachable | LibraryBusy):
                    raise problem from None
                now = time.monotonic()
                with self._lock:
                    lately = now - self._failed_at < self._patience
                pause = pauses.pop(0) if len(pauses) > 1 else pauses[0]
                if lately or now + pause > ends:
                    with self._lock:
                        self._failed_at = time.monotonic()
                    raise problem from None
                time.sleep(pause)
            else:
                with self._lock:
                    self._failed_at = -float("inf")
                return connection

    def _connected(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self._psycopg.connect(self._options, autocommit=True)
        try:
            # The extension may be in any schema, often in "public" or "extensions".
            connection.execute(
                "SELECT set_config('search_path', quote_ident(%s) || coalesce((SELECT ', ' || "
                "quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n "
                "ON n.oid = e.extnamespace WHERE e.extname = 'vector'), ''), false), "
                "set_config('lock_timeout', %s, false), set_config('jit', 'off', false)",
                [self.address.schema, f"{round(LOCK_TIMEOUT * 1000)}ms"],
            )
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection


def make_engine(connector: Connector) -> sa.Engine:
    """Return an engine; connections are made when they are first needed.

    One that the server has closed meanwhile, as when it was started again, is replaced.
    """
    return sa.create_engine(
        "postgresql+psycopg://", creator=connector, pool_pre_ping=True, pool_size=5, max_overflow=15
    )


def reading(engine: sa.Engine) -> sa.Engine:
    """Return an engine whose transactions see one state of the whole database, and change none."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextlib.contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn the database's errors into Earmark's.

    Raises
    ------
    LibraryUnreachable, LibraryBusy, LibraryReadOnly, LibraryRefused, LibraryDamaged, LibraryError
        According to the code of SQLSTATE.
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise LibraryBusy(f"{where}: too many ask at once; try again in a moment") from error
    except sa.exc.DBAPIError as error:
        # The statement and its values, which SQLAlchemy tells, are nobody's business.
        raise _library_error(where, error.orig, error.connection_invalidated) from error.orig
    except driver().Error as error:
        raise _library_error(where, error) from None


def _no_connection(address: Address, error: BaseException) -> LibraryError:
    said, where = one_line(str(error)), address.location
    if _NO_DATABASE.search(said):
        return LibraryNotFound(f"{where}: the server has no such database; make it with createdb")
    if _REFUSED.search(said):
        return LibraryRefused(f"{where}: the server does not let this user in ({_last(said)})")
    if _FULL.search(said):
        return LibraryBusy(f"{where}: the server has no room for more connections; try again")
    if _ANSWERED.search(said) and not _STARTS_OR_ENDS.search(said):
        return LibraryError(f"{where}: the server says: {_last(said)}")
    return LibraryUnreachable(f"{where}: the server cannot be reached ({_last(said)}); try again")


def _last(said: str) -> str:
    """Return what a server said, without where it is, which stands before it already."""
    last = re.sub(r"^.*(FATAL: *|failed: )", "", said)
    return last.partition(" Is the server running")[0][:300]


def _library_error(where: object, error: object, lost: bool = False) -> LibraryError:
    code = str(getattr(error, "sqlstate", None) or "")
    said = one_line(str(error))[:300]
    if lost or code.startswith(("08", "57P")) or (not code and _is_operational(error)):
        return LibraryUnreachable(f"{where}: the server went away; try again")
    if code in ("55P03", "40001", "40P01", "53300"):
        return LibraryBusy(f"{where}: another process is writing to it; try again in a moment")
    if code == "25006":
        return LibraryReadOnly(f"{where}: may not be changed; this server only follows another")
    if code == "42501":
        return LibraryRefused(f"{where}: this user lacks the right to do that ({said})")
    if code in ("53100", "53200"):
        return LibraryError(f"{where}: the server has no room left ({said})")
    if code in ("42P01", "42703", "3F000", "XX001", "XX002"):
        return LibraryDamaged(f"{where}: is damaged ({said}); take it from a backup")
    if isinstance(error, driver().DataError):
        return LibraryError(f"{where}: was given what PostgreSQL cannot hold ({said})")
    return LibraryError(f"{where}: the database says: {said}")


def _is_operational(error: object) -> bool:
    psycopg = driver()
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
