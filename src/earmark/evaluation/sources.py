"""Whether a library answers by genre, or by the collection that its recordings are from.

Recordings of one collection may be alike in more than their genres: the years, the taste of who
gathered them, the encoder, the bandwidth. As an artist on both sides of a split, that makes a
figure too high for music from elsewhere. So each source in turn is left out, with the artists that
are asked, and each source has its own figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import EvaluationError
from earmark.evaluation import metrics
from earmark.evaluation.cross_validation import SplitPredictions
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.intervals import Interval, bootstrap, interval_json
from earmark.evaluation.splits import Fold


@dataclass(frozen=True)
class LeaveOneSourceOut:
    """Ask the tracks of every source once, known only by other sources and by other artists.

    Attributes
    ----------
    sources
        A number for the source of each track [n].
    """

    name: ClassVar[str] = "leave-one-source-out"
    respects_groups: ClassVar[bool] = True

    sources: NDArray[np.intp]

    def folds(self, genres: ArrayLike, groups: ArrayLike) -> Iterator[Fold]:
        """Yield one fold a source.

        Raises
        ------
        EvaluationError
            There is only one source, or all artists of the others are asked, too.
        """
        g = np.asarray(groups)
        numbers = np.unique(self.sources)
        if len(numbers) < 2:
            raise EvaluationError("all tracks are of one source, so leaving it out leaves nothing")
        for number in numbers:
            test = np.flatnonzero(self.sources == number)
            others = (self.sources != number) & ~np.isin(g, g[test])
            if not others.any():
                raise EvaluationError("a source has the artists of all others, so nothing is left")
            yield Fold(np.flatnonzero(others), test)

    def describe(self, *, artists_known: bool = True) -> str:
        """Say in a few words how the tracks are parted."""
        return "every source in turn" + (", its artists left out elsewhere" * artists_known)


@dataclass(frozen=True, slots=True)
class SourceScores:
    """The answers to the tracks of one source, or of several together.

    Attributes
    ----------
    source
        Its name.
    tracks, artists
        How many tracks were asked, of how many artists or groups.
    accuracy, interval
        Share of right answers, with its interval over artists; None with a single one.
    balanced_accuracy, balanced_interval
        The same with every genre counting alike, of the genres that the source has.
    """

    source: str
    tracks: int
    artists: int
    accuracy: float
    interval: Interval | None
    balanced_accuracy: float
    balanced_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Return the figures in JSON's types."""
        return {
            "source": self.source,
            "tracks": self.tracks,
            "artists_or_groups": self.artists,
            "accuracy": self.accuracy,
            "accuracy_interval_over_artists": interval_json(self.interval),
            "balanced_accuracy": self.balanced_accuracy,
            "balanced_accuracy_interval": interval_json(self.balanced_interval),
        }


def source_scores(
    data: EvaluationSet, predictions: SplitPredictions, *, seed: int = 0
) -> tuple[SourceScores, ...]:
    """Return the figures of each source, the largest first; none where there is only one.

    With three sources or more, the last entry is of all but the largest together.

    Parameters
    ----------
    data, predictions
        The tracks that were asked, and the answers.
    seed
        Of the bootstrap.
    """
    if data.n_sources < 2:
        return ()
    codes = data.source_codes[predictions.rows]
    names = data.source_names
    order = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")
    parts = [(names[code], codes == code) for code in order]
    if len(parts) > 2:
        parts.append((f"all but {names[order[0]]}", codes != order[0]))
    return tuple(
        _scores(name, data, predictions, np.flatnonzero(asked), seed)
        for name, asked in parts
        if asked.any()
    )


def _scores(
    name: str,
    data: EvaluationSet,
    predictions: SplitPredictions,
    asked: NDArray[np.intp],
    seed: int,
) -> SourceScores:
    rows, predicted = predictions.rows[asked], predictions.predicted[asked]
    truth, groups, n_genres = data.labels[rows], data.groups[rows], len(data.genre_names)
    confusion = metrics.confusion_matrix(truth, predicted, n_genres)
    figures = {"accuracy": metrics.accuracy, "balanced": metrics.balanced_accuracy}
    ranges = bootstrap(truth, predicted, groups, n_genres, figures, seed=seed)
    return SourceScores(
        source=name,
        tracks=len(np.unique(rows)),
        artists=len(np.unique(groups)),
        accuracy=float(metrics.accuracy(confusion)),
        interval=ranges["accuracy"],
        balanced_accuracy=float(metrics.balanced_accuracy(confusion)),
        balanced_interval=ranges["balanced"],
    )
