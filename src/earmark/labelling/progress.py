"""How far labelling is: the honest accuracy so far, what is unsure, and whether more labels pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from earmark.evaluation import (
    EvaluationSet,
    SplitRequest,
    Vote,
    choose_split,
    cross_val_predict,
    load_evaluation_set,
    score_predictions,
)
from earmark.library import Library
from earmark.library.fitting import voter as library_voter
from earmark.schemas import named

LEAST_LABELS = 10
"""Labels before any accuracy is told: of fewer its interval reaches over half of the scale."""

WELL_LABELLED = 8
"""Labels a genre before it is said that more would bring little."""

LITTLE = 0.02
"""What twice as many labels bring where it is said so."""

MOST_ASKED = 2_000
"""Unlabelled tracks that are asked whether they are sure; of more, so many evenly drawn."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far labelling is.

    Attributes
    ----------
    labels, genres
        How many tracks are labelled, and under how many genres.
    accuracy
        Balanced over genres, every artist left out in turn; None where there are too few labels or
        artists. Songs that were chosen since they are uncertain are harder than others, so that
        the rest of the collection does rather better.
    interval
        Of 95 % confidence, of the plain accuracy of the same answers.
    with_half
        The same accuracy where half of the artists answer for the other half.
    unsure, unlabelled
        Of how many unlabelled tracks Earmark would say "not sure", and how many there are.
    """

    labels: int
    genres: int
    accuracy: float | None
    interval: tuple[float, float] | None
    with_half: float | None
    unsure: int | None
    unlabelled: int

    @property
    def pays(self) -> bool:
        """Whether more labels are worth the work, as far as can be told."""
        if self.accuracy is None or self.with_half is None:
            return True
        few = self.labels < WELL_LABELLED * self.genres
        return few or self.accuracy - self.with_half >= LITTLE

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return named(
            "labelling",
            {
                "labels": self.labels,
                "genres": self.genres,
                "balanced_accuracy": self.accuracy,
                "accuracy_interval": None if self.interval is None else list(self.interval),
                "balanced_accuracy_with_half": self.with_half,
                "unsure": self.unsure,
                "unlabelled": self.unlabelled,
                "more_labels_pay": self.pays,
            },
        )


def progress_of(library: Library) -> Progress:
    """Return how far the labels of a library lead."""
    snapshot = library.snapshot()
    genres = len(snapshot.genre_names)
    unlabelled = library.count() - len(snapshot)
    accuracy = interval = half = unsure = None
    if len(snapshot) >= LEAST_LABELS and genres > 1:
        data = load_evaluation_set(library)
        if len(np.unique(data.groups)) > genres:
            accuracy, interval = _accuracy(data, SplitRequest())
            half, _ = _accuracy(data, SplitRequest("artist-k-fold", folds=2))
            unsure = _unsure(library)
    return Progress(len(snapshot), genres, accuracy, interval, half, unsure, unlabelled)


def _accuracy(data: EvaluationSet, request: SplitRequest) -> tuple[float, tuple[float, float]]:
    split = choose_split(data, request).split
    scores = score_predictions(data, cross_val_predict(data, split, Vote()))
    interval = scores.accuracy_interval
    return scores.balanced_accuracy, (interval.low, interval.high)


def _unsure(library: Library) -> int:
    everything = library.snapshot(unlabelled=True)
    rows = np.flatnonzero(everything.genre_codes < 0)
    if not len(rows):
        return 0
    drawn = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_ASKED)).astype(int))]
    answers = library_voter(library).predict(
        np.asarray(everything.vectors[drawn]), seconds=everything.seconds[drawn]
    )
    return round(float(np.mean(answers.abstained)) * len(rows))
