"""Reads all labelled tracks of the database in columns: a million of them in seconds."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.errors import LibraryDamaged
from earmark.features import Segments
from earmark.library.backends import rows
from earmark.library.backends.schema import (
    genre_parents,
    segments,
    track_genres,
    tracks,
    vectors,
)
from earmark.library.model import ExtractorSpec
from earmark.library.snapshot import Indices, Snapshot, hashes, sorted_codes

_IDS_A_QUERY = 500
_BATCH = 500
"""Rows that are read at once: fewer objects than Python's garbage collector starts for, and their
vectors stay in a processor's cache."""


def read_snapshot(
    connection: sa.Connection,
    revision: int,
    spec: ExtractorSpec,
    where: object,
    *,
    unlabelled: bool = False,
) -> Snapshot:
    """Read the labelled tracks inside a transaction, or all.

    The order comes from an index, and all else is read in the order of the ids, as it lies on the
    disk, and put where it belongs.

    Raises
    ------
    LibraryDamaged
        A vector is missing, has a wrong length or numbers that are not finite.
    TypeError, ValueError
        A cell holds something else than its column does; see `rows.intact`.
    """
    label_ids, genre_names, label_codes, weights = _labels(connection)
    ids = _ordered(connection, None if unlabelled else np.unique(label_ids))
    order = np.argsort(ids)
    row_of = _Rows(ids, order)
    artist_names, columns = _facts(connection, row_of)
    label_rows = row_of(label_ids)
    known = label_rows >= 0
    codes, several = _heaviest(label_rows[known], label_codes[known], weights[known], len(ids))
    return Snapshot(
        revision=revision,
        ids=ids,
        vectors=_vectors(connection, row_of, len(ids), spec, where),
        genre_names=genre_names,
        genre_codes=codes,
        artist_names=artist_names,
        weights=several,
        parents=read_parents(connection),
        **columns,
    )


def read_parents(connection: sa.Connection) -> dict[str, str]:
    """Read the taxonomy: of each genre that is a kind of another, that other."""
    query = sa.select(genre_parents.c.genre, genre_parents.c.parent)
    return {str(genre): str(parent) for genre, parent in connection.execute(query)}


class _Rows:
    """Where ids [n] stand in a snapshot.

    Calling it with ids gives their rows, -1 for those that are not there.
    """

    def __init__(self, ids: NDArray[np.int64], order: Indices) -> None:
        self._sorted = ids[order]
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    def __call__(self, wanted: NDArray[np.int64]) -> Indices:
        if not len(self._order):
            return np.full(len(wanted), -1, dtype=np.intp)
        places = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        rows: Indices = np.where(self._sorted[places] == wanted, self._order[places], -1)
        return rows


