"""The space of the fitted vote, and what is strange to it, against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.covariance import shrunk_covariance
from sklearn.metrics.pairwise import cosine_distances
from sklearn.preprocessing import StandardScaler

from earmark.neighbors.arrays import subsample
from earmark.neighbors.local_scaling import (
    LEAST_SCALE,
    MOST_SCALED_BY,
    OUTLIER_SHRINKAGE,
    LocalScaling,
    OutlierScore,
    local_scales,
    nth_of,
    shrink,
)
from support.clusters import clusters

K = 5


def test_what_is_excluded_is_infinitely_far() -> None:
    tracks = clusters(6).vectors
    index = LocalScaling(tracks, 2)
    distances, rows = index.search(tracks[:1], 6, [np.array([0, 2, 3, 5])])
    assert np.isfinite(distances[0, :2]).all()
    assert set(rows[0, :2]) == {1, 4}
    assert np.isinf(distances[0, 2:]).all()


def test_distances_are_those_of_the_formula() -> None:
    tracks, queries = clusters(60).vectors, clusters(9, seed=1).vectors
    scaler = StandardScaler().fit(tracks)
    among = cosine_distances(scaler.transform(tracks))
    reaches = np.sort(among, axis=1)[:, K]  # the first is the track itself
    cosine = cosine_distances(scaler.transform(queries), scaler.transform(tracks))
    expected = 1 - np.exp(-(cosine**2) / (np.median(reaches) * reaches))
    space = LocalScaling(tracks, K)
    np.testing.assert_allclose(space.distances(queries), expected, atol=1e-4)


def test_what_is_not_learned_from_sets_no_scale() -> None:
    tracks, queries = clusters(60).vectors, clusters(9, seed=1).vectors
    known = np.arange(0, 60, 2)
    alone = LocalScaling(tracks[known], K)
    among_others = LocalScaling(tracks, K, known)
    np.testing.assert_allclose(among_others.points(queries), alone.points(queries), rtol=1e-6)
    np.testing.assert_allclose(
        among_others.distances(queries)[:, known],
        alone.distances(queries),
        atol=1e-5,
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 60), st.integers(0, 100))
def test_distances_are_between_0_and_1(n: int, dimension: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = np.round(rng.normal(size=(n, dimension)), 1)
    space = LocalScaling(tracks, k)
    distances = space.distances(rng.normal(size=(5, dimension)) * 10)
    assert distances.shape == (5, n)
    assert ((distances >= 0) & (distances <= 1)).all()
    # A track in the very middle points nowhere, so it is near to nothing; others are to themselves.
    points = space.points(tracks)
    own = np.diag(space.distances(tracks))[points.any(axis=1)]
    np.testing.assert_allclose(own, 0, atol=1e-5)


def test_hubs_become_fewer() -> None:
    # In many dimensions some tracks are near to everything, though nothing sets them apart.
    rng = np.random.default_rng(0)
    tracks = rng.standard_t(4, size=(600, 100))
    space = LocalScaling(tracks, 10)
    points = space.points(tracks)

    def times_near(distances: np.ndarray) -> np.ndarray:
        others = distances + 9 * np.eye(600)
        return np.bincount(np.argsort(others, axis=1)[:, :10].ravel(), minlength=600)

    plain, scaled = times_near(1 - points @ points.T), times_near(space.distances(tracks))
    assert plain.sum() == scaled.sum()
    assert skew(scaled) < 0.6 * skew(plain)
    assert scaled.max() < plain.max()
    assert scaled.std() < 0.8 * plain.std()


def reach(points: np.ndarray, k: int) -> np.ndarray:
    among = points[subsample(np.arange(len(points)), MOST_SCALED_BY)]
    return local_scales(points, among, nth_of(k, len(among), len(points)))


def test_the_local_scale_is_the_distance_of_the_kth_neighbor() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 6))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    expected = np.sort(1 - points @ points.T, axis=1)[:, 7]
    np.testing.assert_allclose(reach(points, 7), expected)
    assert (reach(np.repeat(points[:1], 9, axis=0), 3) == LEAST_SCALE).all()
    assert reach(points[:1], 3).shape == (1,)


def test_of_many_tracks_a_sample_tells_the_local_scale() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(4 * MOST_SCALED_BY, 8))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    few = rng.choice(len(points), 100, replace=False)
    exact = np.sort(1 - points[few] @ points.T, axis=1)[:, 40]
    sampled = reach(points, 40)[few]
    assert np.median(np.abs(sampled / exact - 1)) < 0.15
    assert abs(np.median(sampled / exact) - 1) < 0.05


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 200), st.integers(2, 60))
def test_a_subsample_is_even(n: int, most: int) -> None:
    rows = 3 * np.arange(n)
    kept = subsample(rows, most)
    assert len(kept) == min(n, most)
    assert np.isin(kept, rows).all()
    if n > most:
        assert (kept[0], kept[-1]) == (rows[0], rows[-1])
        steps = np.diff(kept) / 3
        assert steps.max() - steps.min() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.floats(0, 1), st.integers(0, 1000))
def test_shrinking_is_that_of_scikit_learn(dimension: int, amount: float, seed: int) -> None:
    frames = np.random.default_rng(seed).normal(size=(20, dimension))
    covariance = frames.T @ frames / 20
    shrunk = shrink(covariance, amount)
    np.testing.assert_allclose(shrunk, shrunk_covariance(covariance, shrinkage=amount))
    assert np.trace(shrunk) == pytest.approx(np.trace(covariance))


def test_nothing_at_all_is_shrunk_to_something() -> None:
    np.testing.assert_allclose(shrink(np.zeros((3, 3)), 0.1), 0.1 * np.eye(3))


def test_the_outlier_score_is_the_mahalanobis_distance() -> None:
    library, queries = clusters(100, dimension=6).vectors, clusters(8, dimension=6, seed=1).vectors
    center = library.mean(axis=0)
    covariance = shrunk_covariance(np.cov(library.T, bias=True), shrinkage=OUTLIER_SHRINKAGE)
    expected = [
        np.sqrt((query - center) @ np.linalg.solve(covariance, query - center) / 6)
        for query in queries
    ]
    score_of = OutlierScore(library)
    np.testing.assert_allclose(score_of.of(queries), expected)
    own = score_of.of(library)
    assert np.sqrt(np.mean(own**2)) == pytest.approx(1, abs=0.1)
    # What little was heard of a song is taken off the square, and nothing gets below zero.
    taken = score_of.of(queries, np.full(8, 0.1))
    np.testing.assert_allclose(taken, np.sqrt(np.maximum(np.square(expected) - 0.1, 0)))
    assert (score_of.of(queries, 1e9) == 0).all()


def test_the_outlier_score_knows_which_directions_are_usual() -> None:
    rng = np.random.default_rng(0)
    library = rng.normal(size=(400, 2)) * [10, 0.1]
    along, across = OutlierScore(library).of(np.array([[8.0, 0], [0, 8.0]]))
    assert across > 3 * along
