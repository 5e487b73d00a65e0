"""The copies of a few tracks are those that the comparison of all with all finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from earmark.features import Comparison
from earmark.features.gaussian import pack
from earmark.neighbors import (
    Parameters,
    Recordings,
    Voter,
    copies_of_many,
    find_copies,
    fit,
    group_tracks,
    groups,
    make_voter,
    one_hot,
)
from earmark.neighbors.metrics import METRICS


def draw(similarity: str, n: int, rng: np.random.Generator) -> np.ndarray:
    if similarity != "gaussian-kl":
        return rng.normal(size=(n, 12)).astype(np.float32)
    frames = rng.normal(size=(n, 13, 60)) * np.exp(0.4 * rng.normal(size=(n, 13, 1)))
    return pack(3 * rng.normal(size=(n, 13)), frames @ frames.transpose(0, 2, 1) / 59)


def voter_of(similarity: str, vectors: np.ndarray) -> Voter:
    labels, names = one_hot([f"genre {i % 2}" for i in range(len(vectors))])
    comparison = Comparison(similarity)
    parameters = Parameters(comparison, 8)
    if similarity == "cosine":
        parameters = fit(vectors, labels, np.arange(len(vectors)), comparison=comparison)
    return make_voter(vectors, labels, names, parameters)


def copied(similarity: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return tracks with equal, nearly equal and not quite equal ones, and their contents."""
    rng = np.random.default_rng(seed)
    vectors = draw(similarity, n, rng)
    some = rng.choice(n, n // 3)
    noise = 10.0 ** rng.uniform(-7, -0.5, size=(len(some), 1))
    more = vectors[some] * (1 + noise * rng.normal(size=(len(some), vectors.shape[1])))
    if similarity == "gaussian-kl":
        # A covariance stays one where it is scaled as a whole.
        more = vectors[some] * (1 + noise)
    together = np.concatenate([vectors, vectors[some[:5]], more.astype(vectors.dtype)])
    contents = np.arange(len(together))
    contents[rng.choice(len(together), 6)] = 0
    return together, contents


@pytest.mark.slow
@pytest.mark.parametrize(
    ("similarity", "n"),
    [
        *itertools.product(["gaussian-kl", "euclidean"], [1, 2, 3, 5, 12, 150]),
        # Cosines are scaled by the space around, which two tracks do not have.
        *itertools.product(["cosine"], [3, 5, 12, 150]),
    ],
)
def test_one_by_one_as_all_at_once(similarity: str, n: int) -> None:
    vectors, contents = copied(similarity, max(n, 3), seed=n)
    vectors, contents = (vectors, contents) if n > 5 else (vectors[:n], contents[:n])
    _, first, place = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
    first_equal = first[place.ravel()]
    paired = np.eye(len(vectors), dtype=bool)
    for copy in find_copies(vectors, similarity, np.arange(len(vectors))):
        paired[copy.first, copy.second] = paired[copy.second, copy.first] = True
    paired = paired[first_equal][:, first_equal]
    same_contents = contents[:, None] == contents
    expected = same_contents @ paired @ same_contents
    recordings = Recordings(voter_of(similarity, vectors), vectors, similarity, contents)
    for row in range(len(vectors)):
        found = recordings.copies(np.array([row]))
        np.testing.assert_array_equal(found, np.flatnonzero(expected[row]))
    if n > 5:
        assert expected.sum() > same_contents.sum()


@pytest.mark.parametrize(("share", "same"), [(0.95, [0, 1]), (1.05, [0])])
def test_what_is_around_a_track_is_measured_without_its_copy(share: float, same: list[int]) -> None:
    # All else is as far from both, at 1 to 10, so 5.5 is the median; with the copy it would be 5.
    distance = share * METRICS["euclidean"].likely_share * 5.5
    vectors = np.zeros((12, 11))
    vectors[:2, 0] = [-distance / 2, distance / 2]
    vectors[2:, 1:] = np.diag(np.sqrt(np.arange(1, 11) ** 2 - distance**2 / 4))
    recordings = Recordings(voter_of("euclidean", vectors), vectors, "euclidean", np.arange(12))
    np.testing.assert_array_equal(recordings.copies(np.array([0])), same)
    pairs = [(0, 1)] if len(same) == 2 else []
    assert copies_of_many(np.array([0]), vectors, "euclidean") == pairs
    found = find_copies(vectors, "euclidean", np.arange(12))
    assert [(copy.first, copy.second) for copy in found] == pairs


def test_more_copies_than_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("all tracks were compared with each other")

    monkeypatch.setattr(groups, "find_copies", never)
    rng = np.random.default_rng(0)
    vectors = np.concatenate(
        [np.repeat(rng.normal(size=(1, 12)), 300, axis=0), draw("cosine", 50, rng)]
    )
    voter = voter_of("euclidean", vectors)
    recordings = Recordings(voter, vectors, "euclidean", np.arange(350))
    np.testing.assert_array_equal(recordings.copies(np.array([7])), np.arange(300))
    np.testing.assert_array_equal(recordings.copies(np.array([320])), [320])


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@pytest.mark.parametrize("n", [3, 12, 150])
def test_copies_of_many_are_those_of_all(similarity: str, n: int) -> None:
    vectors, _ = copied(similarity, n, seed=n)
    pairs = [(c.first, c.second) for c in find_copies(vectors, similarity, np.arange(len(vectors)))]
    together = group_tracks([None] * len(vectors), pairs)
    everyone = np.arange(len(vectors))
    of_all = copies_of_many(everyone, vectors, similarity)
    np.testing.assert_array_equal(group_tracks([None] * len(vectors), of_all), together)
    assert pairs
    # Of some it finds what it finds of these among all.
    some = everyone[::3]
    assert copies_of_many(some, vectors, similarity) == [p for p in of_all if p[0] in some]
