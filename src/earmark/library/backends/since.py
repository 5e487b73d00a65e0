"""What came to a library since it was looked at, found out without reading all of it again.

The digest of a library is a sum over its vectors, segments and labels (`earmark.library.digest`).
So what came since can be added to an earlier digest, and where the sum is the digest of now,
nothing else has changed: no vector that was there is another, none went away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.library import digest
from earmark.library.backends import rows
from earmark.library.backends.schema import has_segments, segments, state, track_genres, vectors
from earmark.library.backends.sql import SqlLibrary


@dataclass(frozen=True, slots=True)
class Mark:
    """A library at one moment.

    Attributes
    ----------
    revision
        Of the library.
    digest
        Of all its vectors, segments and labels.
    labels
        The part of it that the labels make.
    last_id
        No track had a greater id; ids are never given twice.
    """

    revision: int
    digest: str
    labels: str
    last_id: int


@dataclass(frozen=True, slots=True)
class Since:
    """What is to be searched beside the labelled tracks of a mark.

    Attributes
    ----------
    added
        Ids of tracks that are labelled now and were not there, or not labelled, sorted [t].
    vectors
        Theirs [t, dimension].
    gone
        Ids of tracks that lost their labels [g].
    """

    added: NDArray[np.int64]
    vectors: NDArray[np.floating]
    gone: NDArray[np.int64]


def mark(library: SqlLibrary) -> Mark:
    """Return the mark of a library as it is now."""
    with library.reading() as connection:
        revision, whole = connection.execute(sa.select(state.c.revision, state.c.digest)).one()
        last = connection.scalar(sa.select(sa.func.max(vectors.c.track_id)))
        _, labels = _labels(connection)
    return Mark(int(revision), str(whole), labels, int(last or 0))


def since(library: SqlLibrary, before: Mark, ids: NDArray[np.int64], most: int) -> Since | None:
    """Return what came to a library since a mark.

    Parameters
    ----------
    library
        As it is now.
    before
        The mark.
    ids
        Of the tracks that were labelled then [n].
    most
        How many may have come at most.

    Returns
    -------
    Since or None
        None where a vector went away or became another, where more came, and where it is another
        library.
    """
    with library.reading() as connection:
        whole = str(connection.execute(sa.select(state.c.digest)).scalar_one())
        spec, nothing = library.spec, np.zeros(0, dtype=np.int64)
        if whole == before.digest:
            return Since(nothing, rows.unpack([], spec, library.location), nothing)
        new = vectors.c.track_id > before.last_id
        if (connection.scalar(sa.select(sa.func.count()).where(new)) or 0) > most:
            return None
        query = sa.select(vectors.c.track_id, vectors.c.vector).where(new)
        parts = [digest.of_vector(*row) for row in connection.execute(query)]
        if has_segments(connection):
            held = sa.select(segments).where(segments.c.track_id > before.last_id)
            parts += [digest.of_segment(*row) for row in connection.execute(held)]
        labelled, labels = _labels(connection)
        others = digest.moved(before.digest, less=[int(before.labels, 16)])
        if digest.moved(others, more=[*parts, int(labels, 16)]) != whole:
            return None
        added = np.setdiff1d(labelled, ids)
        if len(added) > most:
            return None
        blobs = _blobs(connection, added.tolist())
        found = rows.unpack(
            [blobs[track_id] for track_id in added.tolist()], spec, library.location
        )
        rows.check_finite(found, library.location)
        return Since(added, found, np.setdiff1d(ids, labelled))


def _labels(connection: sa.Connection) -> tuple[NDArray[np.int64], str]:
    """Return the ids of all labelled tracks, sorted, and what their labels add to the digest."""
    query = sa.select(track_genres.c.track_id, track_genres.c.genre, track_genres.c.weight)
    found = connection.execute(query).all()
    labels = digest.moved(digest.EMPTY, more=(digest.of_label(*row) for row in found))
    return np.unique(np.array([row.track_id for row in found], dtype=np.int64)), labels


def _blobs(connection: sa.Connection, ids: Iterable[int]) -> dict[int, bytes]:
    wanted = list(ids)
    found: dict[int, bytes] = {}
    for start in range(0, len(wanted), 500):
        some = vectors.c.track_id.in_(wanted[start : start + 500])
        query = sa.select(vectors.c.track_id, vectors.c.vector).where(some)
        found.update((int(track_id), blob) for track_id, blob in connection.execute(query))
    return found
