"""A path from one song to another by small, even steps.

Among the paths of exactly n songs, that of the smallest sum of d^p over its steps is looked for,
layer by layer (dynamic programming over the number of songs). With p = 10 the largest step counts
most: for a path of n songs, max step <= (n - 1)^(1/p) times the smallest possible largest step,
which is 1.37 for 24 steps, and of paths with equal largest steps the evener one wins.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from earmark.neighbors.arrays import Float64
from earmark.recommend.rules import UNKNOWN, Catalog, Rules
from earmark.recommend.similar import Listed
from earmark.recommend.space import Rows, Space

POWER = 10
MOST_CANDIDATES = 700
"""Of larger libraries, the tracks nearest to both ends are looked at."""


def path(
    space: Space,
    catalog: Catalog,
    start: int,
    end: int,
    n: int,
    *,
    rules: Rules | None = None,
    left_out: Rows | None = None,
) -> list[Listed]:
    """Return n songs that lead from one track to another, both included.

    Parameters
    ----------
    space, catalog
        The tracks of a library.
    start, end
        The first and the last of them.
    n
        How many songs in all; fewer where the rules leave no path of n.
    rules
        See `Rules`; ends count for the limits of their artists, but are never refused.
    left_out
        Tracks that may not stand between the ends.

    Returns
    -------
    The songs in order, each with its similarity to the one before; that of the first is 1.

    Raises
    ------
    ValueError
        Both ends are the same track, or n is below 2.
    """
    if start == end:
        raise ValueError("a path needs two different songs")
    if n < 2:
        raise ValueError("a path has at least two songs")
    rules = rules or Rules()
    ends = np.array([start, end], dtype=np.intp)
    nobody = np.empty(0, dtype=np.intp)
    allowed = rules.candidates(catalog, ends, nobody if left_out is None else left_out)
    rows = np.concatenate([[start], _between(space, ends, allowed), [end]]).astype(np.intp)
    distances = space.of_rows(rows, rows)
    taken = _shortest(distances, catalog, rules, rows, min(n, len(rows)))
    steps = [0.0, *(float(distances[a, b]) for a, b in itertools.pairwise(taken))]
    similarity = space.similarity(np.array(steps))
    similarity[0] = 1.0
    return [Listed(int(rows[i]), float(share)) for i, share in zip(taken, similarity, strict=True)]


def _between(space: Space, ends: Rows, allowed: NDArray[np.bool_]) -> Rows:
    """Return the allowed tracks that lie most between the two ends."""
    candidates = np.flatnonzero(allowed)
    if len(candidates) <= MOST_CANDIDATES:
        return candidates
    to_ends = space.of_rows(ends, candidates)
    # The farther end counts, so that what is near to both comes first; a tenth of the sum keeps
    # those that hardly leave the straight way.
    detour = to_ends.max(axis=0) + 0.1 * to_ends.sum(axis=0)
    half = MOST_CANDIDATES // 2
    quarter = MOST_CANDIDATES // 4
    near = [np.argpartition(to_end, quarter)[:quarter] for to_end in to_ends]
    chosen = np.unique(np.concatenate([np.argpartition(detour, half)[:half], *near]))
    between: Rows = candidates[chosen]
    return between


def _shortest(distances: Float64, catalog: Catalog, rules: Rules, rows: Rows, n: int) -> list[int]:
    """Return the positions in ``rows`` of a path of n songs from the first to the last row.

    For every number of songs and every track one best path is kept, so a song never comes twice
    and no rule is broken; where no path of n songs is found, the longest shorter one is returned.
    """
    largest = float(distances.max()) or 1.0
    cost = np.power(distances / largest, POWER)
    m = len(rows)
    refusals = _Refusals(catalog, rules, rows)
    total = np.full(m, np.inf)
    total[0] = 0.0
    chains = np.zeros((1, m), dtype=np.intp)
    best = [0, m - 1]
    for songs in range(2, n + 1):
        step = np.where(refusals.after(chains), np.inf, total[:, None] + cost)
        before = np.argmin(step, axis=0)
        total = step[before, np.arange(m)]
        chains = np.concatenate([chains[:, before], np.arange(m)[None]])
        refusals.extend(before)
        if np.isfinite(total[-1]):
            best = [int(position) for position in chains[:, -1]]
        if songs < n:
            # The last song ends every path, so none goes on from there.
            total[-1] = np.inf
    return best


class _Refusals:
    """Which tracks may not follow the best path to each track, for m paths at once [m, m]."""

    def __init__(self, catalog: Catalog, rules: Rules, rows: Rows) -> None:
        self._rules = rules
        self._same = _alike(catalog.recordings[rows])
        if not rules.versions:
            self._same |= _alike(catalog.works[rows])
        self._artists = _alike(catalog.artists[rows])
        self._albums = _alike(catalog.albums[rows])
        # All paths begin with the first track.
        self._used = np.repeat(self._same[:1], len(rows), axis=0)
        self._of_artist = np.repeat(self._artists[:1].astype(np.int16), len(rows), axis=0)
        self._of_album = np.repeat(self._albums[:1].astype(np.int16), len(rows), axis=0)

    def after(self, chains: Rows) -> NDArray[np.bool_]:
        """Return which tracks [m, m] may not follow paths [songs, m]: a row for each path."""
        rules = self._rules
        refused = self._used.copy()
        if rules.per_artist is not None:
            refused |= self._of_artist >= rules.per_artist
        if rules.per_album is not None:
            refused |= self._of_album >= rules.per_album
        for last in chains[-rules.spacing :] if rules.spacing else ():
            refused |= self._artists[last]
        # The end was asked for: only a path that holds it already refuses it.
        refused[:, -1] = False
        return refused

    def extend(self, before: Rows) -> None:
        """Lengthen the paths: the one to each track v is now that to ``before[v]``, and then v."""
        self._used = self._used[before] | self._same
        self._of_artist = self._of_artist[before] + self._artists
        self._of_album = self._of_album[before] + self._albums


def _alike(codes: Rows) -> NDArray[np.bool_]:
    """Tell which pairs [m, m] have the same known code."""
    known = codes != UNKNOWN
    alike: NDArray[np.bool_] = (codes[:, None] == codes) & known[:, None]
    return alike
