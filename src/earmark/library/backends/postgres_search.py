"""Search inside the database: the nearest tracks by one inner product, without reading them all.

Each track has a key, and the database looks for those whose products with a query are smallest.
The products are never above the ranks of the tracks (`earmark.neighbors.Ranking`), which are
computed again in double precision from the vectors of the candidates. Where the database looks at
all keys, the answer is exact: as long as a track that was not returned may be nearer, more are
asked for. Where it uses its index (HNSW: Malkov and Yashunin, 2018), some may be missed; how many
is measured by `recall`.

The index is of the directions of the tracks, as halves, without their local scales: by products
of whole keys nearly all links of its graph lead to the few tracks of the smallest scales, and it
finds next to nothing. Gaussians have no such direction; they are always looked at one by one.
"""

from __future__ import annotations

import functools
import importlib
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark.errors import LibraryEmpty, LibraryError, LibraryReadOnly
from earmark.library.backends import rows
from earmark.library.backends.schema import drop_tables, state, track_genres, tracks, vectors
from earmark.library.recall import Recall
from earmark.library.rules import escape
from earmark.neighbors import Parameters, Ranking, subsample

if TYPE_CHECKING:
    from earmark.library.backends.postgres import PostgresLibrary

INDEX_FROM = 50_000
"""So many tracks are looked at one by one in the time in which people do not notice it."""

STALE_FROM = 0.1
"""The ranking is learned anew once this share of the tracks was touched."""

_SPARE = 8
_LEAST_CANDIDATES = 40
_CANDIDATES_A_NEIGHBOR = 8
_BATCH = 2_000
_NOT_DIRECTION = 2
"""The last numbers of a key: what distances are taken from, and how far rounding can move them."""
_LINKS, _CHOSEN_FROM = 24, 100
"""Links of a track in the index, and how many it chooses them from."""

_keys = sa.table("search_keys", sa.column("track_id"), sa.column("key"))


