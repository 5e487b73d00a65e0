"""Figures of merit: true and predicted genres in, numbers out.

The task is single-label classification. Each judged track has one true genre, one predicted genre
and, for some figures, a probability for every genre.

Conventions
-----------
- Genres are integers ``0 … n_genres − 1``, the same numbering on both sides.
- ``truth`` and ``predicted`` are one-dimensional and of equal length; nothing to judge (length 0)
  is an error, since every figure would be made up.
- Where scikit-learn defines a figure, this is its definition, including for genres that occur on
  one side only.

Metrics
-------
``confusion_matrix``, ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``per_genre``,
``majority_baseline``: what was said.
``log_loss``, ``calibration_curve``, ``calibration_error``: how sure it was.
``answer_curve``, ``accuracy_at_share``: what "not sure" buys.
``set_coverage``: whether prediction sets hold what they promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import EvaluationError

Integers = NDArray[np.intp]
Floats = NDArray[np.float64]


def _labels(name: str, values: ArrayLike, n_genres: int) -> Integers:
    array = np.asarray(values)
    if array.ndim != 1:
        raise EvaluationError(f"{name} must be one-dimensional, but has shape {array.shape}")
    if array.size == 0:
        raise EvaluationError("there is nothing to judge: the test part has no tracks")
    if not np.issubdtype(array.dtype, np.integer):
        raise EvaluationError(f"{name} must be genre numbers (integers), not {array.dtype}")
    if array.min() < 0 or array.max() >= n_genres:
        raise EvaluationError(f"{name} must lie in 0 … {n_genres - 1}")
    return array.astype(np.intp)


def _pair(truth: ArrayLike, predicted: ArrayLike, n_genres: int) -> tuple[Integers, Integers]:
    first, second = _labels("truth", truth, n_genres), _labels("predicted", predicted, n_genres)
    if len(first) != len(second):
        raise EvaluationError(f"{len(first)} true genres, but {len(second)} predicted ones")
    return first, second


def _probabilities(truth: Integers, probabilities: ArrayLike) -> Floats:
    array = np.asarray(probabilities, dtype=np.float64)
    if array.ndim != 2 or len(array) != len(truth):
        raise EvaluationError(f"probabilities must be [{len(truth)}, n_genres], not {array.shape}")
    if not np.all(np.isfinite(array)) or array.min() < -1e-9:
        raise EvaluationError("probabilities must be finite and not negative")
    if np.abs(array.sum(axis=1) - 1.0).max() > 1e-6:
        raise EvaluationError("the probabilities of a track must sum to 1")
    return array


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, n_genres: int) -> Integers:
    """Count tracks by true genre (row) and predicted genre (column).

    Parameters
    ----------
    truth, predicted
        Genre numbers [n].
    n_genres
        How many genres there are; rows and columns of genres that do not occur are zero.

    Returns
    -------
    NDArray[np.intp] [shape=(n_genres, n_genres)]

    Raises
    ------
    EvaluationError
        Nothing to judge, unequal lengths, or numbers out of range.
    """
    first, second = _pair(truth, predicted, n_genres)
    cells = np.bincount(first * n_genres + second, minlength=n_genres * n_genres)
    return cells.reshape(n_genres, n_genres).astype(np.intp)


def _counts(confusion: ArrayLike) -> Floats:
    """Check a stack of confusion matrices [..., n_genres, n_genres]; they may hold weights."""
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise EvaluationError(f"a confusion matrix is square, not {matrix.shape}")
    if np.any(matrix.sum(axis=(-2, -1)) <= 0):
        raise EvaluationError("there is nothing to judge: the confusion matrix is empty")
    return matrix


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, with 0 where there is nothing to divide by."""
    result: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return result


def _diagonal(matrix: Floats) -> Floats:
    return np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)


def accuracy(confusion: ArrayLike) -> Floats:
    """Share of tracks whose genre was named.

    Like its siblings that take a confusion matrix, it takes a stack of them too: [..., G, G] in,
    [...] out. That is what makes a bootstrap of thousands of resamples quick.
    """
    matrix = _counts(confusion)
    share: Floats = np.asarray(_diagonal(matrix).sum(-1) / matrix.sum(axis=(-2, -1)))
    return share


def balanced_accuracy(confusion: ArrayLike) -> Floats:
    """Mean over genres of the share of their tracks that were named rightly.

    As ``sklearn.metrics.balanced_accuracy_score``: genres without a true track do not count.
    """
    matrix = _counts(confusion)
    support = matrix.sum(axis=-1)
    recall = _ratio(_diagonal(matrix), support)
    mean: Floats = np.asarray(recall.sum(-1) / (support > 0).sum(-1))
    return mean


