"""Between tracks and rows of the database: one direction each."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.errors import ChangeNotFound, LibraryDamaged
from earmark.library import rules
from earmark.library.backends.schema import history, track_genres, tracks
from earmark.library.model import Change, ExtractorSpec, Track

_GENRES = ("genre", "other_genres")
FIELDS = tuple(
    field.name for field in dataclasses.fields(Track) if field.name not in ("id", *_GENRES)
)
"""What is known of a track beside its genres, which have a table of their own."""

COLUMNS = tuple(tracks.c[name] for name in (*FIELDS, "id"))

_IDS_A_QUERY = 500

ORDER = (
    tracks.c.name,
    tracks.c.path.nulls_first(),
    tracks.c.content_hash.nulls_first(),
    tracks.c.id,
)
"""The order of every list, as `earmark.library.rules.order`; there is an index for it."""

TEXTS = ("name", "artist", "title", "source", "path", "content_hash", "audio_hash")


@contextlib.contextmanager
def intact(where: object) -> Iterator[None]:
    """Read cells, which in a damaged file may hold anything.

    Raises
    ------
    LibraryDamaged
        One holds something else than its column does, or the row that every library has is gone.
    """
    try:
        yield
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise LibraryDamaged(
            f"{where}: is damaged (a cell of another type than its column: {error}); build it again"
        ) from error
    except sa.exc.NoResultFound as error:
        raise LibraryDamaged(f"{where}: is damaged (has no state); build it again") from error


def has_genre(genre: str) -> sa.ColumnElement[bool]:
    """Return the condition that a track has a genre."""
    labels = sa.select(track_genres.c.track_id).where(track_genres.c.genre == genre)
    return tracks.c.id.in_(labels)


def read_tracks(connection: sa.Connection, query: sa.Select[Any]) -> list[Track]:
    """Make tracks of what a query of ``COLUMNS`` finds, in its order.

    Raises
    ------
    TypeError, ValueError, AttributeError
        A cell holds something else than its column does; see `intact`.
    """
    found = connection.execute(query).mappings().all()
    genres: dict[int, list[str]] = {row["id"]: [] for row in found}
    ids = list(genres)
    for start in range(0, len(ids), _IDS_A_QUERY):
        # A track's genre is its heaviest label.
        labels = (
            sa.select(track_genres.c.track_id, track_genres.c.genre)
            .where(track_genres.c.track_id.in_(ids[start : start + _IDS_A_QUERY]))
            .order_by(track_genres.c.weight.desc(), track_genres.c.genre)
        )
        for track_id, genre in connection.execute(labels):
            if not isinstance(genre, str):
                raise TypeError("the genre is not text")
            genres[track_id].append(genre)
    return [_track_of(row, genres[row["id"]]) for row in found]


def _track_of(row: Mapping[Any, Any], genres: Sequence[str]) -> Track:
    known = {name: row[name] for name in (*FIELDS, "id")}
    first = genres[0] if genres else None
    track = Track(**known, genre=first, other_genres=tuple(genres[1:]))
    for name in TEXTS:
        if not isinstance(getattr(track, name), str | None):
            raise TypeError(f"the {name} is not text")
    if not isinstance(track.duration, float | int | None):
        raise TypeError("the duration is not a number")
    return track


def values_of(track: Track) -> dict[str, object]:
    """Return the columns of a track, without its id, genres and vector."""
    values: dict[str, object] = {name: getattr(track, name) for name in FIELDS}
    values["search_text"] = rules.search_text(track)
    return values


def id_of(track: Track) -> int:
    """Return the id of a track that comes from a library, and so has one."""
    return cast(int, track.id)


def unpack(blobs: Sequence[object], spec: ExtractorSpec, where: object) -> NDArray[np.floating]:
    """Turn stored vectors back into an array [n, dimension] in the working type.

    It may not be writable.

    Raises
    ------
    LibraryDamaged
        A stored vector has another length or type, or numbers that are not finite.
    """
    length = spec.dimension * spec.storage.itemsize
    whole = [blob for blob in blobs if isinstance(blob, bytes) and len(blob) == length]
    if len(whole) != len(blobs):
        raise LibraryDamaged(f"{where}: has a vector of a wrong length or type; build it again")
    array = np.frombuffer(b"".join(whole), dtype=spec.storage).reshape(-1, spec.dimension)
    working: NDArray[np.floating] = array.astype(spec.working, copy=False)
    return working


def check_finite(vectors: NDArray[np.floating], where: object) -> None:
    """See that vectors [n, dimension] hold numbers.

    Raises
    ------
    LibraryDamaged
        Some are not finite.
    """
    # The sum of a row is finite only where all of it is; of large numbers it may still overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        odd = np.flatnonzero(~np.isfinite(vectors.sum(axis=1)))
    count = int((~np.isfinite(vectors[odd]).all(axis=1)).sum())
    if count:
        raise LibraryDamaged(
            f"{where}: is damaged (the numbers of {count} of {len(vectors)} vectors are not "
            "finite); build it again"
        )


def history_row(connection: sa.Connection, change_id: int, where: object) -> sa.RowMapping:
    """Return the row of one change.

    Raises
    ------
    ChangeNotFound
        There is no such change.
    """
    query = sa.select(history).where(history.c.id == change_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise ChangeNotFound(f"{where}: there is no change {change_id}")
    return row


def change_of(row: Mapping[Any, Any]) -> Change:
    """Make a change of a row of the history.

    Raises
    ------
    TypeError, ValueError, AttributeError
        A cell holds something else than its column does; see `intact`.
    """
    change = Change(
        id=row["id"],
        time=datetime.datetime.fromisoformat(row["time"]),
        what=row["what"],
        track_id=row["track_id"],
        before=None if row["before"] is None else Track(**json.loads(row["before"])),
        after=None if row["after"] is None else Track(**json.loads(row["after"])),
        undone=row["undone"],
    )
    if change.before is None and change.after is None:
        raise ValueError("a change without a track")
    return change
