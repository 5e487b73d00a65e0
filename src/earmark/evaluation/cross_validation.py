"""Put the tracks of a split to the vote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark.errors import EvaluationError, LibraryEmpty
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.metrics import majority_baseline
from earmark.evaluation.splits import Fold, LeaveOneArtistOut, LeaveOneOut, Split
from earmark.neighbors import (
    Predictions,
    fit,
    leave_group_out,
    list_genres,
    make_voter,
    one_hot,
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Vote:
    """How the neighbors vote.

    Attributes
    ----------
    n_neighbors
        How many; None: the default of the similarity.
    majority
        One vote a neighbor, nothing calibrated; None: the default of the similarity.
    """

    n_neighbors: int | None = None
    majority: bool | None = None

    def describe(self) -> str:
        """Say it in a few words."""
        k = "" if self.n_neighbors is None else f"k = {self.n_neighbors}"
        kind = {None: "", True: "plain vote", False: "fitted vote"}[self.majority]
        return ", ".join(part for part in (kind, k) if part) or "the default vote"


@dataclass(frozen=True)
class SplitPredictions:
    """The answers to all questions of a split: m rows, more than tracks where a split repeats.

    Attributes
    ----------
    rows
        Which track was asked [m].
    repeat
        In which repetition of the split [m].
    predicted
        Genre number [m].
    probabilities
        [m, G].
    neighbors
        Tracks that voted [m, k], nearest first, as rows of the set; −1 where there were fewer.
    distances
        Their distances [m, k], infinite where there were fewer.
    abstained
        Whether the answer was "not sure" [m].
    sets
        Prediction sets [m, G].
    coverage
        What the sets promise; None where the vote is not calibrated.
    artist_known
        Whether a track of its group, of its artist or a copy of it, was on the training side [m].
    baseline
        Accuracy of always naming the genre that is most frequent on the training sides together.
    seconds
        How much of each was heard [m].
    parts
        The answers to parts of the same tracks, where the library has such.
    listed
        Which genres each was said to be of [m, N], in the order of the set's ``label_sets``; None
        where every track has one.
    """

    rows: NDArray[np.intp]
    repeat: NDArray[np.intp]
    predicted: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    neighbors: NDArray[np.intp]
    distances: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    sets: NDArray[np.bool_]
    coverage: float | None
    artist_known: NDArray[np.bool_]
    baseline: float
    seconds: NDArray[np.float64]
    parts: SplitPredictions | None = None
    listed: NDArray[np.bool_] | None = None

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the genre that was named [m]."""
        confidence: NDArray[np.float64] = self.probabilities[
            np.arange(len(self.rows)), self.predicted
        ]
        return confidence


def cross_val_predict(
    data: EvaluationSet, split: Split, vote: Vote, progress: Progress | None = None
) -> SplitPredictions:
    """Ask what a split asks.

    The vote is fitted to the training side of each fold alone, so nothing of the tracks that are
    asked, nor of their artists, is in its parameters.

    Parameters
    ----------
    data
        The tracks.
    split
        How they are parted.
    vote
        How they vote.
    progress
        Called with the number of questions answered and of all, now and then.

    Raises
    ------
    EvaluationError
        The split cannot be made, or a question has nobody left to answer it.
    """
    try:
        # Many small matrices: more threads only wait for each other, and where other programs
        # are at work too, ten times as long.
        with threadpool_limits(1, user_api="blas"):
            if isinstance(split, LeaveOneOut | LeaveOneArtistOut):
                return _leave_out(data, split, vote, progress)
            return _fold_by_fold(data, split, vote, progress)
    except (EvaluationError, LibraryEmpty) as error:
        raise EvaluationError(f"{data.source}: {error}") from error


def k_exceeds_voters(predictions: SplitPredictions, vote: Vote) -> str | None:
    """Say it where more neighbors were asked for than tracks may vote; None where not."""
    voters = (predictions.neighbors >= 0).sum(axis=1)
    if vote.n_neighbors is None or (voters >= vote.n_neighbors).all():
        return None
    fewest, most = int(voters.min()), int(voters.max())
    between = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    told = f"k is {vote.n_neighbors:,}, but of a question only {between} tracks may vote"
    if predictions.coverage is not None:
        return f"{told}; where there are not enough, all of them do"
    return (
        f"{told}; where all of them do, with one vote each, the most frequent genre wins, whatever "
        "is near, so this figure says nothing of the library: take a smaller k"
    )


