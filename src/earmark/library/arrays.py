"""A library as the arrays that scikit-learn and the like take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earmark.library.fitting import tracks_together
from earmark.library.model import Track
from earmark.library.snapshot import Snapshot


class Arrays(NamedTuple):
    """The n labelled tracks of a library, in the order of its snapshot.

    Attributes
    ----------
    X
        Their vectors [n, d].
    y
        Their genres [n], strings.
    groups
        What must not be on both sides of a split [n]: tracks of one artist and copies of one
        recording have the same number. A track of an unknown artist has a number of its own.
    names
        What they are called [n].
    """

    X: NDArray[np.floating]
    y: NDArray[np.str_]
    groups: NDArray[np.intp]
    names: tuple[str, ...]


def arrays_of(snapshot: Snapshot, tracks: Mapping[int, Track], similarity: str) -> Arrays:
    """Return the tracks of a snapshot as arrays, which are copies.

    Parameters
    ----------
    snapshot
        Of labelled tracks.
    tracks
        What is known of them, by their ids.
    similarity
        How their vectors are compared, by which copies are found.
    """
    return Arrays(
        snapshot.vectors.copy(),
        np.array(snapshot.genres, dtype=np.str_),
        tracks_together(snapshot, similarity),
        tuple(tracks[track_id].name for track_id in snapshot.ids.tolist()),
    )
