"""Every track among all others is what the search that looks at every pair finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from earmark.features.gaussian import pack
from earmark.neighbors import METRICS, AllPairs, BruteForce, all_pairs, find_copies


def made(metric: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return tracks of which some are equal, and some lie in a heap."""
    if metric == "gaussian-kl":
        factor = rng.normal(size=(n, 13, 30)) * np.linspace(1, 6, 13)[:, None]
        vectors = pack(rng.normal(size=(n, 13)) * 10, factor @ factor.transpose(0, 2, 1) / 29)
    else:
        vectors = rng.normal(size=(n, 6)).astype(np.float32)
        vectors[: n // 4] = 1 + vectors[: n // 4] / 100
    vectors[n // 2 : n // 2 + n // 8] = vectors[: n // 8]
    return vectors


def beside(
    metric: str, vectors: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, k: int
) -> None:
    """Compare each question with its answer by looking at every pair."""
    n = len(vectors)
    similarity = METRICS[metric].fit(vectors)
    everyone = AllPairs(similarity, vectors, labels, weights)
    for label in (None, *np.unique(labels).tolist()):
        own = np.arange(n) if label is None else np.flatnonzero(labels == label)
        place = np.full(n, -1)
        place[own] = np.arange(len(own))
        index = BruteForce(similarity, vectors[own], None if weights is None else weights[own])
        itself = [one[one >= 0] for one in place[:, None]]
        expected, rows = index.search(vectors, k, itself)
        distances, found = everyone.search(k, label=label)
        width = expected.shape[1]
        # A few queries are inverted one by one, which differs in the last digits.
        assert_allclose(distances[:, :width], expected, rtol=1e-9, atol=1e-12)
        assert np.isinf(distances[:, width:]).all()
        there = np.isfinite(expected)
        assert_array_equal(found[:, :width][there], own[rows][there])
        some = np.arange(0, n, 3)
        of_some, found_of_some = everyone.search(k, label=label, rows=some)
        assert_array_equal(of_some, distances[some])
        assert_array_equal(found_of_some, found[some])
        if label is not None:
            assert (everyone.least_of(label) <= expected[:, 0] * (1 + 1e-9)).all()


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["cosine", "euclidean"]),
    st.integers(2, 150),
    st.integers(1, 4),
    st.sampled_from([(1, 7), (3, 20), (8, 64), (128, 1_024)]),
    st.booleans(),
    st.integers(0, 1_000),
)
def test_it_finds_what_looking_at_every_pair_finds(
    metric: str, n: int, n_labels: int, sizes: tuple[int, int], weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_labels, n) * 2
    weights = rng.uniform(0.5, 2, n) if weighted else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_pairs, "TRACKS_A_BLOCK", sizes[0])
        patch.setattr(all_pairs, "TRACKS_A_TILE", sizes[1])
        beside(metric, made(metric, n, rng), labels, weights, 4)


@pytest.mark.parametrize("weighted", [False, True])
def test_so_it_does_for_gaussians(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    monkeypatch.setattr(all_pairs, "TRACKS_A_BLOCK", 5)
    monkeypatch.setattr(all_pairs, "TRACKS_A_TILE", 40)
    weights = rng.uniform(0.5, 2, 90) if weighted else None
    beside("gaussian-kl", made("gaussian-kl", 90, rng), rng.integers(0, 2, 90), weights, 5)


def test_what_single_precision_cannot_hold_is_found_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(all_pairs, "TRACKS_A_BLOCK", 4)
    rng = np.random.default_rng(2)
    vectors = made("gaussian-kl", 60, rng)
    # Nearly without spread, so that the inverse is beyond single precision.
    vectors[7, 13:] *= 1e-30
    vectors[8] = 0.0
    vectors[8, 13:] = vectors[9, 13:]
    beside("gaussian-kl", vectors, rng.integers(0, 2, 60), None, 3)
    zeros = rng.normal(size=(60, 5))
    zeros[[3, 11, 30]] = 0.0
    beside("cosine", zeros, rng.integers(0, 2, 60), None, 3)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "gaussian-kl"])
def test_copies_are_those_that_are_found_without_comparing_all(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_pairs, "TRACKS_A_BLOCK", 5)
    rng = np.random.default_rng(4)
    vectors = made(metric, 80, rng)
    vectors[60:66] = vectors[20:26]
    vectors[60:66, 0] *= 1.001 if metric == "euclidean" else 1.1
    contents = np.arange(80)
    contents[3] = 40
    for some in (vectors, vectors[:2], vectors[[0, 0]]):
        n = len(some)
        everyone = AllPairs(METRICS[metric].fit(some), some, np.arange(n) % 3)
        found = find_copies(some, metric, contents[:n], everyone)
        expected = find_copies(some, metric, contents[:n])
        assert [(c.first, c.second, c.how) for c in found] == [
            (c.first, c.second, c.how) for c in expected
        ]
        assert_allclose([c.distance for c in found], [c.distance for c in expected], rtol=1e-9)
    assert {copy.how for copy in find_copies(vectors, metric, contents)} >= {"exact", "likely"}


def test_half_of_the_products_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "TRACKS_A_TILE", 50)
    monkeypatch.setattr(all_pairs, "TRACKS_A_BLOCK", 10)
    counted: list[int] = []
    bounds = all_pairs.lower_bounds

    def count(prepared: np.ndarray, keys: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        counted.append(len(prepared) * keys.shape[1])
        return bounds(prepared, keys, out)

    monkeypatch.setattr(all_pairs, "lower_bounds", count)
    vectors = np.random.default_rng(3).normal(size=(1_000, 8))
    everyone = AllPairs(METRICS["cosine"].fit(vectors), vectors, np.zeros(1_000, dtype=np.intp))
    assert everyone.least.shape == (100, 1_000)
    assert sum(counted) == 1_000 * (1_000 + 50) // 2
    everyone.search(5)
    assert sum(counted) < 0.62 * 1_000**2
