"""Search and the plain vote, against the plain formula and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier

from earmark.errors import LibraryEmpty
from earmark.features import Comparison
from earmark.features.gaussian import pack
from earmark.neighbors import (
    METRICS,
    BruteForce,
    MajorityVoter,
    Parameters,
    count_artists,
    find_copies,
    group_tracks,
    leave_group_out,
    one_hot,
)
from earmark.neighbors.divergence import symmetrized_kl
from earmark.neighbors.vote import vote


def gaussians(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, 13, 30)) * np.linspace(1, 6, 13)[:, None]
    covariance = factor @ factor.transpose(0, 2, 1) / 29
    return pack(rng.normal(size=(n, 13)) * 10, covariance)


def index_of(metric: str, tracks: np.ndarray) -> BruteForce:
    return BruteForce(METRICS[metric].fit(tracks), tracks)


def test_divergence_is_the_plain_formula() -> None:
    tracks, queries = gaussians(40), gaussians(15, seed=1)
    expected = [[symmetrized_kl(a, b) for b in tracks] for a in queries]
    got = index_of("gaussian-kl", tracks).distances(queries)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_divergence_is_symmetric_and_zero_for_itself() -> None:
    tracks = gaussians(30)
    distances = index_of("gaussian-kl", tracks).distances(tracks)
    np.testing.assert_allclose(distances, distances.T, rtol=1e-9)
    np.testing.assert_array_equal(np.diag(distances), 0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_divergence_does_not_change_under_an_affine_map(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = gaussians(2, seed)
    matrix = rng.normal(size=(13, 13)) + 3 * scale * np.eye(13)
    shift = rng.normal(size=13)

    def mapped(vector: np.ndarray) -> np.ndarray:
        from earmark.features.gaussian import unpack

        mean, covariance = unpack(vector)
        return pack(matrix @ mean + shift, matrix @ covariance @ matrix.T)

    assert symmetrized_kl(mapped(a), mapped(b)) == pytest.approx(symmetrized_kl(a, b), rel=1e-4)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_other_metrics_are_those_of_scikit_learn(metric: str) -> None:
    rng = np.random.default_rng(0)
    tracks, queries = rng.normal(size=(30, 7)) + 2, rng.normal(size=(9, 7))
    np.testing.assert_allclose(
        index_of(metric, tracks).distances(queries),
        pairwise_distances(queries, tracks, metric=metric),
        atol=1e-7,
    )


def test_the_plain_vote_is_that_of_scikit_learn_where_there_are_no_ties() -> None:
    rng = np.random.default_rng(3)
    tracks = rng.normal(size=(200, 3))
    labels = np.array(["a", "b"])[(tracks[:, 0] > 0).astype(int)]
    queries = rng.normal(size=(100, 3))
    peer = KNeighborsClassifier(n_neighbors=7).fit(tracks, labels)
    answers = MajorityVoter(
        tracks, *one_hot(list(labels)), Parameters(Comparison("euclidean"), 7)
    ).predict(queries)
    np.testing.assert_allclose(answers.probabilities, peer.predict_proba(queries))
    assert [answers.genre_names[w] for w in answers.winners] == list(peer.predict(queries))


def count(
    distances: np.ndarray, genres: list[list[int]], n_genres: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold the vote of neighbors of the given genres, each of one."""
    rows = np.arange(np.size(genres)).reshape(np.shape(genres))
    return vote(distances, np.eye(n_genres)[np.ravel(genres)], rows)


def test_a_tie_goes_to_the_smaller_total_distance() -> None:
    distances = np.array([[1.0, 2.0, 3.0, 3.5]])
    shares, winners = count(distances, [[0, 1, 1, 0]], 2)
    np.testing.assert_allclose(shares, [[0.5, 0.5]])
    assert winners[0] == 0
    assert count(distances, [[1, 0, 0, 1]], 2)[1][0] == 1
    assert count(np.array([[1.0, 2.0, 2.5, 3.6]]), [[0, 1, 1, 0]], 2)[1][0] == 1