def _batches(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the columns of a query, some hundred rows at a time.

    They come as the driver gives them: a row of SQLAlchemy for each would take several times as
    long. So columns of types of our own, such as paths, cannot be read here.
    """
    with _cursor(connection, query) as cursor:
        while batch := cursor.fetchmany(_BATCH):
            yield list(zip(*batch, strict=True))


@contextlib.contextmanager
def _cursor(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    """Run a query and let its rows be fetched from the driver."""
    if connection.dialect.name != "postgresql":
        with contextlib.closing(connection.execute(query)) as result:
            yield cast(Any, result.cursor)
        return
    # By default its driver holds the whole answer, and as text. With a name the server keeps it.
    compiled = query.compile(dialect=connection.dialect)
    driver = cast(Any, connection.connection.dbapi_connection)
    with driver.cursor(name="columns", binary=True) as cursor:
        cursor.execute(str(compiled), compiled.params)
        yield cursor


def _labels(
    connection: sa.Connection,
) -> tuple[NDArray[np.int64], tuple[str, ...], Indices, NDArray[np.float32]]:
    """Return all labels: ids of tracks [m], genre names [G], places in these and weights [m]."""
    query = sa.select(track_genres.c.track_id, track_genres.c.genre, track_genres.c.weight)
    known: dict[str, int] = {}
    parts: list[tuple[NDArray[np.int64], Indices, NDArray[np.float32]]] = []
    for ids, genres, weights in _batches(connection, query):
        parts.append(
            (
                np.array(ids, dtype=np.int64),
                np.array([known.setdefault(genre, len(known)) for genre in genres], dtype=np.intp),
                np.array(weights, dtype=np.float32),
            )
        )
    if any(not isinstance(genre, str) or not genre.strip() for genre in known):
        raise TypeError("a genre is not text, or empty")
    if not parts:
        return np.zeros(0, np.int64), (), np.zeros(0, np.intp), np.zeros(0, np.float32)
    label_ids = np.concatenate([part[0] for part in parts])
    codes = np.concatenate([part[1] for part in parts])
    label_weights = np.concatenate([part[2] for part in parts])
    if not (np.isfinite(label_weights) & (label_weights > 0)).all():
        raise ValueError("the weight of a genre is not a positive number")
    names, place = sorted_codes(list(known))
    return label_ids, names, place[codes], label_weights


def _heaviest(
    rows: Indices, codes: Indices, weights: NDArray[np.float32], count: int
) -> tuple[Indices, tuple[Indices, Indices, NDArray[np.float32]]]:
    """Return the heaviest genre of each track [count], and the labels of tracks with others.

    A track without a genre has -1.
    """
    # Of equal weights the genre that sorts first comes last here, and so is kept.
    order = np.lexsort((-codes, weights))
    heaviest = np.full(count, -1, dtype=np.intp)
    heaviest[rows[order]] = codes[order]
    ordinary = (np.bincount(rows, minlength=count) == 1)[rows] & (weights == 1)
    odd = np.flatnonzero(~ordinary)
    return heaviest, (rows[odd], codes[odd], weights[odd])


def _ordered(connection: sa.Connection, wanted: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the ids of the tracks that are wanted, None: of all, in the order of every list."""
    query = sa.select(tracks.c.id).order_by(*rows.ORDER)
    parts = [np.array(ids, dtype=np.int64) for (ids,) in _batches(connection, query)]
    ids = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    kept: NDArray[np.int64] = ids if wanted is None else ids[np.isin(ids, wanted)]
    return kept


def _facts(connection: sa.Connection, row_of: _Rows) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of the artists, and the columns of a snapshot that tell of tracks."""
    count = len(row_of)
    seconds = np.full(count, np.inf)
    taught = np.zeros(count, dtype=np.bool_)
    artist_codes = np.full(count, -1, dtype=np.intp)
    hashed = {name: np.zeros(count, dtype="S64") for name in ("content_hash", "audio_hash")}
    artists: dict[str, int] = {}
    query = sa.select(
        tracks.c.id,
        tracks.c.artist,
        sa.func.coalesce(tracks.c.duration, math.inf),
        tracks.c.taught,
        sa.func.coalesce(tracks.c.content_hash, ""),
        sa.func.coalesce(tracks.c.audio_hash, ""),
    ).order_by(tracks.c.id)
    for ids, names, durations, by_hand, *found in _batches(connection, query):
        at = row_of(np.array(ids, dtype=np.int64))
        here = at >= 0
        at = at[here]
        codes = [-1 if name is None else artists.setdefault(name, len(artists)) for name in names]
        artist_codes[at] = np.array(codes, dtype=np.intp)[here]
        # NumPy would make numbers of texts that look like some.
        _require(durations, "a duration is not a number", int, float)
        seconds[at] = np.array(durations, dtype=np.float64)[here]
        _require(by_hand, "whether a genre was given by hand is not said", int, bool)
        taught[at] = np.array(by_hand, dtype=np.bool_)[here]
        for name, values in zip(hashed, found, strict=True):
            _require(values, f"the {name} is not text", str)
            column = hashes(values)
            if column.dtype.itemsize > hashed[name].dtype.itemsize:
                hashed[name] = hashed[name].astype(column.dtype)
            hashed[name][at] = column[here]
    if not all(isinstance(artist, str) for artist in artists):
        raise TypeError("an artist is not text")
    artist_names, place = sorted_codes(list(artists))
    known = artist_codes >= 0
    artist_codes[known] = place[artist_codes[known]]
    return artist_names, {
        "artist_codes": artist_codes,
        "seconds": seconds,
        "taught": taught,
        "content_hashes": hashed["content_hash"],
        "audio_hashes": hashed["audio_hash"],
    }


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError("a duration or a time is not a number")
    return value


def _require(values: tuple[Any, ...], problem: str, *types: type) -> None:
    """Raise a TypeError that says ``problem`` where a value is of none of some types."""
    if not set(map(type, values)) <= set(types):
        raise TypeError(problem)


def _vectors(
    connection: sa.Connection, row_of: _Rows, count: int, spec: ExtractorSpec, where: object
) -> NDArray[np.floating]:
    """Return the vectors [n, dimension] in the working type, not writable."""
    held = np.empty((count, spec.dimension), dtype=spec.working)
    filled = 0
    query = sa.select(vectors.c.track_id, vectors.c.vector).order_by(vectors.c.track_id)
    for ids, blobs in _batches(connection, query):
        at = row_of(np.array(ids, dtype=np.int64))
        read = rows.unpack(blobs, spec, where)
        here = at >= 0
        if not here.all():
            at, read = at[here], read[here]
        held[at] = read
        filled += len(at)
    if filled != count:
        raise LibraryDamaged(
            f"{where}: is damaged ({count - filled} of {count} tracks have no vector); "
            "build it again"
        )
    rows.check_finite(held, where)
    held.flags.writeable = False
    return held


def read_segments(
    connection: sa.Connection, track_ids: Sequence[int], spec: ExtractorSpec, where: object
) -> dict[int, Segments]:
    """Read the segments of tracks; those that have none are left out.

    Raises
    ------
    LibraryDamaged
        A vector has a wrong length or numbers that are not finite.
    TypeError, ValueError
        A cell holds something else than its column does; see `rows.intact`.
    """
    found: dict[int, Segments] = {}
    for at in range(0, len(track_ids), _IDS_A_QUERY):
        some = segments.c.track_id.in_(track_ids[at : at + _IDS_A_QUERY])
        query = sa.select(segments).where(some).order_by(segments.c.track_id, segments.c.start)
        for track_id, parts in itertools.groupby(connection.execute(query), lambda row: row[0]):
            _, starts, stops, blobs = zip(*parts, strict=True)
            held = rows.unpack(blobs, spec, where)
            rows.check_finite(held, where)
            times = np.array([list(map(_number, starts)), list(map(_number, stops))])
            if not (np.isfinite(times).all() and (times[0] < times[1]).all()):
                raise ValueError("a segment that lies nowhere")
            found[int(track_id)] = Segments(times[0], times[1], held)
    return found
