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
from earmark.evaluation.ask import Vote, ask
from earmark.evaluation.audit import audit
from earmark.evaluation.choose import Request, choose
from earmark.evaluation.compare import compare
from earmark.evaluation.corpus import Corpus
from earmark.evaluation.figures import figures_of
from earmark.evaluation.intervals import wilson
from earmark.evaluation.mistakes import worst_mistakes
from earmark.evaluation.report import report_html
from earmark.evaluation.run import Evaluation, evaluate, fingerprint
from earmark.evaluation.splits import (
    ArtistKFold,
    KFold,
    LeaveOneArtistOut,
    LeaveOneOut,
    ListedSplit,
    RandomSplit,
    Split,
)
from earmark.evaluation.text import evaluation_text
from support.evaluated import make_corpus, relabel

PLAIN = Vote(k=3, plain=True)
SPLITS: list[Split] = [
    RandomSplit(0.2, repeats=3),
    KFold(4),
    ArtistKFold(3, repeats=2),
    LeaveOneOut(),
    LeaveOneArtistOut(),
    ListedSplit(np.arange(4, 40), np.array([0, 1, 2, 3, 44, 45])),
]


def brute_force(corpus: Corpus, asked: int, known: np.ndarray, k: int) -> str:
    """Return the genre that most of the k nearest known tracks have, by loops."""
    far = sorted(
        (float(np.linalg.norm(corpus.vectors[asked] - corpus.vectors[i])), i) for i in known
    )
    votes: Counter[str] = Counter(corpus.genres[i] for _, i in far[:k])
    total = {g: sum(d for d, i in far[:k] if corpus.genres[i] == g) for g in votes}
    return min(votes, key=lambda genre: (-votes[genre], total[genre]))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_every_question_is_answered_as_by_hand(split: Split) -> None:
    corpus = make_corpus(artist_spread=2.0)
    judged = ask(corpus, split, PLAIN)
    expected = [
        (fold.repeat, int(asked), brute_force(corpus, asked, fold.train, 3))
        for fold in split.folds(corpus.labels, corpus.groups)
        for asked in fold.test
    ]
    given_ = [
        (int(repeat), int(row), corpus.genre_names[genre])
        for repeat, row, genre in zip(judged.repeat, judged.rows, judged.predicted, strict=True)
    ]
    assert sorted(given_) == sorted(expected)
    right = [corpus.genres[asked] == genre for _, asked, genre in expected]
    figures = figures_of(corpus, judged)
    assert figures.accuracy == pytest.approx(np.mean(right))
    assert figures.artist_known == pytest.approx(
        np.mean(
            [
                corpus.groups[asked] in set(corpus.groups[fold.train])
                for fold in split.folds(corpus.labels, corpus.groups)
                for asked in fold.test
            ]
        )
    )


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
@pytest.mark.parametrize("vote", [PLAIN, Vote()], ids=["plain", "fitted"])
def test_neighbors_are_of_the_known_side_and_of_other_artists(split: Split, vote: Vote) -> None:
    corpus = make_corpus(n_artists=15)
    judged = ask(corpus, split, vote)
    assert np.allclose(judged.probabilities.sum(axis=1), 1)
    assert np.array_equal(judged.neighbors >= 0, np.isfinite(judged.distances))
    for row, neighbors in zip(judged.rows, judged.neighbors, strict=True):
        there = neighbors[neighbors >= 0]
        assert len(there) > 0
        assert row not in there
        if split.keeps_groups:
            assert corpus.groups[row] not in corpus.groups[there]


