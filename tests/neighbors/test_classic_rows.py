"""Search and vote on the rows of a public my.dat, against the plain loop over all pairs."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from earmark.features import Comparison
from earmark.features.gaussian import pack, unpack
from earmark.neighbors import METRICS, BruteForce, MajorityVoter, Parameters, one_hot
from earmark.neighbors.divergence import invert_all, symmetrized_kl

K = 8
UPPER = np.triu_indices(13)


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The means [1000, 13], covariances [1000, 13, 13] and labels [1000]."""
    with (shared_data / "mydat" / "gtzan1000.dat").open("rb") as file:
        read = [pickle.load(file) for _ in range(1000)]
    means, covariances, labels = (np.array(part) for part in zip(*read, strict=True))
    return means, covariances, labels


@pytest.fixture(scope="module")
def plain_distances(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The distances [1000, 1000] by the formula in double precision, row by row."""
    means, covariances, _ = rows
    inverses = np.linalg.inv(covariances)
    distances = []
    for mean, covariance, inverse in zip(means, covariances, inverses, strict=True):
        step = mean - means
        distances.append(
            np.einsum("ij,nji->n", inverse, covariances)
            + np.einsum("nij,ji->n", inverses, covariance)
            + np.einsum("ni,nij,nj->n", step, inverse + inverses, step)
            - 26
        )
    return np.array(distances)


def index_of(metric: str, tracks: np.ndarray) -> BruteForce:
    return BruteForce(METRICS[metric].fit(tracks), tracks)


def plain_vote(distances: np.ndarray, labels: np.ndarray) -> int:
    """The most frequent label of the nearest; of equally frequent ones the nearer in total."""
    chosen = np.argsort(distances, kind="stable")[:K]
    counts = Counter(labels[chosen].tolist())
    totals = {label: distances[chosen[labels[chosen] == label]].sum() for label in counts}
    return min(counts, key=lambda label: (-counts[label], totals[label]))


@pytest.mark.slow
def test_the_nearest_of_every_row_are_those_of_the_plain_formula(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], plain_distances: np.ndarray
) -> None:
    means, covariances, labels = rows
    vectors = pack(means, covariances)
    genres = one_hot([f"{label:02}" for label in labels])
    voter = MajorityVoter(vectors, *genres, Parameters(Comparison("gaussian-kl"), K))
    distances, neighbors = voter.kneighbors(vectors, K)
    expected = np.argsort(plain_distances, axis=1, kind="stable")[:, :K]
    for row in range(len(vectors)):
        if set(neighbors[row]) != set(expected[row]):
            # Exact copies are equally far; any of them may be the last to get in.
            far = plain_distances[row, list(set(neighbors[row]) ^ set(expected[row]))]
            assert np.ptp(far) < 1e-9, row
    exact = np.take_along_axis(plain_distances, neighbors, axis=1)
    np.testing.assert_allclose(distances, exact, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("others_only", [False, True])
def test_the_predictions_of_all_rows_are_those_of_the_plain_loop(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], plain_distances: np.ndarray, others_only: bool
) -> None:
    means, covariances, labels = rows
    vectors = pack(means, covariances)
    genres = one_hot([f"{label:02}" for label in labels])
    voter = MajorityVoter(vectors, *genres, Parameters(Comparison("gaussian-kl"), K))
    exclude = [np.array([row]) for row in range(1000)] if others_only else None
    answers = voter.predict(vectors, exclude=exclude)
    distances = plain_distances.copy()
    if others_only:
        np.fill_diagonal(distances, np.inf)
    expected = [plain_vote(row, labels) for row in distances]
    assert [int(answers.genre_names[winner]) for winner in answers.winners] == expected


def test_one_query_is_answered_like_many(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    means, covariances, _ = rows
    vectors = pack(means, covariances)
    index = index_of("gaussian-kl", vectors)
    distances, neighbors = index.search(vectors, K)
    for row in range(0, 1000, 97):
        alone, found = index.search(vectors[row : row + 1], K)
        np.testing.assert_array_equal(found[0], neighbors[row])
        np.testing.assert_allclose(alone[0], distances[row], rtol=1e-9)


def covariances_of(n: int, seed: int, spread: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, 13, 40)) * np.exp(spread * rng.normal(size=(n, 13, 1)))
    mixing = rng.normal(size=(13, 13))
    return mixing @ factor @ factor.transpose(0, 2, 1) @ mixing.T / 40


@pytest.mark.parametrize("n", [0, 1, 31, 32, 200])
def test_few_and_many_matrices_are_inverted_alike(n: int) -> None:
    covariances = covariances_of(n, seed=n, spread=1.0)
    inverses = invert_all(np.ascontiguousarray(covariances[:, UPPER[0], UPPER[1]].T))
    assert inverses.shape == (13, 13, n)
    for number, covariance in enumerate(covariances):
        product = inverses[:, :, number] @ covariance
        np.testing.assert_allclose(product, np.eye(13), atol=1e-6)


def test_a_nearly_singular_matrix_among_many_gives_numbers() -> None:
    covariances = covariances_of(40, seed=1)
    covariances[3] = np.outer(np.arange(1.0, 14), np.arange(1.0, 14))
    inverses = invert_all(np.ascontiguousarray(covariances[:, UPPER[0], UPPER[1]].T))
    assert np.isfinite(inverses).all()


@pytest.mark.slow
def test_more_tracks_and_queries_than_fit_in_a_block() -> None:
    rng = np.random.default_rng(0)
    vectors = pack(rng.normal(size=(1100, 13)), covariances_of(1100, 0, spread=0.3))
    distances = index_of("gaussian-kl", vectors).distances(vectors)
    assert distances.shape == (1100, 1100)
    for i, j in rng.integers(0, 1100, size=(40, 2)):
        exact = symmetrized_kl(vectors[i], vectors[j])
        assert distances[i, j] == pytest.approx(exact, rel=1e-9)
    assert unpack(vectors)[1].shape == (1100, 13, 13)
