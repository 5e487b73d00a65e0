"""Several genres a track and styles of genres: which are listed, and from which vote on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.features import Comparison
from earmark.neighbors import (
    LabelSets,
    Parameters,
    fit,
    leave_group_out,
    list_genres,
    make_voter,
    one_hot,
    taxonomy,
)

COSINE = Comparison("cosine")
STYLES = {"Rock---Punk": "Rock", "Rock---Surf": "Rock"}
NAMES = ("Pop", "Rock---Punk", "Rock---Surf")


def test_names_tell_styles_and_what_is_stated_counts_more() -> None:
    found = taxonomy(["A---B---C", "bebop", "---x", "y---"], {"bebop": "jazz", "A---B": "Z"})
    assert found == {"A---B---C": "A---B", "A---B": "Z", "bebop": "jazz", "y---": "y"}


def test_what_contradicts_itself_ends() -> None:
    assert taxonomy(["A---B"], {"A": "A---B"}) == {"A---B": "A"}


def test_the_first_genre_of_a_track_votes_for_the_one_at_the_top() -> None:
    labels = np.array([[1, 0, 0], [0, 0.75, 0.25], [0.4, 0, 0.6], [0, 0, 0]])
    sets = LabelSets.of(labels, NAMES, STYLES)
    assert sets.first_names == ("Pop", "Rock")
    assert sets.labels.tolist() == [[1, 0], [0, 1], [0, 1], [0, 0]]
    assert sets.members[2:].tolist() == [[True, True, False, True], [False] * 4]


def test_a_style_votes_among_the_tracks_of_its_genre() -> None:
    sets = LabelSets.of(np.eye(3), NAMES, STYLES)
    own = sets.own_votes(np.array([[2.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), np.array([[0, 1, 2]] * 2))
    assert sets.names == ("Pop", "Rock", "Rock---Punk", "Rock---Surf")
    assert own.tolist() == [[0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]]


def test_a_style_is_listed_below_a_listed_genre_only() -> None:
    sets = LabelSets.of(np.eye(3), NAMES, STYLES)
    own = np.array([[0.9, 0.1, 1.0, 0.0], [0.3, 0.7, 1.0, 0.0]])
    listed = sets.listed(own, np.array([0, 1]), np.array([0.2, 0.5, 0.5, 0.5]))
    assert listed.tolist() == [[True, False, False, False], [True, True, True, False]]
    assert sets.ordered(listed[1], own[1], 1) == ("Rock", "Rock---Punk", "Pop")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=30)
)
def test_no_threshold_makes_fewer_mistakes(answers: list[tuple[int, bool, bool]]) -> None:
    sets = LabelSets.of(np.eye(2), ("Pop", "Rock"), {})
    votes = np.array([vote / 5 for vote, _, _ in answers])
    truth = np.array([has for _, has, _ in answers])
    won = np.array([wins for _, _, wins in answers])
    own = np.stack([votes, votes], axis=1)
    thresholds = sets.fit(own, np.where(won, 0, 1), np.stack([truth, truth], axis=1))

    def mistakes(threshold: float) -> int:
        # One more song counts that has every vote and not the genre.
        lists = np.append(votes[~won], 1.0) >= threshold
        return int((lists != np.append(truth[~won], False)).sum())

    tried = [level / 5 for level in range(1, 6)]
    assert mistakes(thresholds[0]) == min(map(mistakes, [*tried, np.inf]))
    assert thresholds[0] > 0


def test_a_single_track_proves_nothing() -> None:
    sets = LabelSets.of(np.eye(2), ("Pop", "Rock"), {})
    own = np.array([[0.6, 0.4], [0.6, 0.5]])
    once = sets.fit(own[:1], np.array([0]), np.array([[True, True]]))
    twice = sets.fit(own, np.array([0, 0]), np.array([[True, True]] * 2))
    assert once.tolist() == [np.inf, np.inf]
    assert twice.tolist() == [np.inf, 0.2]


def corners(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors around three corners [90, 3], and the groups that they are of [90]."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(np.eye(3), 30, axis=0) + 0.05 * rng.standard_normal((90, 3))
    return vectors, np.arange(90) // 2


@pytest.mark.slow
def test_every_genre_of_a_song_is_found_and_no_other() -> None:
    """The tracks of each corner have their own genres: Rock and a style, Pop and Soul, Folk."""
    vectors, groups = corners()
    names = ("Folk", "Pop", "Rock---Punk", "Soul")
    labels = np.repeat([[0, 0, 1, 0], [0, 0.6, 0, 0.4], [1, 0, 0, 0]], 30, axis=0)
    parents = taxonomy(names, {})
    sets = LabelSets.of(labels, names, parents)
    top, top_names = sets.labels, sets.first_names
    parameters = fit(vectors, top, groups, comparison=COSINE, label_sets=sets)
    assert [name for name, _ in parameters.thresholds] == list(sets.names)
    assert Parameters.from_bytes(parameters.to_bytes(), COSINE) == parameters
    answers = make_voter(vectors, top, top_names, parameters).predict(np.eye(3))
    listed, own, winners = list_genres(answers, sets, parameters)
    told = [
        sets.ordered(row, votes, int(winner))
        for row, votes, winner in zip(listed, own, winners, strict=True)
    ]
    assert told == [("Rock", "Rock---Punk"), ("Pop", "Soul"), ("Folk",)]
    honest = leave_group_out(
        vectors, top, top_names, groups, comparison=COSINE, label_sets=sets
    ).listed
    assert honest is not None
    assert (honest == sets.members).all()


def test_where_nothing_is_told_apart_no_further_genre_is_listed() -> None:
    """Which of the tracks have the second genre has nothing to do with how they sound."""
    vectors, groups = corners()
    labels = np.repeat([[0, 1.0], [0, 1], [0, 1]], 30, axis=0)
    labels[::5] = [0.4, 0.6]
    sets = LabelSets.of(labels, ("Live", "Rock"), {})
    parameters = fit(vectors, sets.labels, groups, comparison=COSINE, label_sets=sets)
    assert dict(parameters.thresholds)["Live"] > 0.5


def test_one_genre_a_track_leaves_the_parameters_as_they_were() -> None:
    vectors, groups = corners()
    labels, _ = one_hot(["a"] * 30 + ["b"] * 30 + ["c"] * 30)
    parameters = fit(vectors, labels, groups, comparison=COSINE)
    assert parameters.thresholds == ()
    assert set(json.loads(parameters.to_bytes())) == {"k", "calibration"}


def test_the_classic_vote_lists_what_half_of_the_neighbors_have() -> None:
    vectors, groups = corners()
    labels = np.repeat([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0, 1]], 30, axis=0)
    names = ("Pop", "Soul", "Surf")
    sets = LabelSets.of(labels, names, {})
    top = sets.labels
    parameters = fit(vectors, top, groups, comparison=COSINE, majority=True, label_sets=sets)
    answers = make_voter(vectors, top, sets.first_names, parameters).predict(np.eye(3))
    listed, _, _ = list_genres(answers, sets, parameters)
    assert listed.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


@pytest.mark.parametrize("kept", [b'{"a": 0}', b'{"a": "x"}', b"[1]", b'{"a": NaN}'])
def test_thresholds_that_are_none_are_refused(kept: bytes) -> None:
    from earmark.errors import LibraryDamaged

    blob = b'{"k": 8, "calibration": null, "thresholds": ' + kept + b"}"
    with pytest.raises(LibraryDamaged):
        Parameters.from_bytes(blob, COSINE)
