"""A path from one song to another by small, even steps.

Among the paths of exactly n songs, that of the smallest sum of d^p over its steps is looked for,
layer by layer (dynamic programming over the number of songs, with the best few paths to each
track). With p = 10 the largest step counts most: for the best such path of n songs, max step <=
(n - 1)^(1/p) times the smallest possible largest step, which is 1.37 for 24 steps, and of paths
with equal largest steps the evener one wins.
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

_MOST_KEPT = 32
"""Paths to each track that are gone on with; of many tracks fewer, by ``_WORK``."""

_WORK = MOST_CANDIDATES**2


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

    For every number of songs and every track the best few paths are kept: the best one alone may
    use up the songs that the rest of the way needs, since none comes twice. Where no path of n
    songs is found, the longest shorter one is returned.
    """
    largest = float(distances.max()) or 1.0
    cost = np.power(distances / largest, POWER)
    m = len(rows)
    kept = int(np.clip(_WORK // m**2, 1, _MOST_KEPT))
    paths = _Paths(catalog, rules, rows)
    total = np.zeros(1)
    best = [0, m - 1]
    for songs in range(2, n + 1):
        step = np.where(paths.refused(), np.inf, total[:, None] + cost[paths.ends])
        if songs < n:
            # The last song ends every path, so none goes on from there; but a path may end here.
            nearest = int(np.argmin(step[:, -1]))
            if np.isfinite(step[nearest, -1]):
                best = [*(int(position) for position in paths.chains[:, nearest]), m - 1]
            step[:, -1] = np.inf
        before, after = _smallest(step, kept)
        if not len(before):
            return best
        total = step[before, after]
        paths.extend(before, after)
    final = np.flatnonzero(paths.ends == m - 1)
    if not len(final):
        return best
    return [int(position) for position in paths.chains[:, final[np.argmin(total[final])]]]


def _smallest(step: Float64, kept: int) -> tuple[Rows, Rows]:
    """Return the places of the ``kept`` smallest finite numbers of each column."""
    if kept == 1:
        rows = np.argmin(step, axis=0)[None]
    elif kept < len(step):
        rows = np.argpartition(step, kept - 1, axis=0)[:kept]
    else:
        rows = np.broadcast_to(np.arange(len(step))[:, None], step.shape)
    places, columns = np.nonzero(np.isfinite(np.take_along_axis(step, rows, axis=0)))
    return rows[places, columns], columns


class _Paths:
    """Paths from the first of m tracks that keep the rules, p at a time.

    Attributes
    ----------
    chains
        The songs [songs, p], as positions among the m tracks.
    """

    def __init__(self, catalog: Catalog, rules: Rules, rows: Rows) -> None:
        self._rules = rules
        self._same = _alike(catalog.recordings[rows])
        if not rules.versions:
            self._same |= _alike(catalog.works[rows])
        self._artists = _alike(catalog.artists[rows])
        self._albums = _alike(catalog.albums[rows])
        self.chains: Rows = np.zeros((1, 1), dtype=np.intp)
        self._used = self._same[:1]
        self._of_artist = self._artists[:1].astype(np.int16)
        self._of_album = self._albums[:1].astype(np.int16)

    @property
    def ends(self) -> Rows:
        """The last song of each path [p]."""
        last: Rows = self.chains[-1]
        return last

    def refused(self) -> NDArray[np.bool_]:
        """Return which tracks [p, m] may not follow which path."""
        rules = self._rules
        refused = self._used.copy()
        if rules.per_artist is not None:
            refused |= self._of_artist >= rules.per_artist
        if rules.per_album is not None:
            refused |= self._of_album >= rules.per_album
        for last in self.chains[-rules.spacing :] if rules.spacing else ():
            refused |= self._artists[last]
        # The end was asked for, whatever the rules say.
        refused[:, -1] = False
        return refused

    def extend(self, before: Rows, after: Rows) -> None:
        """Go on with the paths ``before`` [p], each lengthened by the track ``after`` [p]."""
        self.chains = np.concatenate([self.chains[:, before], after[None]])
        self._used = self._used[before] | self._same[after]
        self._of_artist = self._of_artist[before] + self._artists[after]
        self._of_album = self._of_album[before] + self._albums[after]


def _alike(codes: Rows) -> NDArray[np.bool_]:
    """Tell which pairs [m, m] have the same known code."""
    known = codes != UNKNOWN
    alike: NDArray[np.bool_] = (codes[:, None] == codes) & known[:, None]
    return alike