def macro_f1(confusion: ArrayLike) -> Floats:
    """Mean over genres of the harmonic mean of precision and recall.

    As ``sklearn.metrics.f1_score(average="macro")``: over the genres that occur in the truth or in
    the predictions; a genre that is never named rightly counts 0.
    """
    matrix = _counts(confusion)
    occurs = matrix.sum(axis=-1) + matrix.sum(axis=-2)
    mean: Floats = np.asarray(
        _ratio(2.0 * _diagonal(matrix), occurs).sum(-1) / (occurs > 0).sum(-1)
    )
    return mean


@dataclass(frozen=True, slots=True)
class GenreScores:
    """Scores of one genre; each lies in [0, 1] but ``support``, a number of tracks."""

    precision: float
    recall: float
    f1: float
    support: int


def per_genre(confusion: ArrayLike) -> list[GenreScores]:
    """Precision, recall, F1 and support of every genre, in order.

    As ``sklearn.metrics.precision_recall_fscore_support`` with ``zero_division=0``.

    Parameters
    ----------
    confusion
        Counts [n_genres, n_genres].
    """
    matrix = _counts(confusion)
    right, support, said = _diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = _ratio(right, said), _ratio(right, support)
    f1 = _ratio(2.0 * right, support + said)
    return [
        GenreScores(float(p), float(r), float(f), round(float(n)))
        for p, r, f, n in zip(precision, recall, f1, support, strict=True)
    ]


def majority_baseline(known: ArrayLike, asked: ArrayLike) -> float:
    """Accuracy of always naming the most frequent genre of the training side.

    Parameters
    ----------
    known
        How many tracks of each genre there are on the training side [n_genres]. Of equally
        frequent genres the first is named, as ``sklearn.dummy.DummyClassifier`` does.
    asked
        Genre numbers of the test side [n].
    """
    counts = np.asarray(known)
    if counts.ndim != 1 or counts.size == 0 or counts.sum() <= 0:
        raise EvaluationError("there is nothing to learn from: the training part has no tracks")
    truth = _labels("asked", asked, len(counts))
    return float(np.mean(truth == counts.argmax()))


def log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of −ln(probability that was given to the true genre), in nats.

    Probabilities are kept away from 0 by the machine epsilon, as ``sklearn.metrics.log_loss`` does;
    so a vote that gives the true genre nothing costs 36 nats, and one such track can rule the mean.

    Parameters
    ----------
    truth
        Genre numbers [n].
    probabilities
        [n, n_genres], rows sum to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    first = _labels("truth", truth, p.shape[1] if p.ndim == 2 else 1)
    p = _probabilities(first, p)
    given = p[np.arange(len(first)), first]
    epsilon = np.finfo(np.float64).eps
    return float(-np.log(np.clip(given, epsilon, 1.0 - epsilon)).mean())


