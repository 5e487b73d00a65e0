"""Between tracks and rows of the database: one direction each."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.errors import LibraryDamaged
from earmark.library.model import Change, ExtractorSpec, Track
from earmark.library.schema import track_genres, tracks

FIELDS = tuple(field.name for field in dataclasses.fields(Track) if field.name != "id")

# A track's genre is its heaviest label.
_GENRE = (
    sa.select(track_genres.c.genre)
    .where(track_genres.c.track_id == tracks.c.id)
    .order_by(track_genres.c.weight.desc(), track_genres.c.genre)
    .limit(1)
    .scalar_subquery()
)
COLUMNS = (*(tracks.c[name] for name in (*FIELDS, "id") if name != "genre"), _GENRE.label("genre"))
"""What makes a track, in queries of the table of tracks."""

TEXTS = ("name", "genre", "artist", "title", "path", "content_hash", "audio_hash")


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


def is_labelled() -> sa.ColumnElement[bool]:
    """Return the condition that a track has any genre."""
    return sa.exists().where(track_genres.c.track_id == tracks.c.id)


def track_of(row: Mapping[Any, Any]) -> Track:
    """Make a track of a row that has its columns.

    Raises
    ------
    TypeError, ValueError, AttributeError
        A cell holds something else than its column does; see `intact`.
    """
    track = Track(**{name: row[name] for name in (*FIELDS, "id")})
    for name in TEXTS:
        if not isinstance(getattr(track, name), str | None):
            raise TypeError(f"the {name} is not text")
    if not isinstance(track.duration, float | int | None):
        raise TypeError("the duration is not a number")
    return track


def values_of(track: Track) -> dict[str, object]:
    """Return the columns of a track, without its id, genre and vector."""
    values: dict[str, object] = {name: getattr(track, name) for name in FIELDS if name != "genre"}
    values["search_text"] = fold("\n".join(filter(None, (track.name, track.artist, track.title))))
    return values


def id_of(track: Track) -> int:
    """Return the id of a track that comes from a library, and so has one."""
    return cast(int, track.id)


def fold(text: str) -> str:
    """Make upper and lower case alike, in every script."""
    return text.casefold()


def pack(vectors: NDArray[Any], count: int, spec: ExtractorSpec) -> list[bytes]:
    """Turn vectors [count, dimension] into what is stored.

    Raises
    ------
    ValueError
        They have another shape, or numbers that are infinite (also once they are in the
        library's type) or not numbers.
    """
    if vectors.shape != (count, spec.dimension):
        raise ValueError(
            f"vectors of shape {vectors.shape} are not {count} tracks of {spec.dimension} numbers"
        )
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(vectors, dtype=spec.storage)
    if not np.isfinite(stored).all():
        raise ValueError(f"vectors with numbers that are not finite as {spec.dtype}")
    return [row.tobytes() for row in stored]


def unpack(blobs: list[bytes], spec: ExtractorSpec, where: object) -> NDArray[np.floating]:
    """Turn stored vectors back into an array [n, dimension] in the working type, not writable.

    Raises
    ------
    LibraryDamaged
        A stored vector has another length or type, or numbers that are not finite.
    """
    length = spec.dimension * spec.storage.itemsize
    if any(not isinstance(blob, bytes) or len(blob) != length for blob in blobs):
        raise LibraryDamaged(f"{where}: has a vector of a wrong length or type; build it again")
    array = np.frombuffer(b"".join(blobs), dtype=spec.storage).reshape(-1, spec.dimension)
    working: NDArray[np.floating] = array.astype(spec.working)
    if not (finite := np.isfinite(working).all(axis=1)).all():
        count = int((~finite).sum())
        raise LibraryDamaged(
            f"{where}: is damaged (the numbers of {count} of {len(blobs)} vectors are not finite); "
            "build it again"
        )
    working.flags.writeable = False
    return working


def change_of(row: Mapping[Any, Any]) -> Change:
    """Make a change of a row of the history."""
    return Change(
        id=row["id"],
        time=datetime.datetime.fromisoformat(row["time"]),
        what=row["what"],
        track_id=row["track_id"],
        before=None if row["before"] is None else Track(**json.loads(row["before"])),
        after=None if row["after"] is None else Track(**json.loads(row["after"])),
        undone=row["undone"],
    )