def test_a_genre_that_the_known_side_lacks_is_never_named() -> None:
    corpus = make_corpus()
    known = np.flatnonzero(corpus.labels != 0)[4:]
    judged = ask(corpus, ListedSplit(known, np.arange(4)), Vote())
    assert np.all(judged.probabilities[:, 0] == 0)
    assert np.all(judged.predicted != 0)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 8), st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 99)
)
def test_figures_agree_with_scikit_learn_on_any_library(
    n_artists: int, tracks_each: int, n_genres: int, k: int, seed: int
) -> None:
    corpus = make_corpus(
        n_artists, tracks_each, genres=("a", "b", "c")[:n_genres], seed=seed, artist_spread=3.0
    )
    judged = ask(corpus, LeaveOneArtistOut(), Vote(k, plain=True))
    figures = figures_of(corpus, judged)
    truth, said = corpus.labels[judged.rows], judged.predicted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert figures.accuracy == pytest.approx(sk.accuracy_score(truth, said))
        assert figures.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(truth, said))
        assert figures.macro_f1 == pytest.approx(
            sk.f1_score(truth, said, average="macro", zero_division=0)
        )
        labels = list(range(len(corpus.genre_names)))
        assert np.array_equal(figures.confusion, sk.confusion_matrix(truth, said, labels=labels))
        if len(labels) > 1:
            loss = sk.log_loss(truth, judged.probabilities, labels=labels)
            assert figures.log_loss == pytest.approx(loss)
    assert figures.accuracy in figures.accuracy_interval


def test_repeats_are_averaged_and_do_not_make_a_figure_surer() -> None:
    corpus = make_corpus(artist_spread=2.0)
    many = figures_of(corpus, ask(corpus, RandomSplit(0.3, repeats=20), PLAIN))
    assert many.accuracy == pytest.approx(np.mean(many.accuracies))
    assert many.spread == pytest.approx(np.std(many.accuracies, ddof=1))
    assert many.n_tracks == len(corpus)
    single = figures_of(corpus, ask(corpus, KFold(5), PLAIN))
    assert single.spread is None
    assert many.accuracy_interval == wilson(many.accuracy * len(corpus), len(corpus))


def test_the_leak_is_seen_as_a_number() -> None:
    corpus = make_corpus(n_artists=18, tracks_each=5, artist_spread=2.5)
    evaluation = evaluate(corpus, Request("random", repeats=5), PLAIN)
    assert evaluation.trust.level == "leaky"
    assert "tears artists apart" in evaluation.trust.verdict
    honest = evaluation.honest
    assert honest is not None
    assert honest.name == "leave-one-artist-out"
    assert honest.figures.accuracy < evaluation.figures.accuracy - 0.1
    assert f"believe {100 * honest.figures.accuracy:.1f}%" in evaluation.sentence()
    other_way = evaluate(corpus, None, PLAIN)
    assert other_way.split == "leave-one-artist-out"
    assert other_way.trust.level == "honest"
    assert "a random split would have claimed" in other_way.sentence()
    assert other_way.figures.accuracy == pytest.approx(honest.figures.accuracy)


def test_without_artists_nobody_vouches() -> None:
    corpus = make_corpus(known=False)
    evaluation = evaluate(corpus, None, PLAIN)
    assert evaluation.split == "leave-one-out"
    assert evaluation.trust.level == "unvouched"
    assert "nobody can vouch" in evaluation.trust.verdict
    random = evaluate(corpus, Request("random", repeats=2), PLAIN)
    assert random.trust.level == "leaky"
    half = replace(corpus, artists=("Ann", *([None] * 40), *(["Bob"] * 7)))
    assert evaluate(half, None, PLAIN).trust.level == "unvouched"
    most = replace(corpus, artists=(None, *(f"{i}" for i in range(47))))
    trust = evaluate(most, None, PLAIN).trust
    assert trust.level == "honest"
    assert "1 of 48 tracks (2%) is unknown" in trust.verdict


def test_mistakes_are_wrong_and_the_surest_come_first() -> None:
    corpus = make_corpus(n_artists=18, artist_spread=3.0)
    mistakes = evaluate(corpus, None, Vote(plain=True, k=5)).mistakes
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
    corpus = make_corpus()
    request = Request("artist-k-fold", folds=3, seed=4)
    assert same(evaluate(corpus, request, PLAIN), evaluate(corpus, request, PLAIN))
    other = evaluate(corpus, replace(request, seed=5), PLAIN)
    assert not same(evaluate(corpus, request, PLAIN), other)


def test_json_has_every_figure_and_is_json() -> None:
    found = json.loads(json.dumps(evaluate(make_corpus(), None, Vote()).to_json(), allow_nan=False))
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
    corpus = make_corpus(3, tracks_each, genres=genres)
    for vote in (PLAIN, Vote()):
        evaluation = evaluate(corpus, None, vote)
        assert evaluation.figures.n_tracks == 3 * tracks_each
        assert evaluation_text(evaluation)
        if len(genres) == 1:
            assert evaluation.figures.accuracy == 1.0


