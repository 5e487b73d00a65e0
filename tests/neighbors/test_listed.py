"""Candidates of a finder that knows tracks as they were: rows follow what comes and goes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.neighbors.listed import Listed


class Everything:
    """A finder that knows tracks and gives all of them."""

    def __init__(self, count: int) -> None:
        self.count = count

    def nearest(self, prepared: np.ndarray, width: int) -> np.ndarray:
        numbers = np.append(np.arange(self.count), [-1, -1])
        return np.broadcast_to(numbers, (len(prepared), len(numbers)))


@settings(max_examples=60)
@given(
    known=st.sets(st.integers(0, 30), max_size=20),
    ids=st.lists(st.integers(0, 30), min_size=1, max_size=20, unique=True),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 2**16)), max_size=5),
)
def test_every_track_is_a_candidate(
    known: set[int], ids: list[int], steps: list[tuple[bool, int]]
) -> None:
    def keys_of(rows: np.ndarray) -> np.ndarray:
        return np.zeros((len(rows), 4), np.float32)

    now = np.array(ids, np.int64)
    listed = Listed.of(Everything(len(known)), np.array(sorted(known), np.int64), now, keys_of)
    count = len(now)
    for add, seed in steps:
        rng = np.random.default_rng(seed)
        if add:
            some = np.sort(rng.choice(count + 3, size=3, replace=False))
            count += 3
            listed = listed.having(some, keys_of(some), count)
        else:
            some = np.flatnonzero(rng.random(count) < 0.3)
            count -= len(some)
            listed = listed.without(some)
        if count == 0:
            return
    for rows in listed.rows(np.zeros((2, 4), np.float32), 5):
        assert rows.tolist() == list(range(count))


def test_rows_that_are_not_to_be_found_are_not() -> None:
    ids = np.array([5, -1, 7, 9], np.int64)
    listed = Listed.of(
        Everything(2), np.array([7, 8]), ids, lambda rows: np.zeros((len(rows), 4), np.float32)
    )
    assert listed.rows(np.zeros((1, 4), np.float32), 3)[0].tolist() == [0, 2, 3]


def test_of_many_others_the_nearest_are_candidates() -> None:
    keys = np.random.default_rng(1).normal(size=(500, 4)).astype(np.float32)
    listed = Listed.of(Everything(0), np.zeros(0, np.int64), np.arange(500), keys.__getitem__)
    query = np.array([[1.0, -2.0, 0.5, 0.0]], np.float32)
    found = listed.rows(query, 10)[0]
    assert set(np.argsort(keys @ query[0])[:10].tolist()) <= set(found.tolist())
    assert len(found) < 100