class DatabaseSearch:
    """The keys of a library in PostgreSQL, kept in the same schema.

    Parameters
    ----------
    library
        The library; its tables of keys are made with the first search, if it may be written.
    """

    def __init__(self, library: PostgresLibrary) -> None:
        self._library = library
        self._known: tuple[str, Ranking] | None = None

    # Keys

    def prepare(self, parameters: Parameters, *, index_from: int = INDEX_FROM) -> None:
        """Make the keys of all tracks, and an index where there are many.

        Parameters
        ----------
        parameters
            Of the library's vote: they say how its tracks are compared.
        index_from
            From how many tracks an index is made.

        Raises
        ------
        LibraryEmpty
            There are no labelled tracks.
        LibraryError
            They are compared in a way in which no database can search.
        LibraryReadOnly
            The library may not be written.
        """
        library = self._library
        snapshot = library.snapshot()
        if not len(snapshot):
            raise LibraryEmpty(f"{library.location}: has no labelled tracks to compare with")
        try:
            ranking = Ranking.fit(snapshot.vectors, parameters)
        except ValueError as error:
            raise LibraryError(f"{library.location}: {error}") from error
        size = ranking.keys(snapshot.vectors[:1]).shape[1]
        with library.writing() as connection:
            _make_tables(connection, size)
            connection.execute(
                sa.text(
                    "INSERT INTO search_model (id, model, revision, touched) "
                    "VALUES (1, :model, :revision, :revision)"
                ),
                {"model": ranking.to_bytes(), "revision": _revision(connection)},
            )
            count = _add_keys(connection, ranking, library)
            connection.execute(sa.text("ANALYZE search_keys"))
        if count >= index_from and ranking.directions:
            with library.outside_transactions() as connection:
                _make_index(connection, size)

    def is_prepared(self) -> bool:
        """Tell whether there are keys, made of what the library about is."""
        with self._library.reading() as connection:
            if not _has_keys(connection):
                return False
            count = connection.scalar(sa.select(sa.func.count()).select_from(tracks)) or 0
            made = connection.scalar(sa.text("SELECT revision FROM search_model")) or 0
            return _revision(connection) - int(made) <= STALE_FROM * count

    def is_indexed(self) -> bool:
        """Tell whether the database has an index of the keys."""
        with self._library.reading() as connection:
            return bool(
                connection.scalar(
                    sa.text(
                        "SELECT indisvalid FROM pg_index "
                        "WHERE indexrelid = to_regclass('ix_search_keys')"
                    )
                )
            )

    def catch_up(self) -> int:
        """Make the keys that are missing, of tracks that came since; return how many.

        Nothing is made anew. Keys of tracks that went away or got another vector are gone already.
        """
        with self._library.reading() as connection:
            touched = connection.scalar(sa.text("SELECT touched FROM search_model"))
            if touched == _revision(connection):
                return 0
        if self._library.read_only:
            raise LibraryReadOnly(
                f"{self._library.location}: was changed since its keys were made; search it once "
                "with the right to write"
            )
        with self._library.writing() as connection:
            added = _add_keys(connection, self._ranking(connection), self._library)
            connection.execute(
                sa.text("UPDATE search_model SET touched = :revision"),
                {"revision": _revision(connection)},
            )
        return added

    def _ranking(self, connection: sa.Connection) -> Ranking:
        told = str(connection.scalar(sa.text("SELECT md5(model) FROM search_model")))
        if self._known is None or self._known[0] != told:
            model = connection.scalar(sa.text("SELECT model FROM search_model"))
            with rows.intact(self._library.location):
                self._known = told, Ranking.from_bytes(cast(bytes, model))
        return self._known[1]

    # Questions

    def search(
        self,
        queries: NDArray[np.floating],
        n_neighbors: int,
        *,
        genre: str | None = None,
        not_artist: str | None = None,
        exact: bool = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the nearest labelled tracks.

        Parameters
        ----------
        queries
            Vectors [q, dimension].
        n_neighbors
            How many, k.
        genre
            Only tracks that have it.
        not_artist
            No tracks of this artist, as it is spelled.
        exact
            Look at all keys; otherwise use the index where there is one, which may miss some.

        Returns
        -------
        distances
            [q, k], those of the vote, computed in double precision; infinite where there are fewer
            tracks.
        ids
            Of the tracks [q, k]; -1 likewise. Equally near ones stand in the order of every list.
        """
        self.catch_up()
        by_index = not exact and self.is_indexed()
        distances = np.full((len(queries), n_neighbors), np.inf)
        ids = np.full((len(queries), n_neighbors), -1, dtype=np.int64)
        given = {"genre": genre, "not_artist": not_artist}
        filters = {name: value for name, value in given.items() if value is not None}
        # So few numbers at once are multiplied sooner by one thread than by threads that wait.
        with threadpool_limits(1, user_api="blas"), self._library.reading() as connection:
            ranking = self._ranking(connection)
            _choose(connection, by_index=by_index, width=_width(n_neighbors))
            for row, prepared in enumerate(ranking.queries(queries)):
                found = self._nearest(
                    connection,
                    ranking,
                    queries[row],
                    prepared,
                    n_neighbors,
                    filters,
                    by_index=by_index,
                )
                distances[row, : len(found[0])] = found[0]
                ids[row, : len(found[1])] = found[1]
        return distances, ids

    def _nearest(
        self,
        connection: sa.Connection,
        ranking: Ranking,
        query: NDArray[np.floating],
        prepared: NDArray[np.floating],
        k: int,
        filters: dict[str, str],
        *,
        by_index: bool,
    ) -> tuple[NDArray[np.float64], list[int]]:
        width = _width(k) if by_index else k + _SPARE
        asked = _nearest_keys(
            by_genre="genre" in filters,
            by_artist="not_artist" in filters,
            size=len(prepared) if by_index else None,
        )
        numbers = prepared[:-_NOT_DIRECTION] if by_index else prepared
        written = "[" + ",".join(map(repr, numbers.tolist())) + "]"
        while True:
            values = {**filters, "query": written, "width": width}
            found = connection.execute(asked, values).all()
            if not found:
                return np.empty(0), []
            held = rows.unpack(
                [row.vector for row in found], self._library.spec, self._library.location
            )
            ranks = ranking.ranks(query, held)
            order = sorted(range(len(found)), key=lambda i: (ranks[i], *_listed(found[i])))[:k]
            # What was not returned has a bound, and so a rank, of at least the last one's.
            proven = len(found) < width or ranks[order[-1]] < found[-1].bound
            if by_index or proven:
                return ranking.distances(ranks[order]), [int(found[i].id) for i in order]
            width *= 8

    def recall(self, n_queries: int = 200, n_neighbors: int = 10) -> Recall:
        """Measure how many of the true neighbors the index finds, for some tracks as queries."""
        snapshot = self._library.snapshot()
        chosen = subsample(np.arange(len(snapshot)), n_queries)
        hits, times = 0, {True: [0.0] * len(chosen), False: [0.0] * len(chosen)}
        wanted = 0
        for number, row in enumerate(chosen.tolist()):
            found: dict[bool, set[int]] = {}
            for exact in (True, False):
                start = time.perf_counter()
                _, ids = self.search(snapshot.vectors[row : row + 1], n_neighbors, exact=exact)
                times[exact][number] = time.perf_counter() - start
                found[exact] = set(ids[0].tolist()) - {-1}
            hits += len(found[True] & found[False])
            wanted += len(found[True])
        return Recall(
            queries=len(chosen),
            neighbors=n_neighbors,
            recall=hits / wanted if wanted else 1.0,
            indexed=self.is_indexed(),
            exact_seconds=float(np.median(times[True])),
            index_seconds=float(np.median(times[False])),
        )


def _revision(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state.c.revision)).scalar_one())


def _has_keys(connection: sa.Connection) -> bool:
    return bool(connection.scalar(sa.text("SELECT to_regclass('search_model') IS NOT NULL")))


def _width(n_neighbors: int) -> int:
    """Return how many candidates of the index are compared in double precision."""
    return max(_LEAST_CANDIDATES, _CANDIDATES_A_NEIGHBOR * n_neighbors)


def _listed(row: Any) -> tuple[str, str, str, int]:
    """Return by what equally near tracks are sorted, as `earmark.library.rules.order`."""
    return escape(row.name), escape(row.path or ""), row.content_hash or "", int(row.id)


def _choose(connection: sa.Connection, *, by_index: bool, width: int) -> None:
    """Let this transaction use the index, or not."""
    settings = {
        "enable_indexscan": "on" if by_index else "off",
        "enable_seqscan": "off" if by_index else "on",
        # As wide as the index allows, else it returns fewer than were asked for.
        "hnsw.ef_search": str(min(1000, 2 * width)),
        # Since version 0.8 of the extension: where a filter drops some, it goes on.
        "hnsw.iterative_scan": "strict_order",
    }
    for name, value in settings.items():
        connection.execute(
            sa.text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value}
        )


@functools.cache
def _nearest_keys(*, by_genre: bool, by_artist: bool, size: int | None) -> sa.Select[Any]:
    """Return the question for the keys with the least products with a query, and their tracks.

    With the ``size`` of the keys it is for those of the nearest directions, which the index knows.
    """
    query = sa.bindparam("query", type_=sa.Text)
    bound: sa.ColumnElement[float]
    if size is None:
        bound = _keys.c.key.op("<#>", return_type=sa.Float)(sa.cast(query, _Numbers("vector")))
    else:
        numbers = sa.cast(query, _Numbers(f"halfvec({size - _NOT_DIRECTION})"))
        direction: sa.ColumnElement[Any] = sa.literal_column(f"({_direction(size)})")
        bound = direction.op("<=>", return_type=sa.Float)(numbers)
    labels = sa.select(track_genres.c.track_id).where(track_genres.c.track_id == _keys.c.track_id)
    if by_genre:
        labels = labels.where(track_genres.c.genre == sa.bindparam("genre"))
    near = sa.select(_keys.c.track_id, bound.label("bound")).where(labels.exists())
    if by_artist:
        others = sa.select(tracks.c.id).where(
            tracks.c.id == _keys.c.track_id,
            tracks.c.artist.is_distinct_from(sa.bindparam("not_artist", type_=sa.Text)),
        )
        near = near.where(others.exists())
    nearest = (
        near.order_by(bound).limit(sa.bindparam("width")).cte("nearest").prefix_with("MATERIALIZED")
    )
    columns = (tracks.c.id, tracks.c.name, tracks.c.path, tracks.c.content_hash)
    return (
        sa.select(nearest.c.bound, vectors.c.vector, *columns)
        .join_from(nearest, tracks, tracks.c.id == nearest.c.track_id)
        .join(vectors, vectors.c.track_id == nearest.c.track_id)
        .order_by(nearest.c.bound)
    )


def _direction(size: int) -> str:
    """Return the direction of a track in SQL, from its key of so many numbers."""
    count = size - _NOT_DIRECTION
    return f"subvector(search_keys.key, 1, {count})::halfvec({count})"


class _Numbers(sa.types.UserDefinedType[str]):
    """A type of the extension."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


def drop_keys(connection: sa.Connection, schema: str) -> None:
    """Remove what this module keeps in a schema, if it does."""
    drop_tables(connection, schema, ("search_keys", "search_model"))


def _make_tables(connection: sa.Connection, size: int) -> None:
    """Make empty tables, in place of those that were there, for keys of so many numbers."""
    schema = str(connection.scalar(sa.text("SELECT current_schema()")))
    drop_keys(connection, schema)
    for statement in (
        "CREATE TABLE search_model (id integer PRIMARY KEY, model bytea NOT NULL, "
        "revision bigint NOT NULL, touched bigint NOT NULL)",
        # With a track goes its key, whoever takes it out.
        "CREATE TABLE search_keys (track_id bigint PRIMARY KEY REFERENCES tracks (id) "
        f"ON DELETE CASCADE, key vector({size}) NOT NULL)",
        # And with its vector.
        "CREATE OR REPLACE FUNCTION drop_search_key() RETURNS trigger LANGUAGE plpgsql AS "  # noqa: S608
        f"$$ BEGIN DELETE FROM {_quoted(connection, schema)}.search_keys "
        "WHERE track_id = NEW.track_id; RETURN NULL; END $$",
        "DROP TRIGGER IF EXISTS drop_search_key ON vectors",
        "CREATE TRIGGER drop_search_key AFTER UPDATE ON vectors FOR EACH ROW "
        "EXECUTE FUNCTION drop_search_key()",
    ):
        connection.exec_driver_sql(statement)


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _add_keys(connection: sa.Connection, ranking: Ranking, library: PostgresLibrary) -> int:
    """Make the keys of all tracks that have none; return how many."""
    register = importlib.import_module("pgvector.psycopg").register_vector
    driver = cast(Any, connection.connection.dbapi_connection)
    register(driver)
    missing = (
        sa.select(vectors.c.track_id, vectors.c.vector)
        .where(~sa.select(_keys.c.track_id).where(_keys.c.track_id == vectors.c.track_id).exists())
        .order_by(vectors.c.track_id)
    )
    added = 0
    while found := connection.execute(missing.limit(_BATCH)).all():
        held = rows.unpack([row.vector for row in found], library.spec, library.location)
        # The database gives the negative of the inner product, and looks for the smallest.
        keys = -ranking.keys(held)
        with driver.cursor().copy("COPY search_keys FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "vector"])
            for row, key in zip(found, keys, strict=True):
                copy.write_row((row.track_id, key))
        added += len(found)
    return added


def _make_index(connection: sa.Connection, size: int) -> None:
    """Make the index; that of 100,000 tracks takes minutes, in which others search and teach."""
    connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
    connection.exec_driver_sql(
        "CREATE INDEX CONCURRENTLY ix_search_keys ON search_keys USING hnsw "
        f"(({_direction(size)}) halfvec_cosine_ops) "
        f"WITH (m = {_LINKS}, ef_construction = {_CHOSEN_FROM})"
    )