def test_ties_go_to_the_nearer_genre_whatever_the_order() -> None:
    corpus = make_corpus(2, 1, genres=("a", "b"))
    vectors = np.array([[0.0, 0], [1, 0], [0.4, 0], [0.6, 0]])
    tracks = tuple(replace(corpus.tracks[i % 2], name=f"{i}") for i in range(4))
    corpus = replace(corpus, tracks=tracks, vectors=vectors, artists=("w", "x", "y", "z"))
    split = ListedSplit(np.array([0, 1]), np.array([2, 3]))
    assert list(ask(corpus, split, Vote(2, plain=True)).predicted) == [0, 1]


@pytest.mark.parametrize(
    ("corpus", "request_", "word"),
    [
        (make_corpus(1), Request(), "one artist"),
        (make_corpus(1, 1), Request(), "at least two"),
        (make_corpus(2), Request("artist-k-fold"), "2 or fewer"),
        (make_corpus(), Request("fault-filtered"), "not named as GTZAN's"),
        (make_corpus(), Request("files"), "needs both lists"),
        (make_corpus(), Request("nonsense"), "there is no split"),
    ],
)
def test_what_cannot_be_evaluated_is_said(corpus: Corpus, request_: Request, word: str) -> None:
    with pytest.raises(EvaluationError, match=word):
        evaluate(corpus, request_, PLAIN)


def test_progress_reaches_the_end() -> None:
    corpus = make_corpus()
    for split in SPLITS:
        told: list[tuple[int, int]] = []
        judged = ask(
            corpus, split, PLAIN, lambda done, total, told=told: told.append((done, total))
        )
        assert told[-1] == (len(judged.rows), len(judged.rows))


def test_lists_from_files_say_what_they_lack(tmp_path: object) -> None:
    folder = tmp_path
    corpus = make_corpus()
    train, test = folder / "train.txt", folder / "test.txt"  # type: ignore[operator]
    train.write_text("\n".join([*corpus.names[1:20], "not there"]))
    test.write_text("\n".join([corpus.names[0], *corpus.names[20:24]]))
    choice = choose(corpus, Request(train=train, test=test))
    assert choice.split.name == "files"
    assert any("1 of 20 tracks" in note for note in choice.notes)
    # tracks 1 to 3 are by the artist of track 0, who is asked
    assert any(note.startswith("3 tracks to learn from were left out") for note in choice.notes)
    (fold,) = choice.split.folds(corpus.labels, corpus.groups)
    assert len(fold.train) == 16
    test.write_text("nobody\n")
    with pytest.raises(EvaluationError, match=r"test\.txt: names 1 track, which is not in"):
        choose(corpus, Request("files", train=train, test=test))
    test.write_text("# mine\n\n")
    with pytest.raises(EvaluationError, match=r"test\.txt: is empty"):
        choose(corpus, Request("files", train=train, test=test))
    test.write_text("\n".join(corpus.names[4:7]))
    with pytest.raises(EvaluationError) as told:
        choose(corpus, Request("files", train=train, test=test))
    shared = f"{train} and {test}: {corpus.names[4]} and 2 more are on both lists"
    assert str(told.value).startswith(shared)
    test.write_text(corpus.names[4])
    with pytest.raises(EvaluationError, match=f"{corpus.names[4]} is on both lists"):
        choose(corpus, Request("files", train=train, test=test))


def test_errors_name_the_library() -> None:
    for corpus in (make_corpus(1, 1), make_corpus(1)):
        for request in (Request(), Request("artist-k-fold")):
            with pytest.raises(EvaluationError, match=r"^made-up\.earmark: "):
                evaluate(corpus, request, PLAIN)
    with pytest.raises(EvaluationError, match=r"^made-up\.earmark: "):
        audit(make_corpus(1, 1))


