"""Between tracks and rows of the database: one direction each, and what was before a change."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.errors import LibraryDamaged, LibraryError
from earmark.library.model import Change, ExtractorSpec, Track
from earmark.library.schema import history, tracks

FIELDS = tuple(field.name for field in dataclasses.fields(Track) if field.name != "id")
COLUMNS = tuple(tracks.c[name] for name in (*FIELDS, "id"))


TEXTS = ("name", "genre", "artist", "title", "path", "content_hash")


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
    """Return the columns of a track, without its id and vector."""
    values: dict[str, object] = {name: getattr(track, name) for name in FIELDS}
    values["search_text"] = fold("\n".join(filter(None, (track.name, track.artist, track.title))))
    return values


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


def record(
    connection: sa.Connection,
    what: str,
    before: Track | None,
    after: Track | None,
    vector_before: bytes | None = None,
) -> int:
    """Write an entry of the history; return its id."""
    known = after if after is not None else before
    if known is None:
        raise ValueError("a change needs a track before or after it")
    result = connection.execute(
        history.insert().values(
            time=datetime.datetime.now(datetime.UTC).isoformat(),
            what=what,
            track_id=known.id,
            before=None if before is None else json.dumps(dataclasses.asdict(before)),
            after=None if after is None else json.dumps(dataclasses.asdict(after)),
            vector_before=vector_before,
            undone=False,
        )
    )
    key = result.inserted_primary_key
    return int(key[0]) if key is not None else 0


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


def take_back(connection: sa.Connection, change_id: int, where: object) -> int:
    """Undo one entry of the history; return the id of its track.

    Raises
    ------
    LibraryError
        There is no such entry, it was undone before, or a later one of the same track still holds.
    """
    row = connection.execute(sa.select(history).where(history.c.id == change_id)).mappings().first()
    if row is None:
        raise LibraryError(f"{where}: there is no change {change_id} to undo")
    if row["undone"]:
        raise LibraryError(f"{where}: change {change_id} was undone already")
    later = connection.scalar(
        sa.select(sa.func.max(history.c.id)).where(
            history.c.track_id == row["track_id"],
            history.c.id > change_id,
            history.c.undone.is_(False),
        )
    )
    if later is not None:
        raise LibraryError(f"{where}: the same track was changed again; undo change {later} first")
    _restore(connection, row, where)
    connection.execute(history.update().where(history.c.id == change_id).values(undone=True))
    return int(row["track_id"])


def _restore(connection: sa.Connection, row: Mapping[Any, Any], where: object) -> None:
    track_id = row["track_id"]
    if row["before"] is None:
        connection.execute(tracks.delete().where(tracks.c.id == track_id))
        return
    values = values_of(Track(**json.loads(row["before"])))
    present = connection.scalar(sa.select(tracks.c.id).where(tracks.c.id == track_id)) is not None
    # A file that has been recorded again meanwhile keeps its path.
    if values["path"] is not None:
        holder = connection.scalar(sa.select(tracks.c.id).where(tracks.c.path == values["path"]))
        if holder not in (None, track_id):
            raise LibraryError(f"{where}: {values['path']} is in the library again; nothing undone")
    if present:
        if row["vector_before"] is not None:
            values["vector"] = row["vector_before"]
        connection.execute(tracks.update().where(tracks.c.id == track_id).values(**values))
    elif row["vector_before"] is not None:
        connection.execute(
            tracks.insert().values(id=track_id, vector=row["vector_before"], **values)
        )
    else:
        raise LibraryError(f"{where}: the track is no longer there; nothing undone")
