"""Reads a snapshot after a few changes: only the tracks that were touched."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sqlalchemy as sa

from earmark.library import rules
from earmark.library.backends import rows
from earmark.library.backends.schema import tracks, vectors
from earmark.library.model import ExtractorSpec, Track
from earmark.library.revising import revised
from earmark.library.snapshot import Snapshot

MOST_REVISED = 100
"""After more changed tracks all are read again."""

# How many names before a track's own are looked at, and how many tracks of one name.
_MOST_NAMES = 20
_MOST_OF_A_NAME = 500


def read_revised(
    connection: sa.Connection,
    known: Snapshot,
    revision: int,
    touched: Iterable[int],
    spec: ExtractorSpec,
    where: object,
    *,
    unlabelled: bool = False,
) -> Snapshot | None:
    """Read the tracks that were touched since a snapshot; return the one of now.

    Parameters
    ----------
    connection
        In a transaction.
    known
        The snapshot before.
    revision
        Of the library now.
    touched
        Ids of all tracks that were added, changed or removed since.
    spec, where, unlabelled
        As for `read_snapshot`.

    Returns
    -------
    Snapshot or None
        None where it takes long to find out where a track belongs.

    Raises
    ------
    LibraryDamaged, TypeError, ValueError
        As `read_snapshot`.
    """
    ids = sorted(touched)
    query = sa.select(*rows.COLUMNS).where(tracks.c.id.in_(ids))
    found = [
        track
        for track in rows.read_tracks(connection, query)
        if unlabelled or track.genre is not None
    ]
    found.sort(key=rules.order)
    behind = []
    for track in found:
        row = _behind(connection, known, track, set(ids))
        if row is None:
            return None
        behind.append(row)
    query = sa.select(vectors.c.track_id, vectors.c.vector).where(vectors.c.track_id.in_(ids))
    blobs = {row.track_id: row.vector for row in connection.execute(query)}
    held = rows.unpack([blobs.get(rows.id_of(track)) for track in found], spec, where)
    rows.check_finite(held, where)
    return revised(known, revision, np.array(ids, dtype=np.int64), found, held, behind)


def _behind(
    connection: sa.Connection, known: Snapshot, track: Track, touched: set[int]
) -> int | None:
    """Return behind which row of a snapshot, of a track that was not touched, a track belongs.

    -1: it is the first. None: that takes long to find out.
    """
    name: str | None = track.name
    for _ in range(_MOST_NAMES):
        columns = (tracks.c.id, tracks.c.name, tracks.c.path, tracks.c.content_hash)
        query = sa.select(*columns).where(tracks.c.name == name).limit(_MOST_OF_A_NAME + 1)
        same = [Track(**row, genre=None) for row in connection.execute(query).mappings()]
        if len(same) > _MOST_OF_A_NAME:
            return None
        before = sorted(
            (
                one
                for one in same
                if one.id not in touched and rules.order(one) < rules.order(track)
            ),
            key=rules.order,
        )
        places = known.rows_of([rows.id_of(one) for one in before])
        if len(places):
            return int(places[-1])
        less = sa.select(sa.func.max(tracks.c.name)).where(tracks.c.name < name)
        name = connection.scalar(less)
        if name is None:
            return -1
    return None
