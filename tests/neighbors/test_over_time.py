"""The genre of each segment: the most probable path at a price for each change."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.neighbors.over_time import LEAST_PROBABILITY, genre_path


def gains(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, LEAST_PROBABILITY))


def worth(path: tuple[int, ...], probabilities: np.ndarray, price: float) -> float:
    told = gains(probabilities)[np.arange(len(path)), list(path)].sum()
    return float(told - price * np.count_nonzero(np.diff(path)))


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3), st.floats(0, 10))
def test_no_other_path_is_worth_more(seed: int, n: int, genres: int, price: float) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(genres, 0.5), n)
    found, gain = genre_path(shares, price=price)
    best = max(worth(path, shares, price) for path in product(range(genres), repeat=n))
    alone = max(worth((genre,) * n, shares, price) for genre in range(genres))
    assert abs(worth(tuple(found.tolist()), shares, price) - best) < 1e-9
    assert abs(gain - (best - alone)) < 1e-9


def test_what_costs_nothing_is_taken_and_what_costs_much_is_not() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 30)
    assert np.array_equal(genre_path(shares, price=0)[0], shares.argmax(axis=1))
    path, gain = genre_path(shares, price=1e9)
    assert set(path) == {gains(shares).sum(axis=0).argmax()}
    assert gain == 0


def test_one_segment_alone_never_says_everything() -> None:
    certain = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]] + [[1.0, 0.0]] * 3)
    assert genre_path(certain, price=4)[0].tolist() == [0] * 7
    assert genre_path(certain, price=3)[0].tolist() == [0, 0, 0, 1, 0, 0, 0]