def test_an_infinitely_far_track_has_no_vote() -> None:
    shares, winners = count(np.array([[1.0, np.inf, np.inf]]), [[2, 0, 0]], 3)
    np.testing.assert_array_equal(shares, [[0, 0, 1]])
    assert winners[0] == 2


def test_excluded_tracks_do_not_vote() -> None:
    tracks = np.arange(6.0)[:, None]
    voter = MajorityVoter(tracks, *one_hot(list("aaabbb")), Parameters(Comparison("euclidean"), 2))
    _, indices = voter.kneighbors(tracks[:1], 2, exclude=[np.array([0, 1])])
    np.testing.assert_array_equal(indices, [[2, 3]])
    with pytest.raises(LibraryEmpty, match="other artists"):
        voter.predict(tracks[:1], exclude=[np.arange(6)])


def test_a_library_smaller_than_k_still_answers() -> None:
    answers = MajorityVoter(
        np.eye(2), *one_hot(["a", "b"]), Parameters(Comparison("cosine"), 8)
    ).predict(np.eye(2)[:1])
    assert answers.neighbors.shape == (1, 2)
    assert answers.genre_names[answers.winners[0]] == "a"
    with pytest.raises(LibraryEmpty):
        MajorityVoter(np.empty((0, 2)), *one_hot([]), Parameters(Comparison("cosine")))


def test_no_queries_no_answers() -> None:
    answers = MajorityVoter(
        np.eye(2), *one_hot(["a", "b"]), Parameters(Comparison("cosine"), 8)
    ).predict(np.empty((0, 2)))
    assert answers.winners.shape == (0,)


def test_groups_are_joined_by_artist_and_copies() -> None:
    artists = ["Nina", None, "nina ", "Bob", None, "BOB  ", "", "Ella"]
    groups = group_tracks(artists, [(1, 2), (4, 6)])
    assert list(groups) == [0, 0, 0, 1, 2, 1, 2, 3]


def test_a_track_of_several_artists_belongs_to_each_of_them() -> None:
    artists = ["Nina", "Bob", "Ella; nina", "Ella", None, "Max;; Bob ", "Nina & Bob"]
    assert list(group_tracks(artists)) == [0, 1, 0, 0, 2, 1, 3]
    assert count_artists(artists) == 5


def test_copies_are_found_and_others_are_not() -> None:
    tracks = gaussians(20)
    tracks[17] = tracks[3]
    found = find_copies(tracks, "gaussian-kl", np.arange(20))
    assert [(copy.first, copy.second, copy.how) for copy in found] == [(3, 17, "exact")]
    assert find_copies(tracks[:0], "gaussian-kl", np.arange(0)) == []


def test_no_track_of_a_group_votes_for_another() -> None:
    rng = np.random.default_rng(5)
    tracks = rng.normal(size=(40, 4))
    groups = rng.integers(0, 12, size=40)
    genres = [f"g{i % 3}" for i in range(40)]
    answers = leave_group_out(
        tracks,
        *one_hot(genres),
        groups,
        comparison=Comparison("euclidean"),
        n_neighbors=5,
        majority=True,
    )
    assert not np.any(groups[answers.neighbors] == groups[:, None])
    for track in range(40):
        others = np.flatnonzero(groups != groups[track])
        voter = MajorityVoter(
            tracks[others],
            *one_hot([genres[i] for i in others]),
            Parameters(Comparison("euclidean"), 5),
        )
        alone = voter.predict(tracks[track : track + 1])
        assert alone.genre_names[alone.winners[0]] == answers.genre_names[answers.winners[track]]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_cosine_does_not_change_with_the_length_of_a_vector(kind: type[np.floating]) -> None:
    rng = np.random.default_rng(0)
    tracks = rng.normal(size=(20, 7)).astype(kind)
    expected = index_of("cosine", tracks).distances(tracks)
    limits = np.finfo(kind)
    for scale in (limits.max / 8, limits.tiny, np.sqrt(limits.tiny), np.sqrt(limits.max)):
        scaled = (tracks * kind(scale)).astype(kind)
        found = index_of("cosine", scaled).distances(tracks)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    zeros = index_of("cosine", np.zeros((1, 7), dtype=kind))
    assert np.array_equal(zeros.distances(tracks), np.ones((20, 1)))