def _confidences(confidence: ArrayLike, right: ArrayLike) -> tuple[Floats, Floats]:
    c, r = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if c.ndim != 1 or c.shape != r.shape:
        raise EvaluationError(f"confidence {c.shape} and right {r.shape} must be alike, [n]")
    if c.size == 0:
        raise EvaluationError("there is nothing to judge: the test part has no tracks")
    if not np.all(np.isfinite(c)) or c.min() < -1e-9 or c.max() > 1 + 1e-9:
        raise EvaluationError("confidence must lie in 0 … 1")
    return c, r


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Tracks of like confidence: how sure the answers were and how many were right."""

    confidence: float
    accuracy: float
    count: int


def calibration_curve(
    confidence: ArrayLike, right: ArrayLike, *, n_bins: int = 10
) -> list[CalibrationBin]:
    """Group tracks by confidence into bins of equal counts.

    Equally confident tracks always share a bin (the one that the middle of their run falls into),
    so the curve does not depend on the order of the tracks. A plain vote of k has only k different
    confidences and so gives fewer and unequal bins.

    Parameters
    ----------
    confidence
        Probability of the winner [n].
    right
        Whether the winner is the true genre, bool [n].
    n_bins
        How many bins; empty ones are left out.

    Returns
    -------
    list[CalibrationBin]
        By rising confidence.
    """
    c, r = _confidences(confidence, right)
    if n_bins < 1:
        raise EvaluationError(f"there must be at least one bin, not {n_bins}")
    _, run, size = np.unique(c, return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2.0
    bins = np.floor(middle / len(c) * n_bins).astype(np.intp)[run]
    return [
        CalibrationBin(float(c[bins == b].mean()), float(r[bins == b].mean()), int(sum(bins == b)))
        for b in np.unique(bins)
    ]


def calibration_error(confidence: ArrayLike, right: ArrayLike, *, n_bins: int = 10) -> float:
    """Return the expected calibration error, the mean of |confidence − accuracy|.

    The bins of ``calibration_curve``, weighted by how many tracks they hold (Naeini, Cooper and
    Hauskrecht 2015, with bins of equal counts as Nguyen and O'Connor 2015 have them).
    """
    curve = calibration_curve(confidence, right, n_bins=n_bins)
    total = sum(b.count for b in curve)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in curve) / total


@dataclass(frozen=True, slots=True)
class AnswerPoint:
    """One threshold: answer at or above it, say "not sure" below."""

    threshold: float
    share: float
    accuracy: float


def answer_curve(confidence: ArrayLike, right: ArrayLike) -> list[AnswerPoint]:
    """Accuracy of the answers given against the share of tracks that get one.

    One point for each different confidence, from the strictest threshold to answering everything;
    equally confident tracks are answered together.
    """
    c, r = _confidences(confidence, right)
    thresholds, run, size = np.unique(c, return_inverse=True, return_counts=True)
    answered = np.cumsum(size[::-1])
    hits = np.cumsum(np.bincount(run, weights=r)[::-1])
    return [
        AnswerPoint(float(t), float(a / len(c)), float(h / a))
        for t, a, h in zip(thresholds[::-1], answered, hits, strict=True)
    ]


def accuracy_at_share(curve: list[AnswerPoint], share: float) -> AnswerPoint:
    """Return the accuracy if the surest ``share`` of the tracks were answered, and no others.

    Of equally sure tracks that do not all fit in, it counts as many as do, drawn at random: their
    expected accuracy. The threshold is theirs.
    """
    if not 0.0 < share <= 1.0:
        raise EvaluationError(f"the share answered lies in 0 … 1, not {share}")
    below = AnswerPoint(1.0, 0.0, 0.0)
    for point in curve:
        if point.share >= share - 1e-12:
            hits = below.share * below.accuracy
            more = point.share * point.accuracy - hits
            part = (share - below.share) / (point.share - below.share)
            return AnswerPoint(point.threshold, share, (hits + part * more) / share)
        below = point
    raise EvaluationError("the curve does not reach all tracks")


@dataclass(frozen=True, slots=True)
class SetScores:
    """How often prediction sets hold the true genre, and how large they are."""

    covered: int
    count: int
    mean_size: float

    @property
    def coverage(self) -> float:
        """Share of tracks whose set holds their genre."""
        return self.covered / self.count


def set_coverage(truth: ArrayLike, sets: ArrayLike) -> SetScores:
    """Count the tracks whose prediction set holds their genre.

    Parameters
    ----------
    truth
        Genre numbers [n].
    sets
        Whether a genre is in a track's set, bool [n, n_genres].
    """
    members = np.asarray(sets, dtype=bool)
    first = _labels("truth", truth, members.shape[1] if members.ndim == 2 else 1)
    if members.ndim != 2 or len(members) != len(first):
        raise EvaluationError(f"sets must be [{len(first)}, n_genres], not {members.shape}")
    inside = members[np.arange(len(first)), first]
    return SetScores(int(inside.sum()), len(first), float(members.sum(axis=1).mean()))


@dataclass(frozen=True, slots=True)
class ListScores:
    """What lists of several genres are worth, styles and the genres that they are of among them.

    Attributes
    ----------
    precision, recall, f1
        Of all genres of all tracks together (micro-averaged).
    macro_f1
        Mean over genres of F1, of those that are in the truth or in a list.
    exact
        Share of tracks whose list is the truth.
    listed, held
        Genres of an average list, and of an average track.
    """

    precision: float
    recall: float
    f1: float
    macro_f1: float
    exact: float
    listed: float
    held: float


def list_scores(truth: ArrayLike, listed: ArrayLike) -> ListScores:
    """Compare lists of genres with the genres that tracks have.

    Parameters
    ----------
    truth, listed
        Whether a track has a genre, and whether it was listed, bool [n, N], n at least 1.

    Examples
    --------
    >>> found = list_scores([[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]])
    >>> round(found.precision, 2), round(found.recall, 2), found.exact
    (0.67, 0.67, 0.0)
    """
    true, named = np.asarray(truth, dtype=bool), np.asarray(listed, dtype=bool)
    if true.ndim != 2 or true.shape != named.shape or not len(true):
        raise EvaluationError(f"lists must be [n, N], not {true.shape} and {named.shape}")
    both, of_truth, of_lists = (
        each.sum(axis=0, dtype=np.float64) for each in (true & named, true, named)
    )
    whole = of_truth + of_lists
    scores = (2 * both[whole > 0] / whole[whole > 0]).tolist()
    return ListScores(
        precision=_share(both.sum(), of_lists.sum()),
        recall=_share(both.sum(), of_truth.sum()),
        f1=_share(2 * both.sum(), whole.sum()),
        macro_f1=_share(sum(scores), len(scores)),
        exact=float((true == named).all(axis=1).mean()),
        listed=float(named.sum(axis=1).mean()),
        held=float(true.sum(axis=1).mean()),
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
