"""All figures of one split, computed from its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.evaluation import metrics
from earmark.evaluation.cross_validation import SplitPredictions
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.intervals import (
    Interval,
    bootstrap,
    bootstrap_lists,
    interval_json,
    wilson,
)
from earmark.neighbors.lengths import CLASSES, class_of

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class LengthScores:
    """What answers are worth where about as much was heard: of tracks, and of parts of tracks.

    Attributes
    ----------
    heard
        How much, in words.
    count, accuracy
        How many answers, and the share that is right.
    confidence
        How probable the answers say that they are, on average.
    sets
        Prediction sets; None where none are made.
    """

    heard: str
    count: int
    accuracy: float
    confidence: float
    sets: metrics.SetScores | None

    def to_json(self) -> dict[str, Any]:
        """Return every figure, in JSON's types."""
        return {
            "heard": self.heard,
            "count": self.count,
            "accuracy": self.accuracy,
            "confidence": self.confidence,
            "coverage": None if self.sets is None else self.sets.coverage,
            "mean_size": None if self.sets is None else self.sets.mean_size,
        }


@dataclass(frozen=True)
class Scores:
    """What the answers to a split are worth.

    Attributes
    ----------
    n_questions, n_tracks, n_groups
        How many questions were asked, of how many tracks, of how many artists (or groups).
    accuracy, accuracy_interval
        Share of right answers; Wilson, as if each track had been asked once.
    accuracies, spread
        One for each repeat of the split, and their standard deviation; None for a single one.
    accuracy_by_group
        Bootstrap interval of the accuracy over artists; None with a single one.
    balanced_accuracy, balanced_interval, macro_f1, f1_interval
        Each genre counts the same; bootstrap intervals over artists.
    baseline
        Accuracy of always naming the most frequent genre.
    genres, per_genre, confusion
        Names [G], figures [G] and counts [G, G]: row true, column named.
    log_loss, calibration_error, calibration
        Whether probabilities mean something.
    answers
        Accuracy against share answered.
    answered, accuracy_answered
        Share of tracks that were not answered "not sure", and how many of them rightly.
    sets, coverage, coverage_interval
        Prediction sets, what they promise and how often they kept it; None where none are made.
    by_length
        Figures by how much was heard, shortest first.
    lists, lists_interval
        Lists of several genres, and the interval of their F1 over artists; None where every track
        has one genre.
    artist_known, accuracy_known, accuracy_unknown
        Share of questions whose artist (or copy) was on the training side, and the accuracy with
        and without; None where there were no such questions.
    """

    n_questions: int
    n_tracks: int
    n_groups: int
    accuracy: float
    accuracy_interval: Interval
    accuracies: tuple[float, ...]
    spread: float | None
    accuracy_by_group: Interval | None
    balanced_accuracy: float
    balanced_interval: Interval | None
    macro_f1: float
    f1_interval: Interval | None
    baseline: float
    genres: tuple[str, ...]
    per_genre: tuple[metrics.GenreScores, ...]
    confusion: NDArray[np.intp]
    log_loss: float
    calibration_error: float
    calibration: tuple[metrics.CalibrationBin, ...]
    answers: tuple[metrics.AnswerPoint, ...]
    answered: float
    accuracy_answered: float | None
    sets: metrics.SetScores | None
    coverage: float | None
    coverage_interval: Interval | None
    by_length: tuple[LengthScores, ...]
    artist_known: float
    accuracy_known: float | None
    accuracy_unknown: float | None
    lists: metrics.ListScores | None = None
    lists_interval: Interval | None = None

    @property
    def interval(self) -> Interval:
        """The interval of the accuracy to believe: over artists, else as if tracks were drawn."""
        return self.accuracy_by_group or self.accuracy_interval

    def to_json(self) -> dict[str, Any]:
        """Return every figure, in JSON's types."""
        return {
            "accuracy": self.accuracy,
            "accuracy_interval": interval_json(self.accuracy_interval),
            "accuracy_interval_over_artists": interval_json(self.accuracy_by_group),
            "accuracies": list(self.accuracies),
            "spread": self.spread,
            "balanced_accuracy": self.balanced_accuracy,
            "balanced_accuracy_interval": interval_json(self.balanced_interval),
            "macro_f1": self.macro_f1,
            "macro_f1_interval": interval_json(self.f1_interval),
            "majority_baseline": self.baseline,
            "questions": self.n_questions,
            "tracks": self.n_tracks,
            "artists_or_groups": self.n_groups,
            "genres": list(self.genres),
            "per_genre": {
                name: {
                    "precision": one.precision,
                    "recall": one.recall,
                    "f1": one.f1,
                    "support": one.support,
                }
                for name, one in zip(self.genres, self.per_genre, strict=True)
            },
            "confusion_matrix": self.confusion.tolist(),
            "log_loss": self.log_loss,
            "calibration_error": self.calibration_error,
            "calibration_curve": [
                {"confidence": b.confidence, "accuracy": b.accuracy, "count": b.count}
                for b in self.calibration
            ],
            "answer_curve": [
                {"threshold": p.threshold, "share": p.share, "accuracy": p.accuracy}
                for p in thinned(self.answers)
            ],
            "accuracy_at_share": {
                f"{share:.1f}": self.at_share(share).accuracy for share in SHARES
            },
            "answered": self.answered,
            "accuracy_answered": self.accuracy_answered,
            "prediction_sets": None
            if self.sets is None
            else {
                "promised": self.coverage,
                "coverage": self.sets.coverage,
                "coverage_interval": interval_json(self.coverage_interval),
                "mean_size": self.sets.mean_size,
            },
            "several_genres": None
            if self.lists is None
            else {
                **asdict(self.lists),
                "f1_interval_over_artists": interval_json(self.lists_interval),
            },
            "by_length": [one.to_json() for one in self.by_length],
            "artist_known": self.artist_known,
            "accuracy_artist_known": self.accuracy_known,
            "accuracy_artist_unknown": self.accuracy_unknown,
        }

    def at_share(self, share: float) -> metrics.AnswerPoint:
        """Return how good the surest answers are, when this share of tracks gets one."""
        return metrics.accuracy_at_share(list(self.answers), share)


