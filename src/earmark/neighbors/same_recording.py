"""All tracks of one recording, without comparing all tracks of a library with each other."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.metrics import METRICS, Metric
from earmark.neighbors.recordings import SURROUNDINGS
from earmark.neighbors.voter import Voter

# Among so many of the nearest in the vote copies are looked for first.
N_CANDIDATES = 2 * SURROUNDINGS
# Where there are more copies than these, all tracks are compared with it after all.
MOST_CANDIDATES = 200


class Recordings:
    """Which tracks of a library are copies of some of them, when that is asked.

    They are those that `find_copies` pairs with these when it compares all with all; copies of
    copies are not meant, since in a small library whole genres can hang together like that. Here
    candidates come from the vote, in which copies are nearest, too; only where one of these is so
    near that it can be a copy, is it looked at as closely as there.

    Parameters
    ----------
    voter
        The tracks, ready to vote.
    vectors
        Their vectors [n, d].
    similarity
        A name in ``METRICS``.
    contents
        A number for each track [n]; tracks of the same number are the same by content.
    """

    def __init__(self, voter: Voter, vectors: Float, similarity: str, contents: Indices) -> None:
        self._voter = voter
        self._vectors = vectors
        self._metric = METRICS[similarity]
        self._contents = contents

    def copies(self, rows: Indices) -> Indices:
        """Return some tracks and all that are copies of them, sorted."""
        known = self._with_contents(rows)
        found = [known]
        for row in known.tolist():
            candidates = self._candidates(row)
            if candidates is None:
                pairs = copies_of_many(np.array([row]), self._vectors, self._metric.name)
                found.append(np.array([other for _, other in pairs], dtype=np.intp))
            else:
                found.append(self._copies(row, candidates))
        return self._with_contents(np.concatenate(found))

    def _with_contents(self, rows: Indices) -> Indices:
        return np.flatnonzero(np.isin(self._contents, self._contents[rows]))

    def _candidates(self, row: int) -> Indices | None:
        """Return the tracks that can be copies of one, by what their surroundings are at most.

        None where there are very many.
        """
        n = N_CANDIDATES
        while n <= MOST_CANDIDATES:
            _, found = self._voter.kneighbors(self._vectors[[row]], n, exact=True)
            near = np.append(row, found[0][found[0] != row])
            between = self._between(near, near)
            np.fill_diagonal(between, np.inf)
            at_most = np.full(len(near), np.inf)
            if len(near) > 3:
                ordered = np.sort(between, axis=1)[:, 1 : min(SURROUNDINGS + 1, len(near) - 1)]
                at_most = np.median(ordered, axis=1)
            possible = between[0, 1:] < self._limits(at_most[0], at_most[1:])
            if not possible.all() or n >= len(self._vectors):
                return near[1:][possible]
            n *= 2
        return None

    def _copies(self, row: int, candidates: Indices) -> Indices:
        """Return those of a track's candidates that are copies of it."""
        if not len(candidates):
            return candidates
        both = np.append(row, candidates)
        around = self._surroundings(both)
        limits = self._limits(around[0], around[1:])
        near: Indices = candidates[self._between(both[:1], candidates)[0] < limits]
        return near

    def _limits(self, around: Float64, others: Float64) -> Float64:
        """Return below which distances two tracks are one recording, given their surroundings."""
        return _limits(self._metric, around, others)

    def _between(self, rows: Indices, others: Indices) -> Float64:
        """Return the distances [m, o] between a few tracks; 0 where their vectors are equal."""
        some, more = self._vectors[rows], self._vectors[others]
        distances = BruteForce(self._metric.fit(more), more).distances(some)
        for one, vector in enumerate(some):
            distances[one, (more == vector).all(axis=1)] = 0.0
        return distances

    @cached_property
    def _everyone(self) -> BruteForce:
        return BruteForce(self._metric.fit(self._vectors), self._vectors)

    def _surroundings(self, rows: Indices) -> Float64:
        """Return the medians [m] of the distances to the 2nd to 11th nearest of all tracks."""
        return np.median(_around(self._everyone, self._vectors, rows), axis=1)


def copies_of_many(rows: Indices, vectors: Float, similarity: str) -> list[tuple[int, int]]:
    """Return pairs of some tracks and all that are copies of them by their vectors.

    For very many tracks, of which some thousand are asked for: what it costs grows with the number
    of both. Copies are those of `find_copies`.

    Parameters
    ----------
    rows
        The tracks that are asked for [m].
    vectors
        The vectors of all tracks [n, d].
    similarity
        A name in ``METRICS``.
    """
    metric = METRICS[similarity]
    everyone = BruteForce(metric.fit(vectors), vectors)
    near = _around(everyone, vectors, rows)
    around = np.median(near, axis=1)
    # A copy is about as far from what is around a track as the track itself. That holds for
    # squares of distances, of which each can be four times as large.
    numbers, others, distances = everyone.within(
        vectors[rows], _limits(metric, around, 4 * near[:, -1])
    )
    # Equal vectors can be a little apart by rounding, which `find_copies` does not mind.
    left = rows[numbers] != others
    numbers, others, distances = numbers[left], others[left], distances[left]
    asked, places = np.unique(others, return_inverse=True)
    around_others = np.median(_around(everyone, vectors, asked), axis=1)[places]
    same = distances < _limits(metric, around[numbers], around_others)
    return list(zip(rows[numbers[same]].tolist(), others[same].tolist(), strict=True))


def _limits(metric: Metric, around: Float64, others: Float64) -> Float64:
    likely = metric.likely_share * np.sqrt(around) * np.sqrt(others)
    limits: Float64 = np.maximum(likely, metric.near_zero)
    return limits


def _around(everyone: BruteForce, vectors: Float, rows: Indices) -> Float64:
    """Return the distances [m, 10] of some tracks to the 2nd to 11th nearest of all."""
    width = min(SURROUNDINGS + 1, len(vectors) - 1)
    if width < 2 or not len(rows):
        return np.zeros((len(rows), 1))
    found, _ = everyone.search(vectors[rows], width, list(rows[:, None]))
    return found[:, 1:]
