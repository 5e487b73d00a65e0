"""The points of the map as one body of bytes, for browsers: columns of numbers in place of objects.

The layout stands on the page of the HTTP API (``docs/http-api.md``): whatever is changed of it here
gets another version.
"""

from __future__ import annotations

import json
import struct

import numpy as np
from numpy.typing import NDArray

from earmark.library import Snapshot

MAGIC = b"EMAP"
VERSION = 1
STEPS = 65_535
MOST_POINTS = 200_000
"""So many fit into 2 MB. Of more, some evenly spread ones are sent."""

_HEAD = struct.Struct("<4sHHIIQ6fBBHI8x")


def pack(snapshot: Snapshot, points: NDArray[np.float64], share: NDArray[np.float64]) -> bytes:
    """Return the points of tracks as bytes.

    Parameters
    ----------
    snapshot
        The n tracks.
    points
        Theirs [n, 2].
    share
        The part of the variance that each axis shows [2].
    """
    rows = np.arange(len(snapshot))
    if len(rows) > MOST_POINTS:
        rows = np.linspace(0, len(rows) - 1, MOST_POINTS).astype(np.intp)
    rows = rows[np.argsort(snapshot.ids[rows])]
    ids, shown = snapshot.ids[rows], points[rows]
    # As they are sent, so that the steps are between the numbers that the browser reads.
    low = shown.min(axis=0).astype(np.float32).astype(np.float64)
    high = shown.max(axis=0).astype(np.float32).astype(np.float64)
    extent = np.where(high > low, high - low, 1.0)
    steps = np.clip(np.rint((shown - low) / extent * STEPS), 0, STEPS).astype("<u2")
    used, codes = np.unique(snapshot.genre_codes[rows], return_inverse=True)
    id_type = np.dtype("<u4" if ids[-1] < 2**32 else "<f8")
    genre_type = np.dtype("<u1" if len(used) <= 2**8 else "<u2" if len(used) <= 2**16 else "<u4")
    names = json.dumps([snapshot.genre_names[code] for code in used], ensure_ascii=False).encode(
        "utf-8"
    )
    head = _HEAD.pack(
        MAGIC, VERSION, _HEAD.size, len(rows), len(snapshot), snapshot.revision,
        *low, *high, *share, id_type.itemsize, genre_type.itemsize, 0, len(names),
    )  # fmt: skip
    columns = ids.astype(id_type), steps[:, 0], steps[:, 1], codes.astype(genre_type)
    return b"".join([head, *(column.tobytes() for column in columns), names])
