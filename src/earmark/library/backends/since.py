"""What came to a library since it was looked at, found out without reading all of it again.

The digest of a library is a sum over its vectors, segments and labels (`earmark.library.digest`).
So what came since can be added to an earlier digest, and where the sum is the digest of now,
nothing else has changed: no vector that was there is another, none went away.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from earmark.library import digest
from earmark.library.backends import rows
from earmark.library.backends.schema import has_segments, segments, state, track_genres, vectors
from earmark.library.model import ExtractorSpec, Mark, Since


def read_mark(connection: sa.Connection, token: str) -> Mark:
    """Return the mark of a library as it is now, which has this token."""
    revision, whole = connection.execute(sa.select(state.c.revision, state.c.digest)).one()
    last = connection.scalar(sa.select(sa.func.max(vectors.c.track_id)))
    _, labels = _labels(connection)
    return Mark(int(revision), str(whole), labels, int(last or 0), token)


def read_since(
    connection: sa.Connection,
    before: Mark,
    ids: NDArray[np.int64],
    most: int,
    spec: ExtractorSpec,
    where: object,
) -> Since | None:
    """Return what came to a library since a mark.

    Parameters
    ----------
    connection
        In a transaction.
    before
        The mark.
    ids
        Of the tracks that were labelled then [n].
    most
        How many may have come at most.
    spec, where
        The extractor of the library, and what names it in messages.

    Returns
    -------
    Since or None
        None where a vector went away or became another, where more came, and where it is another
        library.
    """
    whole = str(connection.execute(sa.select(state.c.digest)).scalar_one())
    nothing = np.zeros(0, dtype=np.int64)
    if whole == before.digest:
        return Since(nothing, rows.unpack([], spec, where), nothing)
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
    found = rows.unpack([blobs[track_id] for track_id in added.tolist()], spec, where)
    rows.check_finite(found, where)
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