def test_more_neighbors_than_may_vote_are_spoken_of() -> None:
    corpus = make_corpus()
    assert not evaluate(corpus, None, Vote(44, plain=True), beside=False).notes
    empty = evaluate(corpus, None, Vote(45, plain=True), beside=False)
    assert empty.trust.level == "unvouched"
    assert empty.trust.verdict.startswith("K is 45, but of a question only 44 tracks may vote")
    assert "says nothing of the library" in empty.trust.verdict
    assert "that it has not heard" not in empty.sentence()
    (note, *_) = evaluate(corpus, None, Vote(45, plain=False), beside=False).notes
    assert "says nothing" not in note
    assert not evaluate(make_corpus(3, 1), None, Vote()).notes
    assert "would have claimed" not in evaluate(corpus, None, Vote(45, plain=True)).sentence()
    # Of the splits beside it, too.
    notes = evaluate(corpus, Request("k-fold", folds=24), Vote(45, plain=True)).notes
    assert [note.split(":")[0] for note in notes] == [
        "random 85/15, 30 times, seed 0", "every artist in turn",
    ]  # fmt: skip
    found = compare(corpus, corpus, (Vote(3, True), Vote(99, True)), lambda _: LeaveOneOut())
    assert "k is 99" in found.notes[0]
    assert len(found.notes) == 1


def test_without_artists_none_are_spoken_of() -> None:
    text = evaluation_text(evaluate(make_corpus(known=False), None, PLAIN))
    assert "(bootstrap over 48 recordings)" in text
    assert "every track in turn, its copies left out" in text
    figures = text[text.index("Side by side") :].replace("artists met", "")
    assert "artist" not in figures
    page = report_html(evaluate(make_corpus(known=False), None, PLAIN))
    assert "48 recordings. Ranges" in page
    assert "over artists</dd>" not in page
    with_artists = evaluation_text(evaluate(make_corpus(), None, PLAIN))
    assert "(bootstrap over 12 artists or groups)" in with_artists


def test_labels_may_be_swapped_for_the_tests() -> None:
    corpus = make_corpus()
    swapped = relabel(corpus, np.roll(corpus.labels, 1))
    assert swapped.genres == tuple(corpus.genre_names[i] for i in np.roll(corpus.labels, 1))


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_the_baseline_is_that_of_a_guess_at_the_most_frequent_genre(split: Split) -> None:
    # 8 tracks of the first genre, 4 of the second, 36 of the last.
    corpus = relabel(make_corpus(artist_spread=2.0), [0] * 8 + [1] * 4 + [2] * 36)
    judged = ask(corpus, split, PLAIN)
    folds = list(split.folds(corpus.labels, corpus.groups))
    known = np.concatenate([corpus.labels[fold.train] for fold in folds])
    asked = np.concatenate([corpus.labels[fold.test] for fold in folds])
    guess = DummyClassifier(strategy="most_frequent").fit(known[:, None], known)
    assert judged.baseline == pytest.approx(guess.score(asked[:, None], asked))


def test_equal_mistakes_are_ordered_by_how_near_the_neighbor_is() -> None:
    corpus = make_corpus(n_artists=18, artist_spread=3.0)
    # Of one neighbor every answer is as sure as the others.
    judged = ask(corpus, LeaveOneArtistOut(), Vote(1, plain=True))
    wrong = np.flatnonzero(judged.predicted != corpus.labels[judged.rows])
    nearest = [(float(judged.distances[i, 0]), corpus.names[judged.rows[i]]) for i in wrong]
    assert len(nearest) > 3
    assert nearest != sorted(nearest)
    expected = [name for _, name in sorted(nearest)]
    assert [m.track for m in worst_mistakes(corpus, judged, len(wrong))] == expected
    assert [m.track for m in worst_mistakes(corpus, judged, 2)] == expected[:2]


def test_the_fingerprint_is_that_of_tracks_genres_and_vectors() -> None:
    corpus = make_corpus()
    vectors = corpus.vectors.astype(np.float32)
    corpus = replace(corpus, vectors=vectors)
    assert fingerprint(replace(corpus, vectors=vectors.astype(np.float64))) == fingerprint(corpus)
    assert fingerprint(replace(corpus, source="elsewhere")) == fingerprint(corpus)
    moved = vectors.copy()
    moved[7, 3] = np.nextafter(moved[7, 3], np.float32(np.inf))
    named = (replace(corpus.tracks[0], name="another"), *corpus.tracks[1:])
    others = [
        replace(corpus, vectors=moved),
        replace(corpus, vectors=vectors[::-1]),
        replace(corpus, tracks=named),
        relabel(corpus, np.roll(corpus.labels, 1)),
    ]
    assert len({fingerprint(one) for one in [corpus, *others]}) == 5