def _leave_out(
    data: EvaluationSet, split: Split, vote: Vote, progress: Progress | None
) -> SplitPredictions:
    """Both ways to leave one out ask every track without its group: one pass answers all."""
    next(split.folds(data.labels, data.groups))  # raises where it cannot be made
    excerpts = data.excerpts
    answers = leave_group_out(
        data.vectors,
        data.one_hot,
        data.genre_names,
        data.groups,
        comparison=data.comparison,
        n_neighbors=vote.n_neighbors,
        majority=vote.majority,
        seconds=data.seconds,
        excerpts=excerpts,
        asked=None if excerpts is None else excerpts.behind(data.vectors, data.seconds),
        label_sets=data.label_sets,
        progress=progress,
    )
    everyone = np.arange(len(data))
    # Leaving out the one that is asked makes its genre rarer than the others, and a guess at the
    # most frequent of equally frequent genres always wrong; so the whole library is counted.
    if progress is not None:
        progress(len(data), len(data))
    known = np.bincount(data.labels, minlength=len(data.genre_names))
    of_tracks = Fold(everyone, everyone), answers.of(everyone), data.seconds
    of_parts = None
    if excerpts is not None:
        behind = np.arange(len(data), len(data) + len(excerpts))
        of_parts = Fold(everyone, excerpts.rows), answers.of(behind), excerpts.seconds
    predictions = _joined(data, [of_tracks], known, [] if of_parts is None else [of_parts])
    return replace(predictions, artist_known=np.zeros(len(data), dtype=bool))


def _fold_by_fold(
    data: EvaluationSet, split: Split, vote: Vote, progress: Progress | None
) -> SplitPredictions:
    folds = list(split.folds(data.labels, data.groups))
    total, done = sum(len(fold.test) for fold in folds), 0
    known = np.zeros(len(data.genre_names), dtype=np.intp)
    answered: list[_Answered] = []
    parts: list[_Answered] = []
    for fold in folds:
        vectors = data.vectors[fold.train]
        labels, genre_names = one_hot([data.genres[i] for i in fold.train])
        groups = np.unique(data.groups[fold.train], return_inverse=True)[1]
        sets = None if data.label_sets is None else data.label_sets.rows(fold.train)
        parameters = fit(
            vectors,
            labels if sets is None else sets.labels,
            groups,
            comparison=data.comparison,
            n_neighbors=vote.n_neighbors,
            majority=vote.majority,
            seconds=data.seconds[fold.train],
            excerpts=data.excerpts_of(fold.train),
            label_sets=sets,
        )
        voter = make_voter(vectors, labels, genre_names, parameters)
        seconds = data.seconds[fold.test]
        found = voter.predict(data.vectors[fold.test], seconds=seconds)
        if sets is not None:
            found = replace(found, listed=list_genres(found, sets, parameters)[0])
        answered.append((fold, found, seconds))
        heard = data.excerpts_of(fold.test)
        if heard is not None and len(heard):
            asked = replace(fold, test=fold.test[heard.rows])
            answers = voter.predict(heard.vectors, seconds=heard.seconds)
            parts.append((asked, answers, heard.seconds))
        known += np.bincount(data.labels[fold.train], minlength=len(known))
        done += len(fold.test)
        if progress is not None:
            progress(done, total)
    return _joined(data, answered, known, parts)


_Answered: TypeAlias = tuple[Fold, Predictions, NDArray[np.float64]]
"""The answers to the test side of a fold, and how much of each track or part was heard."""


def _joined(
    data: EvaluationSet,
    answered: list[_Answered],
    known: NDArray[np.intp],
    parts: list[_Answered],
) -> SplitPredictions:
    """Put answers together, renumbered from each fold's genres and tracks to the set's.

    ``parts`` are the answers to parts of tracks, which stand beside.
    """
    width = max(answers.neighbors.shape[1] for _, answers, _ in answered)
    n_genres = len(data.genre_names)
    number = {name: i for i, name in enumerate(data.genre_names)}
    columns_of = []
    for fold, answers, seconds in answered:
        columns = np.array([number[name] for name in answers.genre_names], dtype=np.intp)
        m, k = answers.neighbors.shape
        probabilities = np.zeros((m, n_genres))
        probabilities[:, columns] = answers.probabilities
        sets = np.zeros((m, n_genres), dtype=bool)
        sets[:, columns] = answers.sets
        neighbors = np.full((m, width), -1, dtype=np.intp)
        distances = np.full((m, width), np.inf)
        distances[:, :k] = answers.distances
        there = np.isfinite(answers.distances)
        neighbors[:, :k][there] = fold.train[answers.neighbors[there]]
        columns_of.append(
            (
                fold.test,
                np.full(m, fold.repeat, dtype=np.intp),
                columns[answers.winners],
                probabilities,
                neighbors,
                distances,
                answers.abstained,
                sets,
                np.isin(data.groups[fold.test], data.groups[fold.train]),
                seconds,
            )
        )
    rows, repeat, predicted, probabilities, neighbors, distances, abstained, sets, met, heard = (
        np.concatenate(column) for column in zip(*columns_of, strict=True)
    )
    lists = [answers.listed for _, answers, _ in answered if answers.listed is not None]
    promised = [answers.coverage for _, answers, _ in answered]
    return SplitPredictions(
        rows=rows,
        repeat=repeat,
        predicted=predicted,
        probabilities=probabilities,
        neighbors=neighbors,
        distances=distances,
        abstained=abstained,
        sets=sets,
        coverage=None if None in promised else float(np.mean([c for c in promised if c])),
        artist_known=met,
        baseline=majority_baseline(known, data.labels[rows]),
        seconds=heard,
        parts=_joined(data, parts, known, []) if parts else None,
        listed=np.concatenate(lists) if lists else None,
    )
