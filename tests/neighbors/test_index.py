"""The index: exact whatever single precision and a processor's kernels do, and changed in place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features.gaussian import pack
from earmark.neighbors import METRICS, BruteForce, brute_force
from earmark.neighbors.divergence import symmetrized_kl
from earmark.neighbors.local_scaling import LocalScaling

NAMES = ["gaussian-kl", "cosine", "euclidean"]


def draw(name: str, n: int, rng: np.random.Generator, dimension: int = 6) -> np.ndarray:
    """Draw vectors of a kind that a similarity compares."""
    if name != "gaussian-kl":
        return rng.normal(size=(n, dimension)).astype(np.float32)
    frames = rng.normal(size=(n, 13, 40)) * np.exp(0.5 * rng.normal(size=(n, 13, 1)))
    covariances = frames @ frames.transpose(0, 2, 1) / 39
    return pack(rng.normal(size=(n, 13)), covariances).astype(np.float32)


def plain_distances(name: str, queries: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """Return the distances [q, n] by the plain formulas, in double precision."""
    queries, tracks = queries.astype(np.float64), tracks.astype(np.float64)
    if name == "gaussian-kl":
        return np.array([[symmetrized_kl(a, b) for b in tracks] for a in queries])
    if name == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        tracks /= np.linalg.norm(tracks, axis=1, keepdims=True)
        return 1 - queries @ tracks.T
    return np.linalg.norm(queries[:, None] - tracks, axis=2)


def index_of(name: str, tracks: np.ndarray) -> BruteForce:
    return BruteForce(METRICS[name].fit(tracks), tracks)


@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_are_those_of_a_sort(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So many blocks that what is best so far is merged again and again.
    monkeypatch.setattr(brute_force, "TRACKS_A_BLOCK", 7)
    monkeypatch.setattr(brute_force, "QUERIES_A_BLOCK", 5)
    rng = np.random.default_rng(0)
    tracks, queries = draw(name, 90, rng), draw(name, 12, rng)
    expected = plain_distances(name, queries, tracks)
    for k in (1, 8, 89, 90, 200):
        distances, rows = index_of(name, tracks).search(queries, k)
        order = np.argsort(expected, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(rows, order)
        np.testing.assert_allclose(
            distances, np.take_along_axis(expected, order, axis=1), rtol=1e-7, atol=1e-9
        )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 300),
    st.integers(1, 50),
    st.integers(0, 10_000),
    st.sampled_from(["different", "ties", "copies", "all equal"]),
)
def test_equally_near_tracks_stand_in_the_order_of_their_rows(
    k: int, n_tracks: int, block: int, seed: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    tracks = rng.normal(size=(n_tracks, 3))
    if kind == "ties":
        tracks = np.round(tracks)
    elif kind == "copies":
        tracks = tracks[rng.integers(0, max(1, n_tracks // 5), n_tracks)]
    elif kind == "all equal":
        tracks[:] = 1
    queries = np.concatenate([tracks[:40], rng.normal(size=(3, 3))])
    exclude = [rng.integers(0, n_tracks, rng.integers(0, 4)) for _ in queries]
    sizes = [block] * (n_tracks // block) + ([n_tracks % block] if n_tracks % block else [])
    index = BruteForce(METRICS["euclidean"].fit(tracks), tracks, blocks=sizes)
    distances, rows = index.search(queries, k, exclude)
    expected = np.sqrt(np.square(queries[:, None] - tracks).sum(axis=2))
    for row, tracks_out in zip(expected, exclude, strict=True):
        row[tracks_out] = np.inf
    order = np.argsort(expected, axis=1, kind="stable")[:, :k]
    wanted = np.take_along_axis(expected, order, axis=1)
    np.testing.assert_allclose(distances, wanted, atol=1e-12)
    there = np.isfinite(wanted)
    np.testing.assert_array_equal(rows[there], order[there])


@pytest.mark.parametrize("name", NAMES)
def test_no_neighbor_is_lost_to_single_precision(name: str) -> None:
    # All tracks are nearer to each other than single precision can tell.
    rng = np.random.default_rng(1)
    one = draw(name, 1, rng, dimension=40).astype(np.float64)
    tracks = one * (1 + 1e-7 * rng.normal(size=(3_000, one.shape[1])))
    queries = tracks[:20]
    distances, rows = index_of(name, tracks).search(queries, 5)
    exact = index_of(name, tracks).distances(queries)
    order = np.argsort(exact, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(rows, order)
    np.testing.assert_array_equal(rows[:, 0], np.arange(20))
    np.testing.assert_array_equal(distances[:, 0], 0)


def test_nearly_singular_gaussians_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    frames = rng.normal(size=(200, 13, 40)) * np.geomspace(1, 3e-5, 13)[:, None]
    mixing = np.linalg.qr(rng.normal(size=(13, 13)))[0]
    covariances = mixing @ frames @ frames.transpose(0, 2, 1) @ mixing.T / 39
    vectors = pack(rng.normal(size=(200, 13)), covariances)
    tracks = np.concatenate([vectors, draw("gaussian-kl", 300, rng)])
    index = index_of("gaussian-kl", tracks)
    distances, rows = index.search(tracks, 4)
    exact = index.distances(tracks)
    np.testing.assert_array_equal(rows, np.argsort(exact, axis=1, kind="stable")[:, :4])
    np.testing.assert_array_equal(distances[:, 0], 0)


@pytest.mark.parametrize("name", NAMES)
def test_all_within_a_radius_are_found(name: str) -> None:
    rng = np.random.default_rng(3)
    tracks, queries = draw(name, 70, rng), draw(name, 9, rng)
    expected = plain_distances(name, queries, tracks)
    radii = np.quantile(expected, 0.3, axis=1)
    numbers, rows, distances = index_of(name, tracks).within(queries, radii)
    np.testing.assert_array_equal(np.stack([numbers, rows]), np.nonzero(expected < radii[:, None]))
    np.testing.assert_allclose(distances, expected[numbers, rows], rtol=1e-7, atol=1e-9)
    assert len(index_of(name, tracks).within(queries, 0.0)[0]) == 0


def test_within_a_locally_scaled_radius() -> None:
    rng = np.random.default_rng(4)
    tracks, queries = rng.normal(size=(80, 5)), rng.normal(size=(6, 5))
    index = LocalScaling(tracks, 5)
    exact = index.distances(queries)
    for radius in (0.2, 0.9):
        numbers, rows, distances = index.within(queries, radius)
        np.testing.assert_array_equal(np.stack([numbers, rows]), np.nonzero(exact < radius))
        np.testing.assert_allclose(distances, exact[numbers, rows])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("key_bytes", "exact"), [(0, 0), (15_000, 20), (10**9, 20)])
def test_what_is_not_kept_is_computed_anew(
    name: str, key_bytes: int, exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    monkeypatch.setattr(brute_force, "TRACKS_A_BLOCK", 16)
    tracks, queries = draw(name, 90, rng, dimension=80), draw(name, 9, rng, dimension=80)
    exclude = [np.array([3, 50])] * len(queries)
    whole = index_of(name, tracks)
    monkeypatch.setattr(brute_force, "MOST_KEY_BYTES", key_bytes)
    monkeypatch.setattr(brute_force, "MOST_EXACT", exact)
    lean = index_of(name, tracks)
    assert [block.keys is None for block in whole.blocks] == [False] * len(whole.blocks)
    assert (lean.blocks[-1].keys is None) == (key_bytes < 10**9)
    assert lean.blocks[-1].exact is None
    for index in (whole, lean):
        index.remove(np.array([7, 89]))
        index.add(queries[:2], rows=np.array([5, 80]))
    for asked in (whole.search(queries, 9, exclude), whole.within(queries, 1.0)):
        again = lean.search(queries, 9, exclude) if len(asked) == 2 else lean.within(queries, 1.0)
        for found, expected in zip(again, asked, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 8, 100]))
def test_tracks_are_added_and_removed_without_building_anew(seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = rng.normal(size=(40, 3))
    similarity = METRICS["cosine"].fit(tracks)
    sizes = [block] * (40 // block) + ([40 % block] if 40 % block else [])
    index = BruteForce(similarity, tracks, blocks=sizes)
    queries = rng.normal(size=(5, 3))
    before = index.search(queries, 9)
    changed, kept = index.copy(), tracks
    for _ in range(6):
        gone = rng.choice(len(kept), rng.integers(0, 4), replace=False)
        changed.remove(gone)
        kept = np.delete(kept, gone, axis=0)
        fresh = rng.normal(size=(rng.integers(0, 4), 3))
        rows = np.sort(rng.choice(len(kept) + len(fresh), len(fresh), replace=False))
        together = np.empty((len(kept) + len(fresh), 3))
        together[rows] = fresh
        together[np.setdiff1d(np.arange(len(together)), rows)] = kept
        changed.add(fresh, rows=rows)
        kept = together
        assert len(changed) == len(kept)
    for found, expected in zip(
        changed.search(queries, 9), BruteForce(similarity, kept).search(queries, 9), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    for now, then in zip(index.search(queries, 9), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_an_emptied_index_takes_tracks_in() -> None:
    tracks = np.eye(3)
    index = index_of("euclidean", tracks)
    index.remove(np.arange(3))
    assert len(index) == 0
    assert index.search(tracks, 2)[0].shape == (3, 0)
    index.add(tracks[:2], rows=np.array([0, 1]))
    np.testing.assert_array_equal(index.search(tracks[1:2], 1)[1], [[1]])


def test_what_is_beyond_single_precision_is_compared_all_the_same() -> None:
    rng = np.random.default_rng(5)
    tracks = draw("gaussian-kl", 60, rng).astype(np.float64)
    tracks[7, 13:] *= 1e-42
    index = index_of("gaussian-kl", tracks)
    distances, rows = index.search(tracks, 3)
    np.testing.assert_array_equal(rows[:, 0], np.arange(60))
    np.testing.assert_array_equal(distances[:, 0], 0)
