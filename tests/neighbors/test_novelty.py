"""A song that the library has no genre for is refused, and most of its own songs are answered."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from earmark.features import ExtractorSpec
from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.neighbors import fit, leave_group_out, make_voter, one_hot
from earmark.neighbors.novelty import (
    GENRE_WORDS,
    KEPT,
    NoveltyScale,
    WordScale,
    indecision,
    mean_distance,
)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_indecision_is_the_entropy(n_genres, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(n_genres), 5)
    expected = scipy.stats.entropy(probabilities, axis=1)
    np.testing.assert_allclose(indecision(probabilities), expected, atol=1e-12)
    assert indecision(np.eye(n_genres)).max() == 0


def test_neighbors_that_are_not_there_have_no_distance():
    distances = np.array([[1.0, 2.0, np.inf], [4.0, np.inf, np.inf]])
    assert mean_distance(distances).tolist() == [1.5, 4.0]


@given(st.integers(10, 400), st.integers(3, 4), st.integers(0, 1000))
def test_a_library_keeps_the_promised_share_of_its_own_tracks(n, parts, seed):
    evidence = np.random.default_rng(seed).gamma(2.0, size=(n, parts))
    scale = NoveltyScale.fit(evidence)
    kept = 1 - scale.refuses(scale.scores(evidence)).mean()
    assert kept + 1e-12 >= KEPT
    assert kept < KEPT + 1 / n + 1e-12


def test_units_do_not_matter():
    rng = np.random.default_rng(0)
    evidence = rng.gamma(2.0, size=(200, 4))
    factors = np.array([1e-3, 1.0, 1e3, 50.0])
    one, other = NoveltyScale.fit(evidence), NoveltyScale.fit(evidence * factors + 7)
    songs = rng.gamma(3.0, size=(100, 4))
    np.testing.assert_array_equal(
        one.refuses(one.scores(songs)), other.refuses(other.scores(songs * factors + 7))
    )


def test_words_are_as_far_as_those_of_the_nearest_genre():
    rng = np.random.default_rng(1)
    words, labels = rng.random((60, 5)), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 60)]
    songs = rng.random((20, 5))
    scale = WordScale(words, labels, ("a", "b", "c", "d", "e"))
    standard = (words - words.mean(axis=0)) / words.std(axis=0)
    asked = (songs - words.mean(axis=0)) / words.std(axis=0)
    centers = np.stack([standard[labels[:, g] > 0].mean(axis=0) for g in range(3)])
    expected = [min(np.sqrt(np.mean((song - center) ** 2)) for center in centers) for song in asked]
    np.testing.assert_allclose(scale.distances(songs), expected, rtol=1e-9)


def test_a_genre_word_that_no_genre_of_the_library_has_is_named():
    rng = np.random.default_rng(2)
    words = 0.1 * rng.random((100, 4))
    words[:50, 0] += 0.8  # the first genre is the one with guitars
    labels = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)
    scale = WordScale(words, labels, ("rock", "house", "happy", "electronic"))
    assert scale.unnamed(np.array([0.1, 0.9, 0.9, 0.5])) == ("house", "electronic")
    assert scale.unnamed(np.array([0.85, 0.05, 0.9, 0.05])) == ()


def test_genre_words_are_in_lower_case():
    assert {word.casefold() for word in GENRE_WORDS} == GENRE_WORDS


@pytest.fixture(scope="module")
def reference():
    with open_library("reference", read_only=True) as library:
        snapshot = library.snapshot()
        labels, names = one_hot(snapshot.genres)
        groups = tracks_together(snapshot, library.spec.similarity)
        return np.asarray(snapshot.vectors), labels, names, groups, snapshot.seconds, library.spec


@pytest.mark.slow
def test_an_unknown_genre_is_refused_and_own_songs_are_kept(reference):
    vectors, labels, all_names, groups, all_seconds, spec = reference
    refused, kept = [], []
    for genre in range(labels.shape[1]):
        unknown = np.flatnonzero(labels[:, genre])
        own = np.flatnonzero(labels[:, genre] == 0)
        # Artists of the unknown genre who also have tracks of others are known.
        unknown = unknown[~np.isin(groups[unknown], groups[own])]
        rest = np.delete(labels[own], genre, axis=1)
        names = np.delete(np.array(all_names), genre)
        seconds = all_seconds[own]
        parameters = fit(
            vectors[own], rest, groups[own], comparison=spec.comparison, seconds=seconds
        )
        voter = make_voter(vectors[own], rest, names.tolist(), parameters)
        answers = voter.predict(vectors[unknown], seconds=all_seconds[unknown])
        refused.append(answers.abstained.mean())
        if genre % 5 == 0:
            honest = leave_group_out(
                vectors[own],
                rest,
                names.tolist(),
                groups[own],
                comparison=spec.comparison,
                seconds=seconds,
            )
            kept.append(1 - honest.abstained.mean())
    assert np.mean(refused) >= 0.65
    assert np.mean(kept) >= 0.86
    assert min(refused) > 0.2


@pytest.mark.slow
def test_all_own_songs_of_the_reference_library(reference):
    vectors, labels, names, groups, seconds, spec = reference
    honest = leave_group_out(
        vectors, labels, names, groups, comparison=spec.comparison, seconds=seconds
    )
    assert 1 - honest.abstained.mean() >= 0.87


def test_without_words_three_kinds_of_evidence_are_enough():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(80, 6)).astype(np.float32)
    vectors[40:] += 4
    labels = np.repeat(np.eye(2, dtype=np.float32), 40, axis=0)
    spec = ExtractorSpec("made", "1", 6, "cosine", "float32")
    parameters = fit(vectors, labels, np.arange(80), comparison=spec.comparison)
    assert parameters.calibration is not None
    assert parameters.calibration.novelty is not None
    assert len(parameters.calibration.novelty.means) == 3
    voter = make_voter(vectors, labels, ["a", "b"], parameters)
    answers = voter.predict(np.full((1, 6), -40.0, dtype=np.float32))
    assert answers.abstained[0]
