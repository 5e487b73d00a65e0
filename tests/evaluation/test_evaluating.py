"""The answers to a split, the figures made of them, and what is said about those."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier

from earmark.errors import EvaluationError
from earmark.evaluation.auditing import audit
from earmark.evaluation.comparison import compare
from earmark.evaluation.cross_validation import Vote, cross_val_predict
from earmark.evaluation.evaluating import Evaluation, evaluate, fingerprint
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.intervals import wilson
from earmark.evaluation.mistakes import worst_mistakes
from earmark.evaluation.reporting.html import report_html
from earmark.evaluation.reporting.text import evaluation_text
from earmark.evaluation.scores import score_predictions
from earmark.evaluation.split_choice import SplitRequest, choose_split
from earmark.evaluation.splits import (
    ArtistKFold,
    KFold,
    LeaveOneArtistOut,
    LeaveOneOut,
    ListedSplit,
    RandomSplit,
    Split,
)
from support.evaluated import make_evaluation_set, relabel

pytestmark = pytest.mark.slow

PLAIN = Vote(n_neighbors=3, majority=True)
SPLITS: list[Split] = [
    RandomSplit(0.2, repeats=3),
    KFold(4),
    ArtistKFold(3, repeats=2),
    LeaveOneOut(),
    LeaveOneArtistOut(),
    ListedSplit(np.arange(4, 40), np.array([0, 1, 2, 3, 44, 45])),
]


def brute_force(data: EvaluationSet, asked: int, known: np.ndarray, k: int) -> str:
    """Return the genre that most of the k nearest known tracks have, by loops."""
    far = sorted((float(np.linalg.norm(data.vectors[asked] - data.vectors[i])), i) for i in known)
    votes: Counter[str] = Counter(data.genres[i] for _, i in far[:k])
    total = {g: sum(d for d, i in far[:k] if data.genres[i] == g) for g in votes}
    return min(votes, key=lambda genre: (-votes[genre], total[genre]))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_every_question_is_answered_as_by_hand(split: Split) -> None:
    data = make_evaluation_set(artist_spread=2.0)
    predictions = cross_val_predict(data, split, PLAIN)
    expected = [
        (fold.repeat, int(asked), brute_force(data, asked, fold.train, 3))
        for fold in split.folds(data.labels, data.groups)
        for asked in fold.test
    ]
    given_ = [
        (int(repeat), int(row), data.genre_names[genre])
        for repeat, row, genre in zip(
            predictions.repeat, predictions.rows, predictions.predicted, strict=True
        )
    ]
    assert sorted(given_) == sorted(expected)
    right = [data.genres[asked] == genre for _, asked, genre in expected]
    scores = score_predictions(data, predictions)
    assert scores.accuracy == pytest.approx(np.mean(right))
    assert scores.artist_known == pytest.approx(
        np.mean(
            [
                data.groups[asked] in set(data.groups[fold.train])
                for fold in split.folds(data.labels, data.groups)
                for asked in fold.test
            ]
        )
    )


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
@pytest.mark.parametrize("vote", [PLAIN, Vote()], ids=["plain", "fitted"])
def test_neighbors_are_of_the_known_side_and_of_other_artists(split: Split, vote: Vote) -> None:
    data = make_evaluation_set(n_artists=15)
    predictions = cross_val_predict(data, split, vote)
    assert np.allclose(predictions.probabilities.sum(axis=1), 1)
    assert np.array_equal(predictions.neighbors >= 0, np.isfinite(predictions.distances))
    for row, neighbors in zip(predictions.rows, predictions.neighbors, strict=True):
        there = neighbors[neighbors >= 0]
        assert len(there) > 0
        assert row not in there
        if split.respects_groups:
            assert data.groups[row] not in data.groups[there]


def test_a_genre_that_the_known_side_lacks_is_never_named() -> None:
    data = make_evaluation_set()
    known = np.flatnonzero(data.labels != 0)[4:]
    predictions = cross_val_predict(data, ListedSplit(known, np.arange(4)), Vote())
    assert np.all(predictions.probabilities[:, 0] == 0)
    assert np.all(predictions.predicted != 0)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 8), st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 99)
)
def test_figures_agree_with_scikit_learn_on_any_library(
    n_artists: int, tracks_each: int, n_genres: int, k: int, seed: int
) -> None:
    data = make_evaluation_set(
        n_artists, tracks_each, genres=("a", "b", "c")[:n_genres], seed=seed, artist_spread=3.0
    )
    predictions = cross_val_predict(data, LeaveOneArtistOut(), Vote(k, majority=True))
    scores = score_predictions(data, predictions)
    truth, said = data.labels[predictions.rows], predictions.predicted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert scores.accuracy == pytest.approx(sk.accuracy_score(truth, said))
        assert scores.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(truth, said))
        assert scores.macro_f1 == pytest.approx(
            sk.f1_score(truth, said, average="macro", zero_division=0)
        )
        labels = list(range(len(data.genre_names)))
        assert np.array_equal(scores.confusion, sk.confusion_matrix(truth, said, labels=labels))
        if len(labels) > 1:
            loss = sk.log_loss(truth, predictions.probabilities, labels=labels)
            assert scores.log_loss == pytest.approx(loss)
    assert scores.accuracy in scores.accuracy_interval


def test_repeats_are_averaged_and_do_not_make_a_figure_surer() -> None:
    data = make_evaluation_set(artist_spread=2.0)
    many = score_predictions(data, cross_val_predict(data, RandomSplit(0.3, repeats=20), PLAIN))
    assert many.accuracy == pytest.approx(np.mean(many.accuracies))
    assert many.spread == pytest.approx(np.std(many.accuracies, ddof=1))
    assert many.n_tracks == len(data)
    single = score_predictions(data, cross_val_predict(data, KFold(5), PLAIN))
    assert single.spread is None
    assert many.accuracy_interval == wilson(many.accuracy * len(data), len(data))


def test_the_leak_is_seen_as_a_number() -> None:
    data = make_evaluation_set(n_artists=18, tracks_each=5, artist_spread=2.5)
    evaluation = evaluate(data, SplitRequest("random", repeats=5), PLAIN)
    assert evaluation.verdict.level == "leaky"
    assert "puts tracks of one artist on both sides" in evaluation.verdict.reason
    honest = evaluation.honest
    assert honest is not None
    assert honest.name == "leave-one-artist-out"
    assert honest.scores.accuracy < evaluation.scores.accuracy - 0.1
    assert f"believe {100 * honest.scores.accuracy:.1f}%" in evaluation.sentence()
    other_way = evaluate(data, None, PLAIN)
    assert other_way.split == "leave-one-artist-out"
    assert other_way.verdict.level == "honest"
    assert "a random split would have claimed" in other_way.sentence()
    assert other_way.scores.accuracy == pytest.approx(honest.scores.accuracy)


def test_without_artists_a_figure_may_be_too_high() -> None:
    data = make_evaluation_set(known=False)
    evaluation = evaluate(data, None, PLAIN)
    assert evaluation.split == "leave-one-out"
    assert evaluation.verdict.level == "unknown"
    assert "may be too high" in evaluation.verdict.reason
    random = evaluate(data, SplitRequest("random", repeats=2), PLAIN)
    assert random.verdict.level == "leaky"
    half = replace(data, artists=("Ann", *([None] * 40), *(["Bob"] * 7)))
    assert evaluate(half, None, PLAIN).verdict.level == "unknown"
    most = replace(data, artists=(None, *(f"{i}" for i in range(47))))
    verdict = evaluate(most, None, PLAIN).verdict
    assert verdict.level == "honest"
    assert "1 of 48 tracks (2%) is unknown" in verdict.reason


def test_mistakes_are_wrong_and_the_surest_come_first() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=3.0)
    mistakes = evaluate(data, None, Vote(majority=True, n_neighbors=5)).mistakes
    assert mistakes
    assert all(m.genre != m.named for m in mistakes)
    margins = [m.probability - m.own_probability for m in mistakes]
    assert margins == sorted(margins, reverse=True)
    for mistake in mistakes:
        count = sum(n.genre == mistake.named for n in mistake.neighbors)
        assert mistake.probability == pytest.approx(count / 5)
        assert mistake.named in mistake.why()


def same(one: Evaluation, other: Evaluation) -> bool:
    return json.dumps(one.to_json()) == json.dumps(other.to_json())


def test_an_evaluation_repeats_with_its_seed() -> None:
    data = make_evaluation_set()
    request = SplitRequest("artist-k-fold", folds=3, seed=4)
    assert same(evaluate(data, request, PLAIN), evaluate(data, request, PLAIN))
    other = evaluate(data, replace(request, seed=5), PLAIN)
    assert not same(evaluate(data, request, PLAIN), other)


def test_json_has_every_figure_and_is_json() -> None:
    found = json.loads(
        json.dumps(evaluate(make_evaluation_set(), None, Vote()).to_json(), allow_nan=False)
    )
    assert {
        "accuracy",
        "accuracy_interval",
        "balanced_accuracy",
        "balanced_accuracy_interval",
        "macro_f1",
        "macro_f1_interval",
        "per_genre",
        "confusion_matrix",
        "majority_baseline",
        "log_loss",
        "calibration_error",
        "calibration_curve",
        "answer_curve",
        "accuracy_at_share",
        "answered",
        "prediction_sets",
        "side_by_side",
        "believe",
        "worst_mistakes",
        "audit",
        "repeat",
    } <= set(found)
    assert np.sum(found["confusion_matrix"]) == found["questions"] == 48


@pytest.mark.parametrize("genres", [("a",), ("a", "b")])
@pytest.mark.parametrize("tracks_each", [1, 4])
def test_small_and_one_genre_libraries_are_judged(
    genres: tuple[str, ...], tracks_each: int
) -> None:
    data = make_evaluation_set(3, tracks_each, genres=genres)
    for vote in (PLAIN, Vote()):
        evaluation = evaluate(data, None, vote)
        assert evaluation.scores.n_tracks == 3 * tracks_each
        assert evaluation_text(evaluation)
        if len(genres) == 1:
            assert evaluation.scores.accuracy == 1.0


def test_ties_go_to_the_nearer_genre_whatever_the_order() -> None:
    data = make_evaluation_set(2, 1, genres=("a", "b"))
    vectors = np.array([[0.0, 0], [1, 0], [0.4, 0], [0.6, 0]])
    tracks = tuple(replace(data.tracks[i % 2], name=f"{i}") for i in range(4))
    data = replace(data, tracks=tracks, vectors=vectors, artists=("w", "x", "y", "z"))
    split = ListedSplit(np.array([0, 1]), np.array([2, 3]))
    assert list(cross_val_predict(data, split, Vote(2, majority=True)).predicted) == [0, 1]


@pytest.mark.parametrize(
    ("data", "request_", "word"),
    [
        (make_evaluation_set(1), SplitRequest(), "one artist"),
        (make_evaluation_set(1, 1), SplitRequest(), "at least two"),
        (make_evaluation_set(2), SplitRequest("artist-k-fold"), "2 or fewer"),
        (make_evaluation_set(), SplitRequest("fault-filtered"), "not named as GTZAN's"),
        (make_evaluation_set(), SplitRequest("files"), "needs both lists"),
        (make_evaluation_set(), SplitRequest("nonsense"), "there is no split"),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    data: EvaluationSet, request_: SplitRequest, word: str
) -> None:
    with pytest.raises(EvaluationError, match=word):
        evaluate(data, request_, PLAIN)


def test_progress_reaches_the_end() -> None:
    data = make_evaluation_set()
    for split in SPLITS:
        told: list[tuple[int, int]] = []
        predictions = cross_val_predict(
            data, split, PLAIN, lambda done, total, told=told: told.append((done, total))
        )
        assert told[-1] == (len(predictions.rows), len(predictions.rows))


def test_lists_from_files_say_what_they_lack(tmp_path: object) -> None:
    folder = tmp_path
    data = make_evaluation_set()
    train, test = folder / "train.txt", folder / "test.txt"  # type: ignore[operator]
    train.write_text("\n".join([*data.names[1:20], "not there"]))
    test.write_text("\n".join([data.names[0], *data.names[20:24]]))
    choice = choose_split(data, SplitRequest(train=train, test=test))
    assert choice.split.name == "files"
    assert any("1 of 20 tracks" in note for note in choice.notes)
    # tracks 1 to 3 are by the artist of track 0, who is asked
    assert any(note.startswith("3 tracks to learn from were left out") for note in choice.notes)
    (fold,) = choice.split.folds(data.labels, data.groups)
    assert len(fold.train) == 16
    test.write_text("nobody\n")
    with pytest.raises(EvaluationError, match=r"test\.txt: names 1 track, which is not in"):
        choose_split(data, SplitRequest("files", train=train, test=test))
    test.write_text("# mine\n\n")
    with pytest.raises(EvaluationError, match=r"test\.txt: is empty"):
        choose_split(data, SplitRequest("files", train=train, test=test))
    test.write_text("\n".join(data.names[4:7]))
    with pytest.raises(EvaluationError) as told:
        choose_split(data, SplitRequest("files", train=train, test=test))
    shared = f"{train} and {test}: {data.names[4]} and 2 more are on both lists"
    assert str(told.value).startswith(shared)
    test.write_text(data.names[4])
    with pytest.raises(EvaluationError, match=f"{data.names[4]} is on both lists"):
        choose_split(data, SplitRequest("files", train=train, test=test))


def test_errors_name_the_library() -> None:
    for data in (make_evaluation_set(1, 1), make_evaluation_set(1)):
        for request in (SplitRequest(), SplitRequest("artist-k-fold")):
            with pytest.raises(EvaluationError, match=r"^made-up\.earmark: "):
                evaluate(data, request, PLAIN)
    with pytest.raises(EvaluationError, match=r"^made-up\.earmark: "):
        audit(make_evaluation_set(1, 1))


def test_genres_of_one_artist_are_spoken_of() -> None:
    tracks = make_evaluation_set(6, 1)
    first, second, third = tracks.genre_names
    assert [*tracks.genres] == [first, second, third] * 2

    def notes(artists: str, request: SplitRequest | None = None) -> tuple[str, ...]:
        data = replace(tracks, artists=tuple(artists))
        return choose_split(data, request or SplitRequest()).notes

    (note,) = notes("ABCDBC")
    assert note.startswith(f"2 genres have tracks by one artist only ({second}, {third}); ")
    (note,) = notes("ABCDEC")
    assert note.startswith(f"1 genre has tracks by one artist only ({third}); ")
    assert notes("ABCDEF") == ()
    assert notes("ABCDBC", SplitRequest("random")) == ()
    assert choose_split(make_evaluation_set(6, 1, known=False), SplitRequest()).notes == ()


def test_more_neighbors_than_may_vote_are_spoken_of() -> None:
    data = make_evaluation_set()
    assert not evaluate(data, None, Vote(44, majority=True), other_splits=False).notes
    empty = evaluate(data, None, Vote(45, majority=True), other_splits=False)
    assert empty.verdict.level == "unknown"
    assert empty.verdict.reason.startswith("K is 45, but of a question only 44 tracks may vote")
    assert "says nothing of the library" in empty.verdict.reason
    assert "that it has not heard" not in empty.sentence()
    (note, *_) = evaluate(data, None, Vote(45, majority=False), other_splits=False).notes
    assert "says nothing" not in note
    assert not evaluate(make_evaluation_set(6, 1), None, Vote()).notes
    assert "would have claimed" not in evaluate(data, None, Vote(45, majority=True)).sentence()
    # Of the splits beside it, too.
    notes = evaluate(data, SplitRequest("k-fold", folds=24), Vote(45, majority=True)).notes
    assert [note.split(":")[0] for note in notes] == [
        "random 85/15, 30 times, seed 0", "every artist in turn",
    ]  # fmt: skip
    found = compare(data, data, (Vote(3, True), Vote(99, True)), lambda _: LeaveOneOut())
    assert "k is 99" in found.notes[0]
    assert len(found.notes) == 1


def test_without_artists_none_are_spoken_of() -> None:
    text = evaluation_text(evaluate(make_evaluation_set(known=False), None, PLAIN))
    assert "(bootstrap over 48 recordings)" in text
    assert "every track in turn, its copies left out" in text
    scores = text[text.index("Side by side") :].replace("artists met", "")
    assert "artist" not in scores
    page = report_html(evaluate(make_evaluation_set(known=False), None, PLAIN))
    assert "48 recordings. Ranges" in page
    assert "over artists</dd>" not in page
    with_artists = evaluation_text(evaluate(make_evaluation_set(), None, PLAIN))
    assert "(bootstrap over 12 artists or groups)" in with_artists


def test_labels_may_be_swapped_for_the_tests() -> None:
    data = make_evaluation_set()
    swapped = relabel(data, np.roll(data.labels, 1))
    assert swapped.genres == tuple(data.genre_names[i] for i in np.roll(data.labels, 1))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_the_baseline_is_that_of_a_guess_at_the_most_frequent_genre(split: Split) -> None:
    # 8 tracks of the first genre, 4 of the second, 36 of the last.
    data = relabel(make_evaluation_set(artist_spread=2.0), [0] * 8 + [1] * 4 + [2] * 36)
    predictions = cross_val_predict(data, split, PLAIN)
    folds = list(split.folds(data.labels, data.groups))
    known = np.concatenate([data.labels[fold.train] for fold in folds])
    asked = np.concatenate([data.labels[fold.test] for fold in folds])
    guess = DummyClassifier(strategy="most_frequent").fit(known[:, None], known)
    assert predictions.baseline == pytest.approx(guess.score(asked[:, None], asked))


def test_equal_mistakes_are_ordered_by_how_near_the_neighbor_is() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=3.0)
    # Of one neighbor every answer is as sure as the others.
    predictions = cross_val_predict(data, LeaveOneArtistOut(), Vote(1, majority=True))
    wrong = np.flatnonzero(predictions.predicted != data.labels[predictions.rows])
    nearest = [(float(predictions.distances[i, 0]), data.names[predictions.rows[i]]) for i in wrong]
    assert len(nearest) > 3
    assert nearest != sorted(nearest)
    expected = [name for _, name in sorted(nearest)]
    assert [m.track for m in worst_mistakes(data, predictions, len(wrong))] == expected
    assert [m.track for m in worst_mistakes(data, predictions, 2)] == expected[:2]


def test_the_fingerprint_is_that_of_tracks_genres_and_vectors() -> None:
    data = make_evaluation_set()
    vectors = data.vectors.astype(np.float32)
    data = replace(data, vectors=vectors)
    assert fingerprint(replace(data, vectors=vectors.astype(np.float64))) == fingerprint(data)
    assert fingerprint(replace(data, source="elsewhere")) == fingerprint(data)
    moved = vectors.copy()
    moved[7, 3] = np.nextafter(moved[7, 3], np.float32(np.inf))
    named = (replace(data.tracks[0], name="another"), *data.tracks[1:])
    others = [
        replace(data, vectors=moved),
        replace(data, vectors=vectors[::-1]),
        replace(data, tracks=named),
        relabel(data, np.roll(data.labels, 1)),
    ]
    assert len({fingerprint(one) for one in [data, *others]}) == 5


def with_styles(data: EvaluationSet) -> EvaluationSet:
    """Let every second artist of rock be punk, and all of jazz be of soul, too."""
    several = {"jazz": ("jazz", "soul"), "blues": ("blues",)}
    tracks = []
    for track in data.tracks:
        odd = int(str(track.artist).split()[-1]) % 2
        genres = several.get(str(track.genre), (f"rock---{'punk' if odd else 'surf'}",))
        tracks.append(replace(track, genre=genres[0], other_genres=genres[1:]))
    return replace(data, tracks=tuple(tracks))


@pytest.mark.parametrize("split", ["leave-one-artist-out", "k-fold"])
def test_lists_of_several_genres_are_judged_beside_the_first(split: str) -> None:
    plain = make_evaluation_set(24, artist_spread=0.3)
    several = with_styles(plain)
    request = SplitRequest(split)
    one, other = (
        evaluate(data, request, other_splits=False, audited=False) for data in (plain, several)
    )
    # The first answer is the one that a library of the first genres alone gives.
    assert one.scores.lists is None
    assert other.scores.genres == one.scores.genres
    assert (other.scores.confusion == one.scores.confusion).all()
    lists = other.scores.lists
    assert lists is not None
    assert lists.held == pytest.approx(5 / 3)
    assert lists.recall > 0.8
    assert lists.precision > 0.8
    interval = other.scores.lists_interval
    assert interval is not None
    assert interval.low <= lists.f1 <= interval.high
    told = other.to_json()["several_genres"]
    assert told["f1"] == lists.f1
    assert one.to_json()["several_genres"] is None
    assert "all genres, F1" in evaluation_text(other)
    assert "F1 of all genres" in report_html(other)
    assert "all genres, F1" not in evaluation_text(one)


def test_an_audit_judges_styles_and_no_genre_that_a_track_has_too() -> None:
    data = with_styles(make_evaluation_set(24, artist_spread=0.3))
    tracks = list(data.tracks)
    # What is labelled soul first sounds like jazz, which it is as well.
    tracks[4] = replace(tracks[4], genre="soul", other_genres=("jazz",))
    tracks[0] = replace(tracks[0], genre="jazz", other_genres=())
    found = audit(replace(data, tracks=tuple(tracks)), files=False)
    suspects = {suspect.track: suspect for suspect in found.suspects}
    assert found.suspects[0].track == tracks[0].name
    assert tracks[4].name not in suspects
    assert {pair.genre for pair in found.suspects} >= {"rock---punk", "rock---surf"}
