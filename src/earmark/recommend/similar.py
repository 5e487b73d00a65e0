"""Songs that sound like one or several others, and unlike some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.neighbors.arrays import Float, Float64
from earmark.recommend.rules import Admission, Catalog, Rules
from earmark.recommend.space import Rows, Space

AWAY = 0.5
"""How much the similarity to songs to keep away from takes from that to the seeds."""

VARIETY_RANGE = 0.1
"""The standard deviation, in shares of similarity, of the chance that ``variety`` 1 adds."""

# So many candidates a song of the list are looked at before all are.
_CANDIDATES_A_SONG = 20


@dataclass(frozen=True, slots=True)
class Seeds:
    """What a list is for, or what it keeps away from.

    Attributes
    ----------
    rows
        Tracks of the library.
    vectors
        Recordings that are no tracks [m, d]; None: there are none.
    """

    rows: Rows
    vectors: Float | None = None

    def __len__(self) -> int:
        return len(self.rows) + (0 if self.vectors is None else len(self.vectors))

    def distances(self, space: Space) -> Float64:
        """Return the distances [len(self), n] of each to all tracks."""
        parts = [space.of_rows(self.rows)] if len(self.rows) else []
        if self.vectors is not None and len(self.vectors):
            parts.append(space.of_vectors(self.vectors))
        return np.concatenate(parts) if parts else np.empty((0, len(space)))


NO_SEEDS = Seeds(np.empty(0, dtype=np.intp))


@dataclass(frozen=True, slots=True)
class Listed:
    """A track of a list.

    Attributes
    ----------
    row
        The track.
    similarity
        To the seeds, or of a path to the song before: the share of the library's own pairs of
        tracks that are farther apart, from 0 to 1.
    """

    row: int
    similarity: float


def similarity_to(space: Space, seeds: Seeds, away: Seeds = NO_SEEDS) -> tuple[Float64, Float64]:
    """Return the mean similarity [n] of all tracks to seeds, and the score [n] that ranks them."""
    distances = seeds.distances(space)
    similarity = space.similarity(distances).mean(axis=0)
    # Shares are coarse among the very near, which only the distance itself keeps in order.
    order: Float64 = similarity - 1e-6 * np.log1p(distances).mean(axis=0)
    if len(away):
        order = order - AWAY * space.similarity(away.distances(space)).max(axis=0)
    return similarity, order


def similar(
    space: Space,
    catalog: Catalog,
    seeds: Seeds,
    n: int,
    *,
    away: Seeds = NO_SEEDS,
    left_out: Rows | None = None,
    rules: Rules | None = None,
    variety: float = 0.0,
    seed: int = 0,
) -> list[Listed]:
    """Return the n tracks that sound most like the seeds, the most similar first.

    Parameters
    ----------
    space, catalog
        The n tracks of a library.
    seeds
        One or several songs; several count equally.
    n
        How many; fewer where the rules leave no more.
    away
        Songs to keep away from.
    left_out
        Tracks that may not stand in the list, such as those played lately.
    rules
        See `Rules`.
    variety
        From 0, always the same list, to 1: how much chance there is in it.
    seed
        Of the chance; the same seed gives the same list.

    Raises
    ------
    ValueError
        There is no seed, or ``n`` or ``variety`` is out of range.
    """
    if not len(seeds):
        raise ValueError("a list of similar songs needs at least one song to start from")
    if n < 1:
        raise ValueError("n must be at least 1")
    if not 0 <= variety <= 1:
        raise ValueError("variety goes from 0 to 1")
    rules = rules or Rules()
    similarity, order = similarity_to(space, seeds, away)
    if variety:
        chance = np.random.default_rng(seed).normal(0, VARIETY_RANGE * variety, len(order))
        order = order + chance
    nobody = np.empty(0, dtype=np.intp)
    allowed = rules.candidates(catalog, seeds.rows, nobody if left_out is None else left_out)
    order = np.where(allowed, order, -np.inf)
    rows = _admitted(order, catalog, rules, n)
    return [Listed(row, float(similarity[row])) for row in rows]


def _admitted(order: Float64, catalog: Catalog, rules: Rules, n: int) -> list[int]:
    """Return up to n rows by falling order, as the rules admit them."""
    most = len(order)
    wanted = min(most, n * _CANDIDATES_A_SONG)
    while True:
        rows = _greedy(_best(order, wanted), catalog, rules, n)
        if len(rows) == n or wanted == most:
            return rows
        wanted = min(most, 4 * wanted)


def _best(order: Float64, wanted: int) -> list[int]:
    """Return the rows of the ``wanted`` highest finite numbers, the highest first."""
    rows = np.argpartition(-order, wanted - 1)[:wanted] if wanted < len(order) else None
    rows = np.arange(len(order)) if rows is None else np.sort(rows)
    ranked = rows[np.argsort(-order[rows], kind="stable")]
    return [int(row) for row in ranked[np.isfinite(order[ranked])]]


def _greedy(candidates: list[int], catalog: Catalog, rules: Rules, n: int) -> list[int]:
    """Take candidates in their order; one whose artist was just heard waits for its turn."""
    admission = Admission(catalog, rules)
    rows: list[int] = []
    waiting: list[int] = []
    coming = iter(candidates)
    while len(rows) < n:
        waiting = [row for row in waiting if not admission.counts_out(row)]
        chosen = next((row for row in waiting if not admission.too_close(row)), None)
        if chosen is not None:
            waiting.remove(chosen)
        else:
            for row in coming:
                if admission.counts_out(row):
                    continue
                if admission.too_close(row):
                    waiting.append(row)
                    continue
                chosen = row
                break
        if chosen is None:
            return rows
        admission.take(chosen)
        rows.append(chosen)
    return rows
