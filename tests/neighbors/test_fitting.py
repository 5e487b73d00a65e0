"""The fitted vote: what it promises, on made-up tracks and on the library of the package."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from earmark.errors import LibraryDamaged, LibraryEmpty
from earmark.features import Comparison
from earmark.library import Library, Snapshot, open_default
from earmark.library.fitting import tracks_together
from earmark.neighbors import (
    FittedVoter,
    MajorityVoter,
    Parameters,
    Predictions,
    fit,
    fitting,
    group_tracks,
    leave_group_out,
    make_voter,
    one_hot,
)
from earmark.neighbors.calibration import COVERAGE
from earmark.neighbors.fitting import assign_folds, members_of
from earmark.neighbors.lengths import ByLength
from support.clusters import Tracks, clusters

pytestmark = pytest.mark.slow

# As the default network has it: words for people first, then what votes.
PARTLY = Comparison("cosine", voting=(50, None), settling=2.0)
COSINE = Comparison("cosine")


def fitted(
    tracks: Tracks, *, comparison: Comparison = COSINE, **options: int | None
) -> MajorityVoter | FittedVoter:
    parameters = fit(
        tracks.vectors, one_hot(tracks.genres)[0], tracks.groups, comparison=comparison, **options
    )
    return make_voter(tracks.vectors, *one_hot(tracks.genres), parameters)


def left_out(tracks: Tracks, *, comparison: Comparison = COSINE) -> Predictions:
    return leave_group_out(
        tracks.vectors, *one_hot(tracks.genres), tracks.groups, comparison=comparison
    )


def truth_of(answers: Predictions, genres: list[str] | tuple[str, ...]) -> np.ndarray:
    return np.array([answers.genre_names.index(genre) for genre in genres])


def balanced(right: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([right[truth == genre].mean() for genre in np.unique(truth)]))


def check(answers: Predictions, n_queries: int) -> None:
    """Check what is true of all answers of any vote."""
    rows = np.arange(n_queries)
    assert np.isfinite(answers.probabilities).all()
    assert (answers.probabilities >= 0).all()
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1)
    best = answers.probabilities.max(axis=1)
    np.testing.assert_allclose(answers.probabilities[rows, answers.winners], best)
    np.testing.assert_array_equal(answers.confidence, answers.probabilities[rows, answers.winners])
    assert answers.sets[rows, answers.winners].all(), "a set holds the best guess"
    np.testing.assert_array_equal(answers.distances, np.sort(answers.distances, axis=1))
    assert [reason is not None for reason in answers.reasons] == answers.abstained.tolist()
    assert np.isfinite(answers.outlier_scores).all()
    assert answers.genre_names == tuple(sorted(answers.genre_names))
    for shaped in (answers.winners, answers.outlier_scores, answers.abstained, answers.reasons):
        assert len(shaped) == n_queries


# What any answer keeps


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 60),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([COSINE, Comparison("euclidean"), PARTLY]),
    st.integers(0, 1000),
)
def test_answers_are_consistent(
    n: int, n_genres: int, tracks_a_group: int, comparison: Comparison, seed: int
) -> None:
    dimension = 60 if comparison == PARTLY else 5
    tracks = clusters(n, n_genres, dimension=dimension, tracks_a_group=tracks_a_group, seed=seed)
    queries = clusters(7, n_genres, dimension=dimension, seed=seed + 1).vectors
    voter = fitted(tracks, comparison=comparison)
    check(voter.predict(queries), 7)
    check(voter.predict(queries, seconds=np.array([1.0, 2, 3, 5, 30, 1000, np.inf])), 7)
    if len(np.unique(tracks.groups)) > 1:
        check(left_out(tracks, comparison=comparison), n)


@pytest.mark.parametrize("n", range(2, 11))
@pytest.mark.parametrize("n_genres", [1, 2, 3])
def test_tiny_libraries_answer(n: int, n_genres: int) -> None:
    tracks = clusters(n, n_genres, seed=n)
    check(fitted(tracks).predict(tracks.vectors), n)
    check(left_out(tracks), n)


def test_a_single_track_of_a_genre_does_not_outvote_all_others() -> None:
    vectors = np.random.default_rng(0).normal(size=(121, 8))
    genres = ["large"] * 120 + ["lone"]
    parameters = fit(vectors, one_hot(genres)[0], np.arange(121), comparison=COSINE, n_neighbors=30)
    voter = make_voter(vectors, *one_hot(genres), parameters)
    shares, winners = voter.vote_shares(np.full((1, 30), 0.5), np.arange(91, 121)[None])
    assert voter.genre_names[winners[0]] == "large"
    # It counts as a quarter of the average genre, of which there are two.
    lone, large = 1 / (121 / 2 / 4), 29 / 120
    np.testing.assert_allclose(shares[0], np.array([large, lone]) / (large + lone))


def test_one_track_answers_with_its_genre() -> None:
    answers = fitted(clusters(1)).predict(clusters(3, seed=1).vectors)
    assert answers.genre_names == (clusters(1).genres[0],)
    assert not answers.abstained.any()
    np.testing.assert_array_equal(answers.probabilities, 1)


def test_one_genre_is_always_right() -> None:
    tracks = clusters(40, 1, tracks_a_group=2)
    answers = left_out(tracks)
    np.testing.assert_array_equal(answers.probabilities, 1)
    assert fitted(tracks).parameters.calibration is not None


def test_with_one_group_the_majority_votes() -> None:
    tracks = clusters(12, 3)
    together = dataclasses.replace(tracks, groups=np.zeros(12, dtype=np.intp))
    voter = fitted(together)
    assert voter.parameters.majority
    answers = voter.predict(tracks.vectors)
    check(answers, 12)
    assert answers.coverage is None
    with pytest.raises(LibraryEmpty, match="other artists"):
        left_out(together)


def test_copies_and_features_that_never_change_are_borne() -> None:
    tracks = clusters(60, 3)
    vectors = np.concatenate([tracks.vectors, np.full((60, 3), 7.0), np.zeros((60, 2))], axis=1)
    vectors[30:] = vectors[:30]
    same = Tracks(vectors, tracks.genres[:30] * 2, np.tile(np.arange(30), 2))
    check(fitted(same).predict(vectors), 60)
    check(left_out(same), 60)
    alike = Tracks(np.ones((20, 4)), tracks.genres[:20], np.arange(20))
    check(fitted(alike).predict(alike.vectors), 20)
    check(left_out(alike), 20)


def test_more_neighbors_than_tracks_may_be_asked_for() -> None:
    tracks = clusters(9, 2)
    answers = fitted(tracks, n_neighbors=50).predict(tracks.vectors)
    check(answers, 9)
    assert answers.neighbors.shape == (9, 9)


def test_a_genre_of_one_group_can_be_left_out() -> None:
    tracks = clusters(60, 2, tracks_a_group=3, apart=2)
    genres = [
        "novelty" if group == 5 else genre
        for group, genre in zip(tracks.groups, tracks.genres, strict=True)
    ]
    lonely = Tracks(tracks.vectors, genres, tracks.groups)
    answers = left_out(lonely)
    check(answers, 60)
    novelty = answers.genre_names.index("novelty")
    assert (answers.winners[tracks.groups == 5] != novelty).all(), "nobody is left to say so"
    assert (answers.probabilities[tracks.groups == 5, novelty] > 0).all()


# What does not matter


def _numbers(parameters: Parameters) -> list[float]:
    calibration = dataclasses.asdict(parameters.calibration)
    scale, thresholds = calibration.pop("novelty"), calibration.pop("set_thresholds")
    by_length = [*thresholds["values"], *scale["limits"]["values"]]
    return [*calibration.values(), *scale["means"], *scale["deviations"], *by_length]


def test_the_order_of_tracks_does_not_matter() -> None:
    tracks = clusters(120, 4, tracks_a_group=2)
    order = np.random.default_rng(0).permutation(120)
    queries = clusters(50, 4, seed=1).vectors
    one, other = fitted(tracks), fitted(tracks.take(order))
    assert one.parameters.calibration is not None
    assert other.parameters.calibration is not None
    assert _numbers(other.parameters) == pytest.approx(_numbers(one.parameters), rel=1e-4)
    answers, shuffled = one.predict(queries), other.predict(queries)
    np.testing.assert_array_equal(answers.winners, shuffled.winners)
    np.testing.assert_allclose(answers.probabilities, shuffled.probabilities, atol=1e-4)
    np.testing.assert_array_equal(answers.neighbors, order[shuffled.neighbors])
    np.testing.assert_array_equal(answers.sets, shuffled.sets)


def test_answers_do_not_depend_on_what_else_is_asked() -> None:
    voter = fitted(clusters(100, 3))
    queries = clusters(40, 3, seed=1).vectors
    together = voter.predict(queries)
    for row in range(0, 40, 7):
        alone = voter.predict(queries[row : row + 1])
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[row], atol=1e-5)
        np.testing.assert_array_equal(alone.neighbors[0], together.neighbors[row])


def test_half_precision_changes_no_clear_answer() -> None:
    tracks = clusters(200, 5, apart=1.5)
    queries = clusters(300, 5, apart=1.5, seed=1).vectors
    parameters = fit(tracks.vectors, one_hot(tracks.genres)[0], tracks.groups, comparison=COSINE)
    exact = make_voter(tracks.vectors, *one_hot(tracks.genres), parameters).predict(queries)
    rounded = tracks.vectors.astype(np.float16).astype(np.float32)
    kept = make_voter(rounded, *one_hot(tracks.genres), parameters).predict(queries)
    np.testing.assert_allclose(kept.probabilities, exact.probabilities, atol=0.02)
    best = np.sort(exact.probabilities, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.04
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(kept.winners[clear], exact.winners[clear])


@pytest.mark.parametrize("comparison", [COSINE, Comparison("euclidean")])
def test_units_do_not_matter_where_every_number_is_standardized(comparison: Comparison) -> None:
    tracks = clusters(80, 3)
    queries = clusters(30, 3, seed=1).vectors
    scales = np.geomspace(0.01, 100, tracks.vectors.shape[1])
    other = dataclasses.replace(tracks, vectors=tracks.vectors * scales + 5)
    np.testing.assert_allclose(
        fitted(other, comparison=comparison).predict(queries * scales + 5).distances,
        fitted(tracks, comparison=comparison).predict(queries).distances,
        atol=1e-4,
    )


# No leak


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_a_group_have_no_part_in_its_answers(seed: int) -> None:
    tracks = clusters(90, 3, tracks_a_group=3, seed=seed)
    before = left_out(tracks)
    own = tracks.groups == 7
    labels = truth_of(before, tracks.genres)
    labels[own] = (labels[own] + 1) % 3
    after = left_out(dataclasses.replace(tracks, genres=[before.genre_names[i] for i in labels]))
    np.testing.assert_array_equal(after.winners[own], before.winners[own])
    np.testing.assert_allclose(after.probabilities[own], before.probabilities[own])
    np.testing.assert_array_equal(after.sets[own], before.sets[own])
    np.testing.assert_array_equal(after.abstained[own], before.abstained[own])
    assert np.abs(after.probabilities - before.probabilities).max() > 0.01, "others did notice"


@pytest.mark.parametrize("group", range(0, 30, 5))
def test_sounds_of_a_group_have_no_part_in_the_answers_to_its_other_tracks(group: int) -> None:
    tracks = clusters(90, 3, tracks_a_group=3)
    before = left_out(tracks)
    one, *others = np.flatnonzero(tracks.groups == group)
    vectors = tracks.vectors.copy()
    vectors[others] *= -3
    after = left_out(dataclasses.replace(tracks, vectors=vectors))
    np.testing.assert_allclose(after.probabilities[one], before.probabilities[one], rtol=1e-6)
    np.testing.assert_allclose(after.distances[one], before.distances[one], rtol=1e-6)
    np.testing.assert_allclose(after.outlier_scores[one], before.outlier_scores[one], rtol=1e-6)


def test_no_neighbor_is_of_the_own_group() -> None:
    tracks = clusters(90, 3, tracks_a_group=4)
    answers = left_out(tracks)
    near = np.isfinite(answers.distances)
    own = tracks.groups[answers.neighbors] == tracks.groups[:, None]
    assert not (own & near).any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(2, 20))
def test_groups_are_dealt_whole(groups: list[int], n_folds: int) -> None:
    numbers = np.array(groups)
    folds = assign_folds(numbers, n_folds)
    assert len(folds) == min(n_folds, len(set(groups)))
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(len(groups)))
    for fold in folds:
        assert len(fold) > 0
        assert set(np.flatnonzero(np.isin(numbers, numbers[fold]))) == set(fold)
    for members, track in zip(members_of(numbers, folds[0]), folds[0], strict=True):
        np.testing.assert_array_equal(np.sort(members), np.flatnonzero(numbers == numbers[track]))


def test_no_artist_leaks_where_only_a_sample_is_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tracks of a group are all but equal, and its genre is drawn: who leaves the own group out
    # can only guess, who does not is always right.
    monkeypatch.setattr(fitting, "MOST_CALIBRATED", 60)
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(100), 4))
    vectors = rng.normal(size=(100, 12))[groups] + 1e-3 * rng.normal(size=(400, 12))
    genres = [f"genre {label}" for label in rng.integers(0, 4, 100)[groups]]
    parameters = fit(vectors, one_hot(genres)[0], groups, comparison=COSINE)
    assert parameters.calibration is not None
    assert parameters.calibration.n_judged < 100
    assert parameters.calibration.accuracy < 0.6


def test_of_very_many_tracks_some_tell_what_the_space_is_like(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracks = clusters(400, 4, apart=0.7, tracks_a_group=2)
    of_all = fitted(tracks).parameters.calibration
    learned: list[np.ndarray] = []

    class Spied(FittedVoter):
        def __init__(self, *arguments: object, learn_from: np.ndarray) -> None:
            learned.append(learn_from)
            super().__init__(*arguments, learn_from=learn_from)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "MOST_LEARNED_FROM", 100)
    monkeypatch.setattr(fitting, "FittedVoter", Spied)
    of_some = fitted(tracks).parameters.calibration
    assert [len(rows) for rows in learned] == [100] * 10
    # Nothing of the fold that is asked about.
    folds = assign_folds(tracks.groups, 10)
    assert not any(np.isin(rows, fold).any() for rows, fold in zip(learned, folds, strict=True))
    assert of_all is not None
    assert of_some is not None
    assert of_some.n_judged == of_all.n_judged == 400
    assert of_some.accuracy == pytest.approx(of_all.accuracy, abs=0.04)


# Confidence


def test_probabilities_sets_and_refusals_hold_what_they_say() -> None:
    library = clusters(500, 4, apart=0.7, world=3)
    queries = clusters(2000, 4, apart=0.7, seed=1, world=3)
    voter = fitted(library)
    answers = voter.predict(queries.vectors)
    truth = truth_of(answers, queries.genres)
    right = answers.winners == truth
    assert 0.6 < right.mean() < 0.97, "neither trivial nor hopeless"
    order = np.argsort(answers.confidence)
    gaps = [
        abs(right[part].mean() - answers.confidence[part].mean())
        for part in np.array_split(order, 10)
    ]
    assert np.mean(gaps) < 0.05
    # The threshold itself was found on 500 tracks: that, and the queries, vary by chance.
    held = int(answers.sets[np.arange(2000), truth].sum())
    spread = np.sqrt(COVERAGE * (1 - COVERAGE) * (1 / 500 + 1 / 2000))
    assert abs(held / 2000 - COVERAGE) < 3 * spread
    assert answers.coverage == COVERAGE
    # Of music like that of the library, little is refused, and what is refused is harder.
    assert answers.abstained.mean() < 0.2
    assert right[answers.abstained].mean() < right[~answers.abstained].mean()


def test_more_is_refused_as_more_is_demanded() -> None:
    tracks = clusters(200, 4, apart=0.7)
    voter = fitted(tracks)
    queries = clusters(300, 4, apart=0.7, seed=1).vectors
    calibration = voter.parameters.calibration
    assert calibration is not None
    assert calibration.novelty is not None
    refused = np.zeros(300, dtype=bool)
    for limit in (50.0, 3.0, 1.0, 0.0, -50.0):
        stricter = dataclasses.replace(
            calibration,
            novelty=dataclasses.replace(calibration.novelty, limits=ByLength((30.0,), (limit,))),
        )
        parameters = dataclasses.replace(voter.parameters, calibration=stricter)
        answers = make_voter(tracks.vectors, *one_hot(tracks.genres), parameters).predict(queries)
        assert not (refused & ~answers.abstained).any()
        refused = answers.abstained
    assert refused.all()


def test_what_is_farther_from_everything_is_stranger() -> None:
    voter = fitted(clusters(200, 4))
    start, away = clusters(200, 4).vectors.mean(axis=0), np.random.default_rng(0).normal(size=12)
    along = start + np.linspace(0, 30, 40)[:, None] * away
    answers = voter.predict(along)
    assert (np.diff(answers.outlier_scores) > 0).all()
    assert answers.unlike[-1]
    assert answers.reasons[-1] == "it is unlike the songs of this library"
    # Near the start it may lie between genres; once it is unlike all of them, it stays so.
    first = int(np.argmax(answers.unlike))
    assert answers.unlike[first:].all()
    assert (answers.unlike <= answers.abstained).all()


def test_of_a_short_song_less_is_held_against_it() -> None:
    tracks = clusters(200, 4, dimension=60)
    voter = fitted(tracks, comparison=PARTLY)
    query = clusters(1, 4, dimension=60, seed=3).vectors + 1
    seconds = np.array([1.0, 3, 5, 10, 30, 600, np.inf])
    strangeness = voter.outlier_scores(np.repeat(query, 7, axis=0), seconds)
    assert (np.diff(strangeness) >= 0).all()
    assert strangeness[0] == strangeness[1] < strangeness[3] < strangeness[4]
    assert strangeness[4] == strangeness[5] == strangeness[6] == voter.outlier_scores(query)[0]


def test_parameters_are_kept_whole() -> None:
    for tracks in (clusters(100, 3), clusters(1)):
        parameters = fitted(tracks).parameters
        assert Parameters.from_bytes(parameters.to_bytes(), COSINE) == parameters
        assert parameters.describe()["k"] == parameters.n_neighbors
    for blob in (b"", b"[]", b"{}", b'{"metric": "cosine", "k": 3, "calibration": {"floor": 1}}'):
        with pytest.raises(LibraryDamaged):
            Parameters.from_bytes(blob, COSINE)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    tracks = clusters(50, 2)
    leave_group_out(
        tracks.vectors,
        *one_hot(tracks.genres),
        tracks.groups,
        comparison=COSINE,
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == sorted(told)
    assert told[-1] == (50, 50)


# Real music


@pytest.fixture(scope="module")
def reference() -> Snapshot:
    with open_default("reference") as library:
        return library.snapshot()


@pytest.fixture(scope="module")
def reference_answers(reference: Snapshot) -> Predictions:
    return leave_group_out(
        reference.vectors,
        *one_hot(reference.genres),
        tracks_together(reference, PARTLY.similarity),
        comparison=PARTLY,
        seconds=reference.seconds,
    )


def test_published_tags_reach_76_percent(shared_data: Path) -> None:
    with np.load(shared_data / "taggrams" / "msd_musicnn_gtzan_train443.npz") as arrays:
        tags, track = arrays["tags"], arrays["track"]
    with (shared_data / "gtzan" / "tracks.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["track"]: row for row in csv.DictReader(file)}
    names = [str(name) for name in np.unique(track)]
    assert len(names) == 443
    answers = leave_group_out(
        np.stack([tags[track == name].mean(axis=0) for name in names]),
        *one_hot([rows[name]["genre"] for name in names]),
        group_tracks([rows[name]["artist"] or None for name in names]),
        comparison=COSINE,
    )
    right = answers.winners == truth_of(answers, [rows[name]["genre"] for name in names])
    assert right.mean() >= 0.76


def names_of(library: Library, snapshot: Snapshot) -> list[str]:
    tracks = library.get_many(snapshot.ids.tolist())
    return [tracks[track_id].name for track_id in snapshot.ids.tolist()]


def test_learned_features_are_15_points_above_the_classic_ones(reference: Snapshot) -> None:
    with open_default("classic") as library:
        classic = library.snapshot()
        names = names_of(library, classic)
    with open_default("reference") as library:
        row_of = {name: row for row, name in enumerate(names_of(library, reference))}
    rows = [row for row, name in enumerate(names) if name in row_of]
    assert len(rows) > 500
    same = [row_of[names[row]] for row in rows]
    genres = [classic.genres[row] for row in rows]
    groups = tracks_together(reference, PARTLY.similarity)[same]
    learned = leave_group_out(
        reference.vectors[same],
        *one_hot(genres),
        groups,
        comparison=PARTLY,
        seconds=reference.seconds[same],
    )
    plain = leave_group_out(
        classic.vectors[rows], *one_hot(genres), groups, comparison=Comparison("gaussian-kl")
    )
    truth = truth_of(plain, genres)
    scores = [balanced(answers.winners == truth, truth) for answers in (learned, plain)]
    assert scores[0] >= scores[1] + 0.15


def test_confidence_on_the_reference_library_means_what_it_says(
    reference: Snapshot, reference_answers: Predictions
) -> None:
    answers = reference_answers
    n = len(reference)
    check(answers, n)
    truth = truth_of(answers, reference.genres)
    right = answers.winners == truth
    assert balanced(right, truth) > 0.75
    order = np.argsort(answers.confidence, kind="stable")
    error = sum(
        len(part) / n * abs(right[part].mean() - answers.confidence[part].mean())
        for part in np.array_split(order, 10)
    )
    assert error <= 0.05
    held = int(answers.sets[np.arange(n), truth].sum())
    low, high = binom.interval(0.95, n, COVERAGE)
    assert low <= held <= high
    surest = order[-round(0.8 * n) :]
    assert right[surest].mean() > right.mean()


def test_at_least_85_percent_of_full_clips_are_answered(
    reference: Snapshot, reference_answers: Predictions
) -> None:
    full = reference.seconds > 20
    assert full.sum() > 500
    assert 1 - reference_answers.abstained[full].mean() >= 0.85