def thinned(curve: tuple[metrics.AnswerPoint, ...], points: int = 200) -> list[metrics.AnswerPoint]:
    """Return at most so many points of a curve, its ends among them."""
    if len(curve) <= points:
        return list(curve)
    keep = np.unique(np.linspace(0, len(curve) - 1, points).round().astype(int))
    return [curve[i] for i in keep]


def score_predictions(
    data: EvaluationSet, predictions: SplitPredictions, *, seed: int = 0
) -> Scores:
    """Compute every figure of the answers to a split.

    Parameters
    ----------
    data
        The tracks that were asked.
    predictions
        The answers.
    seed
        Of the bootstrap.
    """
    n_genres = len(data.genre_names)
    truth, groups = data.labels[predictions.rows], data.groups[predictions.rows]
    right = predictions.predicted == truth
    confusion = metrics.confusion_matrix(truth, predictions.predicted, n_genres)
    accuracy = float(metrics.accuracy(confusion))
    accuracies = tuple(
        float(right[predictions.repeat == repeat].mean())
        for repeat in np.unique(predictions.repeat)
    )
    n_tracks = len(np.unique(predictions.rows))
    ranges = bootstrap(
        truth,
        predictions.predicted,
        groups,
        n_genres,
        {
            "accuracy": metrics.accuracy,
            "balanced": metrics.balanced_accuracy,
            "f1": metrics.macro_f1,
        },
        seed=seed,
    )
    sets = None if predictions.coverage is None else metrics.set_coverage(truth, predictions.sets)
    answered = ~predictions.abstained
    lists = lists_interval = None
    if data.label_sets is not None and predictions.listed is not None:
        held = data.label_sets.members[predictions.rows]
        lists = metrics.list_scores(held, predictions.listed)
        lists_interval = bootstrap_lists(held, predictions.listed, groups, seed=seed)
    return Scores(
        n_questions=len(truth),
        n_tracks=n_tracks,
        n_groups=len(np.unique(groups)),
        accuracy=accuracy,
        accuracy_interval=wilson(accuracy * n_tracks, n_tracks),
        accuracies=accuracies,
        spread=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        accuracy_by_group=ranges["accuracy"],
        balanced_accuracy=float(metrics.balanced_accuracy(confusion)),
        balanced_interval=ranges["balanced"],
        macro_f1=float(metrics.macro_f1(confusion)),
        f1_interval=ranges["f1"],
        baseline=predictions.baseline,
        genres=data.genre_names,
        per_genre=tuple(metrics.per_genre(confusion)),
        confusion=confusion,
        log_loss=metrics.log_loss(truth, predictions.probabilities),
        calibration_error=metrics.calibration_error(predictions.confidence, right),
        calibration=tuple(metrics.calibration_curve(predictions.confidence, right)),
        answers=tuple(metrics.answer_curve(predictions.confidence, right)),
        answered=float(answered.mean()),
        accuracy_answered=_mean(right[answered]),
        sets=sets,
        coverage=predictions.coverage,
        coverage_interval=None if sets is None else wilson(sets.coverage * n_tracks, n_tracks),
        by_length=tuple(_by_length(data, predictions)),
        artist_known=float(predictions.artist_known.mean()),
        accuracy_known=_mean(right[predictions.artist_known]),
        accuracy_unknown=_mean(right[~predictions.artist_known]),
        lists=lists,
        lists_interval=lists_interval,
    )


def _by_length(data: EvaluationSet, predictions: SplitPredictions) -> Iterator[LengthScores]:
    both = [part for part in (predictions, predictions.parts) if part is not None]
    classes = [class_of(part.seconds) for part in both]
    for number, name in enumerate(CLASSES):
        mine = [which == number for which in classes]
        truth, predicted, confidence, sets = (
            np.concatenate([values[which] for values, which in zip(columns, mine, strict=True)])
            for columns in (
                [data.labels[part.rows] for part in both],
                [part.predicted for part in both],
                [part.confidence for part in both],
                [part.sets for part in both],
            )
        )
        if len(truth):
            yield LengthScores(
                heard=name,
                count=len(truth),
                accuracy=float((truth == predicted).mean()),
                confidence=float(confidence.mean()),
                sets=None if predictions.coverage is None else metrics.set_coverage(truth, sets),
            )


def _mean(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
