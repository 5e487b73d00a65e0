"""Intervals and tests agree with independent implementations and keep their promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from earmark.errors import EvaluationError
from earmark.evaluation import metrics
from earmark.evaluation.intervals import bootstrap, mcnemar, paired, wilson

FIGURES = {"accuracy": metrics.accuracy, "balanced": metrics.balanced_accuracy}


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(drawn: tuple[int, int]) -> None:
    hits, count = drawn
    theirs = stats.binomtest(hits, count).proportion_ci(method="wilson")
    ours = wilson(hits, count)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert hits / count in ours


@pytest.mark.parametrize(("hits", "count"), [(1, 0), (-1, 4), (5, 4)])
def test_wilson_of_nonsense_is_refused(hits: int, count: int) -> None:
    with pytest.raises(EvaluationError):
        wilson(hits, count)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_binomial_test(first: int, second: int) -> None:
    n = first + second
    expected = stats.binomtest(first, n, 0.5).pvalue if n else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_mcnemar_of_many_does_not_overflow() -> None:
    assert mcnemar(40_000, 30_000) == pytest.approx(
        stats.binomtest(40_000, 70_000).pvalue, rel=1e-6, abs=1e-300
    )


def cluster(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eighty artists of five tracks each, right or wrong together."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.integers(0, 3, 80), 5)
    wrong = np.repeat(rng.random(80) < 0.3, 5)
    return truth, np.where(wrong, (truth + 1) % 3, truth), np.repeat(np.arange(80), 5)


def test_bootstrap_is_that_of_a_loop() -> None:
    truth, said, groups = cluster()
    ours = bootstrap(truth, said, groups, 3, FIGURES, resamples=200, seed=5)
    rng = np.random.default_rng(5)
    values = []
    for _ in range(200):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(80, size=80)])
        values.append(float(np.mean(truth[rows] == said[rows])))
    low, high = np.percentile(values, [2.5, 97.5])
    assert ours["accuracy"] is not None
    assert (ours["accuracy"].low, ours["accuracy"].high) == pytest.approx((low, high))


def test_artists_give_a_wider_interval_than_tracks() -> None:
    truth, said, groups = cluster()
    by_artist = bootstrap(truth, said, groups, 3, FIGURES)["accuracy"]
    by_track = bootstrap(truth, said, np.arange(len(truth)), 3, FIGURES)["accuracy"]
    assert by_artist is not None
    assert by_track is not None
    # five tracks that stand or fall together are worth one: √5 ≈ 2.2
    assert 1.8 < (by_artist.high - by_artist.low) / (by_track.high - by_track.low) < 2.7


def test_bootstrap_over_tracks_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 150)
    said = np.where(rng.random(150) < 0.2, 1 - truth, truth)
    ours = bootstrap(truth, said, np.arange(150), 2, FIGURES)["accuracy"]
    theirs = stats.bootstrap(
        ((truth == said).astype(float),), np.mean, method="percentile", rng=rng, n_resamples=2000
    ).confidence_interval
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_bootstrap_repeats_with_its_seed_and_needs_two_groups() -> None:
    truth, said, groups = cluster()
    once = bootstrap(truth, said, groups, 3, FIGURES, resamples=50, seed=1)
    assert once == bootstrap(truth, said, groups, 3, FIGURES, resamples=50, seed=1)
    assert once != bootstrap(truth, said, groups, 3, FIGURES, resamples=50, seed=2)
    assert bootstrap(truth, said, np.zeros(len(truth)), 3, FIGURES) == {
        "accuracy": None,
        "balanced": None,
    }
    with pytest.raises(EvaluationError):
        bootstrap(truth, said, groups[1:], 3, FIGURES)


def test_paired_test_sees_what_two_separate_intervals_cannot() -> None:
    truth, first, groups = cluster()
    mended = np.isin(groups, np.unique(groups[first != truth])[:8])
    second = np.where(mended, truth, first)  # better on a few artists, never worse
    test = paired(truth, first, second, groups, 3, metrics.accuracy)
    assert test.difference == pytest.approx(np.mean(second == truth) - np.mean(first == truth))
    assert test.only_first == 0
    assert test.only_second > 0
    assert test.interval is not None
    assert test.interval.low > 0
    same = paired(truth, first, first, groups, 3, metrics.accuracy)
    assert (same.difference, same.mcnemar) == (0.0, 1.0)
    assert same.interval is not None
    assert (same.interval.low, same.interval.high) == (0.0, 0.0)


def test_paired_is_antisymmetric() -> None:
    truth, first, groups = cluster(0)
    second = cluster(1)[1] % 3
    there = paired(truth, first, second, groups, 3, metrics.balanced_accuracy, seed=4)
    back = paired(truth, second, first, groups, 3, metrics.balanced_accuracy, seed=4)
    assert there.difference == pytest.approx(-back.difference)
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval.low == pytest.approx(-back.interval.high)


def test_paired_refuses_what_does_not_match() -> None:
    with pytest.raises(EvaluationError):
        paired([0, 1], [0], [0, 1], [0, 1], 2, metrics.accuracy)
    with pytest.raises(EvaluationError):
        paired([], [], [], [], 2, metrics.accuracy)
