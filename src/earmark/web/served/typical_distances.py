"""What is near and what is far in a library: measured on its own tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.library import Snapshot
from earmark.neighbors import Voter, subsample
from earmark.web.language import marked

MOST_SAMPLED = 200
TENTH = 10


@dataclass(frozen=True)
class TypicalDistances:
    """How far tracks of a library are from their nearest other one, and from their tenth: medians.

    >>> typical = TypicalDistances(nearest=0.2, tenth=0.5)
    >>> typical.word(0.15), typical.word(0.4), typical.word(0.6)
    ('very near', 'near', 'farther')
    """

    nearest: float
    tenth: float

    def word(self, distance: float) -> str:
        """Say how near something is, as the tracks of the library lie to each other."""
        if distance <= self.nearest:
            return marked("very near")
        return marked("near") if distance <= self.tenth else marked("farther")


def typical_distances(voter: Voter, snapshot: Snapshot) -> TypicalDistances | None:
    """Measure them on a sample of the tracks, as the voter compares them.

    None where there are no two tracks to compare.
    """
    if len(snapshot) < 2:
        return None
    rows = subsample(np.arange(len(snapshot)), MOST_SAMPLED)
    distances, _ = voter.kneighbors(
        snapshot.vectors[rows], TENTH, exclude=[np.array([row]) for row in rows]
    )
    # In a small library, what is excluded stands at the end, infinitely far.
    tenth = min(TENTH, len(snapshot) - 1) - 1
    medians = np.median(distances[:, [0, tenth]], axis=0)
    return TypicalDistances(*medians.tolist())
