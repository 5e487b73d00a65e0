"""Probabilities, thresholds and prediction sets, fitted to votes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from earmark.neighbors.calibration import COVERAGE, calibrate, sharpen
from earmark.neighbors.novelty import INDECISION, KEPT, indecision


def votes(n: int, n_genres: int = 5, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw shares of votes [n, G] that are too unsure of themselves, and the true genres [n]."""
    rng = np.random.default_rng(seed)
    true_probabilities = rng.dirichlet(np.full(n_genres, 0.25), size=n)
    labels = np.array([rng.choice(n_genres, p=row) for row in true_probabilities])
    shares = np.sqrt(true_probabilities)
    return shares / shares.sum(axis=1, keepdims=True), labels


def evidence(n: int) -> np.ndarray:
    """Return what is known of n tracks beside their votes: nothing that tells them apart."""
    return np.ones((n, 2))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(confidence), 10)
    gaps = [abs(right[part].mean() - confidence[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(labels))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=9),
    st.floats(1e-4, 1),
    st.floats(0.1, 8),
)
def test_sharpening_keeps_the_order(rows: list[list[float]], floor: float, power: float) -> None:
    shares = np.array(rows)
    probabilities = sharpen(shares, floor, power)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    expected = (shares + floor) ** power
    np.testing.assert_allclose(
        probabilities, expected / expected.sum(axis=1, keepdims=True), rtol=1e-9
    )
    for before, after in zip(shares, probabilities, strict=True):
        order = np.argsort(before)
        assert (np.diff(after[order]) >= -1e-12).all()


def test_no_vote_is_not_no_chance() -> None:
    probabilities = sharpen(np.array([[1.0, 0.0]]), 1e-3, 4.0)
    assert 0 < probabilities[0, 1] < 1e-6
    assert np.isfinite(np.log(probabilities)).all()


def test_calibration_makes_probabilities_better_and_true() -> None:
    shares, labels = votes(2000)
    fresh, fresh_labels = votes(4000, seed=1)
    calibration = calibrate(shares, labels, evidence(2000))
    probabilities = calibration.probabilities(fresh)
    assert log_loss(fresh_labels, probabilities) < log_loss(fresh_labels, fresh) - 0.05
    assert calibration_error(fresh, fresh_labels) > 0.1
    assert calibration_error(probabilities, fresh_labels) < 0.04
    # The square root was what was wrong with the shares.
    assert 1.5 < calibration.power < 2.7


def test_right_shares_are_left_about_as_they_are() -> None:
    shares, labels = votes(4000)
    right = shares**2 / (shares**2).sum(axis=1, keepdims=True)
    calibration = calibrate(right, labels, evidence(4000))
    assert calibration.power == pytest.approx(1, abs=0.2)
    assert calibration.floor < 0.05


def test_accuracy_is_that_of_the_answers() -> None:
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    calibration = calibrate(shares, np.array([0, 0, 1, 1]), evidence(4))
    assert calibration.n_judged == 4
    assert calibration.accuracy == 0.75
    skewed = calibrate(shares, np.array([0, 0, 0, 0]), evidence(4))
    assert (skewed.accuracy, skewed.balanced_accuracy) == (0.75, 0.75)
    uneven = calibrate(shares, np.array([0, 0, 0, 1]), evidence(4))
    assert (uneven.accuracy, uneven.balanced_accuracy) == (1.0, 1.0)
    third = calibrate(shares, np.array([1, 0, 0, 1]), evidence(4))
    assert third.balanced_accuracy == pytest.approx((1 + 0.5) / 2)


@pytest.mark.parametrize("n", [1, 5, 8, 9, 19, 99, 100, 598, 999])
def test_sets_are_those_of_split_conformal_prediction(n: int) -> None:
    shares, labels = votes(n, seed=n)
    calibration = calibrate(shares, labels, evidence(n))
    scores = 1 - calibration.probabilities(shares)[np.arange(n), labels]
    # The ceil((n + 1) · 0.9)-th smallest score, in whole numbers; without such a track, everything.
    rank = -(-9 * (n + 1) // 10)
    if rank > n:
        assert calibration.set_thresholds.whole == 0
    else:
        assert 1 - calibration.set_thresholds.whole == pytest.approx(np.sort(scores)[rank - 1])
    covered = scores <= 1 - calibration.set_thresholds.whole + 1e-12
    assert covered.mean() >= COVERAGE - 1e-9


@pytest.mark.slow
def test_fresh_sets_hold_the_truth_as_often_as_promised() -> None:
    held = []
    for seed in range(30):
        shares, labels = votes(300, seed=seed)
        fresh, fresh_labels = votes(500, seed=1000 + seed)
        calibration = calibrate(shares, labels, evidence(300))
        sets = calibration.probabilities(fresh) >= calibration.set_thresholds.whole
        held.append(sets[np.arange(500), fresh_labels].mean())
    # Each varies with its 300 tracks; their mean does so less by the root of 30.
    assert abs(np.mean(held) - COVERAGE) < 3 * np.sqrt(0.09 * (1 / 300 + 1 / 500) / 30)


def test_few_of_the_own_tracks_are_refused() -> None:
    shares, labels = votes(1000)
    others = np.random.default_rng(0).gamma(20, 0.05, size=(1000, 2))
    calibration = calibrate(shares, labels, others)
    probabilities = calibration.probabilities(shares)
    known = np.insert(others, INDECISION, indecision(probabilities), axis=1)
    scale = calibration.novelty
    assert scale is not None
    refused = scale.refuses(scale.scores(known))
    assert refused.mean() == pytest.approx(1 - KEPT, abs=2e-3)
    # What is refused is less certain, and farther out.
    assert probabilities[refused].max(axis=1).mean() < probabilities[~refused].max(axis=1).mean()
    assert (others[refused].mean(axis=0) > others[~refused].mean(axis=0)).all()


def test_a_few_right_answers_do_not_prove_that_none_is_wrong() -> None:
    # One more, unanimous and wrong, counts with them.
    sure = []
    for n in (5, 20, 200):
        labels = np.arange(n) % 2
        calibration = calibrate(np.eye(2)[labels], labels, evidence(n))
        sure.append(float(calibration.probabilities(np.array([[1.0, 0.0]]))[0, 0]))
    assert sure == sorted(sure)
    assert sure[0] < 0.95
    assert sure[1] < 0.99
    assert sure[2] > 0.98
