"""Every figure agrees with scikit-learn and with a loop that anyone can follow."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import dummy
from sklearn import metrics as sk

from earmark.errors import EvaluationError
from earmark.evaluation import metrics

Pairs = tuple[int, list[tuple[int, int]]]


@st.composite
def pairs(draw: st.DrawFn) -> Pairs:
    n_genres = draw(st.integers(1, 6))
    label = st.integers(0, n_genres - 1)
    return n_genres, draw(st.lists(st.tuples(label, label), min_size=1, max_size=60))


@st.composite
def answers(draw: st.DrawFn) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    n_genres = draw(st.integers(2, 5))
    votes = draw(
        st.lists(
            st.lists(st.integers(0, 4), min_size=n_genres, max_size=n_genres).filter(any),
            min_size=1,
            max_size=40,
        )
    )
    p = np.array(votes, dtype=float)
    truth = draw(st.lists(st.integers(0, n_genres - 1), min_size=len(p), max_size=len(p)))
    return np.array(truth), p / p.sum(axis=1, keepdims=True)


@pytest.mark.slow
@given(pairs())
def test_figures_of_the_confusion_matrix_are_those_of_scikit_learn(drawn: Pairs) -> None:
    n_genres, rows = drawn
    truth, said = (np.array(side) for side in zip(*rows, strict=True))
    confusion = metrics.confusion_matrix(truth, said, n_genres)
    labels = list(range(n_genres))
    assert metrics.accuracy(confusion) == pytest.approx(sk.accuracy_score(truth, said))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of genres that nobody has
        assert np.array_equal(confusion, sk.confusion_matrix(truth, said, labels=labels))
        assert metrics.balanced_accuracy(confusion) == pytest.approx(
            sk.balanced_accuracy_score(truth, said)
        )
        assert metrics.macro_f1(confusion) == pytest.approx(
            sk.f1_score(truth, said, average="macro", zero_division=0)
        )
        theirs = sk.precision_recall_fscore_support(truth, said, labels=labels, zero_division=0)
    for ours, p, r, f, n in zip(metrics.per_genre(confusion), *theirs, strict=True):
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx((p, r, f))
        assert ours.support == n


@given(pairs())
def test_figures_of_the_confusion_matrix_are_those_of_a_loop(drawn: Pairs) -> None:
    n_genres, rows = drawn
    truth, said = (np.array(side) for side in zip(*rows, strict=True))
    confusion = metrics.confusion_matrix(truth, said, n_genres)
    recalls, f1s = [], []
    for genre in range(n_genres):
        hits = sum(1 for t, s in rows if t == s == genre)
        support = sum(1 for t, _ in rows if t == genre)
        named = sum(1 for _, s in rows if s == genre)
        if support:
            recalls.append(hits / support)
        if support or named:
            f1s.append(2 * hits / (support + named))
    assert metrics.accuracy(confusion) == pytest.approx(sum(t == s for t, s in rows) / len(rows))
    assert metrics.balanced_accuracy(confusion) == pytest.approx(sum(recalls) / len(recalls))
    assert metrics.macro_f1(confusion) == pytest.approx(sum(f1s) / len(f1s))


def test_a_stack_of_matrices_gives_the_figure_of_each() -> None:
    stack = np.random.default_rng(1).integers(0, 9, (7, 4, 4))
    for figure in (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1):
        assert figure(stack) == pytest.approx([float(figure(one)) for one in stack])


@given(pairs())
def test_majority_baseline_is_scikit_learns_dummy(drawn: Pairs) -> None:
    n_genres, rows = drawn
    train, test = (np.array(side) for side in zip(*rows, strict=True))
    theirs = dummy.DummyClassifier(strategy="most_frequent").fit(np.zeros((len(train), 1)), train)
    assert metrics.majority_baseline(np.bincount(train, minlength=n_genres), test) == pytest.approx(
        theirs.score(np.zeros((len(test), 1)), test)
    )


@pytest.mark.slow
@given(answers())
def test_log_loss_is_scikit_learns(drawn: tuple[NDArray[np.intp], NDArray[np.float64]]) -> None:
    truth, p = drawn
    expected = sk.log_loss(truth, p, labels=list(range(p.shape[1])))
    assert metrics.log_loss(truth, p) == pytest.approx(expected, abs=1e-9)


def test_log_loss_of_a_coin_is_ln_2() -> None:
    assert metrics.log_loss([0, 1, 1], np.full((3, 2), 0.5)) == pytest.approx(math.log(2))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50),
    st.integers(1, 12),
)
def test_calibration_is_that_of_a_loop(rows: list[tuple[float, bool]], n_bins: int) -> None:
    c, right = (np.array(side) for side in zip(*rows, strict=True))
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, hit in rows:
        below = sum(other < confidence for other, _ in rows)
        equal = sum(other == confidence for other, _ in rows)
        bins.setdefault(int((below + equal / 2) / len(rows) * n_bins), []).append((confidence, hit))
    expected = sum(
        abs(sum(x for x, _ in members) - sum(hit for _, hit in members))
        for members in bins.values()
    ) / len(rows)
    assert metrics.calibration_error(c, right, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)
    order = np.random.default_rng(0).permutation(len(c))
    assert metrics.calibration_error(c[order], right[order], n_bins=n_bins) == pytest.approx(
        expected, abs=1e-12
    )


def test_bins_hold_equal_counts_and_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    c = rng.random(500)
    right = rng.random(500) < c
    curve = metrics.calibration_curve(c, right, n_bins=10)
    assert [b.count for b in curve] == [50] * 10
    from sklearn.calibration import calibration_curve

    share, confidence = calibration_curve(right, c, n_bins=10, strategy="quantile")
    assert [b.accuracy for b in curve] == pytest.approx(list(share))
    assert [b.confidence for b in curve] == pytest.approx(list(confidence))


def test_a_vote_that_knows_itself_has_no_calibration_error() -> None:
    c = np.repeat([0.25, 0.5, 1.0], 8)
    right = np.concatenate([np.arange(8) < 2, np.arange(8) < 4, np.ones(8, bool)])
    assert metrics.calibration_error(c, right) == pytest.approx(0)


def test_a_share_that_parts_equally_sure_tracks_draws_among_them() -> None:
    curve = metrics.answer_curve([0.9, 0.5, 0.5, 0.5, 0.5], [True, True, False, False, False])
    point = metrics.accuracy_at_share(curve, 0.6)
    assert (point.threshold, point.share) == (0.5, 0.6)
    assert point.accuracy == pytest.approx((1 + 2 * 0.25) / 3)


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60))
def test_answer_curve_counts_what_stands_at_or_above_each_threshold(
    rows: list[tuple[int, bool]],
) -> None:
    c, right = np.array([v / 8 for v, _ in rows]), np.array([hit for _, hit in rows])
    curve = metrics.answer_curve(c, right)
    assert [p.threshold for p in curve] == sorted(set(c), reverse=True)
    for point in curve:
        answered = [hit for v, hit in zip(c, right, strict=True) if v >= point.threshold]
        assert point.share == pytest.approx(len(answered) / len(rows))
        assert point.accuracy == pytest.approx(sum(answered) / len(answered))
        again = metrics.accuracy_at_share(curve, point.share)
        assert (again.threshold, again.accuracy) == pytest.approx((point.threshold, point.accuracy))
    assert curve[-1].share == 1.0


def test_sets_are_counted() -> None:
    sets = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=bool)
    scores = metrics.set_coverage([0, 0, 2, 1], sets)
    assert (scores.covered, scores.count, scores.mean_size) == (2, 4, 1.5)
    assert scores.coverage == 0.5


def test_one_genre_only_is_always_right() -> None:
    confusion = metrics.confusion_matrix([0, 0], [0, 0], 1)
    scores = (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1)
    assert [float(figure(confusion)) for figure in scores] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.confusion_matrix([], [], 3),
        lambda: metrics.confusion_matrix([0], [0, 1], 3),
        lambda: metrics.confusion_matrix([3], [0], 3),
        lambda: metrics.confusion_matrix([-1], [0], 3),
        lambda: metrics.confusion_matrix([0.5], [0], 3),
        lambda: metrics.accuracy(np.zeros((3, 3))),
        lambda: metrics.accuracy(np.ones((2, 3))),
        lambda: metrics.majority_baseline([0, 0], [0]),
        lambda: metrics.majority_baseline([1, 0], []),
        lambda: metrics.log_loss([0], [[0.4, 0.4]]),
        lambda: metrics.log_loss([0], [[float("nan"), 0.4]]),
        lambda: metrics.log_loss([0, 1], [[0.5, 0.5]]),
        lambda: metrics.log_loss([], np.zeros((0, 2))),
        lambda: metrics.calibration_error([], []),
        lambda: metrics.calibration_error([1.5], [True]),
        lambda: metrics.calibration_error([0.5], [True], n_bins=0),
        lambda: metrics.answer_curve([0.5], [True, False]),
        lambda: metrics.accuracy_at_share(metrics.answer_curve([0.5], [True]), 0.0),
        lambda: metrics.set_coverage([0, 1], np.ones((3, 2), bool)),
    ],
)
def test_what_cannot_be_judged_is_said(call: object) -> None:
    with pytest.raises(EvaluationError) as raised:
        call()  # type: ignore[operator]
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@given(
    st.lists(st.tuples(*[st.tuples(*[st.booleans()] * 3)] * 2), min_size=1, max_size=12),
)
def test_lists_of_genres_are_scored_as_scikit_learn_does(
    rows: list[tuple[tuple[bool, ...], tuple[bool, ...]]],
) -> None:
    truth, listed = (np.array(each) for each in zip(*rows, strict=True))
    found = metrics.list_scores(truth, listed)
    for name, theirs in [
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
        ("f1", sk.f1_score),
    ]:
        told = theirs(truth, listed, average="micro", zero_division=0)
        assert getattr(found, name) == pytest.approx(told)
    assert found.exact == pytest.approx(sk.accuracy_score(truth, listed))
    assert (found.held, found.listed) == (
        pytest.approx(truth.sum(axis=1).mean()),
        pytest.approx(listed.sum(axis=1).mean()),
    )


def test_lists_of_nothing_or_of_others_are_refused() -> None:
    with pytest.raises(EvaluationError, match="lists must be"):
        metrics.list_scores(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(EvaluationError, match="lists must be"):
        metrics.list_scores([[True]], [[True, False]])
