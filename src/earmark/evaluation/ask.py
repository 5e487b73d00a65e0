"""Put the tracks of a split to the vote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark.errors import EvaluationError, LibraryEmpty
from earmark.evaluation.corpus import Corpus
from earmark.evaluation.metrics import majority_baseline
from earmark.evaluation.splits import Fold, LeaveOneArtistOut, LeaveOneOut, Split
from earmark.neighbors import Predictions, fit, leave_group_out, make_voter, one_hot

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Vote:
    """How the neighbors vote.

    Attributes
    ----------
    k
        How many; None: the default of the similarity.
    plain
        One vote a neighbor, nothing calibrated; None: the default of the similarity.
    """

    k: int | None = None
    plain: bool | None = None

    def describe(self) -> str:
        """Say it in a few words."""
        k = "" if self.k is None else f"k = {self.k}"
        kind = {None: "", True: "plain vote", False: "fitted vote"}[self.plain]
        return ", ".join(part for part in (kind, k) if part) or "the default vote"


@dataclass(frozen=True)
class Judged:
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
        Tracks that voted [m, k], nearest first, as rows of the corpus; −1 where there were fewer.
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

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the genre that was named [m]."""
        confidence: NDArray[np.float64] = self.probabilities[
            np.arange(len(self.rows)), self.predicted
        ]
        return confidence


def ask(corpus: Corpus, split: Split, vote: Vote, progress: Progress | None = None) -> Judged:
    """Ask what a split asks.

    The vote is fitted to the training side of each fold alone, so nothing of the tracks that are
    asked, nor of their artists, is in its parameters.

    Parameters
    ----------
    corpus
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
                return _leave_out(corpus, split, vote, progress)
            return _fold_by_fold(corpus, split, vote, progress)
    except (EvaluationError, LibraryEmpty) as error:
        raise EvaluationError(f"{corpus.source}: {error}") from error


def crowded(judged: Judged, vote: Vote) -> str | None:
    """Say it where more neighbors were asked for than tracks may vote; None where not."""
    voters = (judged.neighbors >= 0).sum(axis=1)
    if vote.k is None or (voters >= vote.k).all():
        return None
    fewest, most = int(voters.min()), int(voters.max())
    between = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    told = f"k is {vote.k:,}, but of a question only {between} tracks may vote"
    if judged.coverage is not None:
        return f"{told}; where there are not enough, all of them do"
    return (
        f"{told}; where all of them do, with one vote each, the most frequent genre wins, whatever "
        "is near, so this figure says nothing of the library: take a smaller k"
    )


def _leave_out(corpus: Corpus, split: Split, vote: Vote, progress: Progress | None) -> Judged:
    """Both ways to leave one out ask every track without its group: one pass answers all."""
    next(split.folds(corpus.labels, corpus.groups))  # raises where it cannot be made
    answers = leave_group_out(
        corpus.vectors,
        corpus.one_hot,
        corpus.genre_names,
        corpus.groups,
        comparison=corpus.comparison,
        n_neighbors=vote.k,
        majority=vote.plain,
        seconds=corpus.seconds,
        progress=progress,
    )
    everyone = np.arange(len(corpus))
    # Leaving out the one that is asked makes its genre rarer than the others, and a guess at the
    # most frequent of equally frequent genres always wrong; so the whole library is counted.
    if progress is not None:
        progress(len(corpus), len(corpus))
    known = np.bincount(corpus.labels, minlength=len(corpus.genre_names))
    judged = _judged(corpus, [(Fold(everyone, everyone), answers)], known)
    return replace(judged, artist_known=np.zeros(len(corpus), dtype=bool))


def _fold_by_fold(corpus: Corpus, split: Split, vote: Vote, progress: Progress | None) -> Judged:
    folds = list(split.folds(corpus.labels, corpus.groups))
    total, done = sum(len(fold.test) for fold in folds), 0
    known = np.zeros(len(corpus.genre_names), dtype=np.intp)
    answered = []
    for fold in folds:
        vectors = corpus.vectors[fold.train]
        labels, genre_names = one_hot([corpus.genres[i] for i in fold.train])
        groups = np.unique(corpus.groups[fold.train], return_inverse=True)[1]
        parameters = fit(
            vectors,
            labels,
            groups,
            comparison=corpus.comparison,
            n_neighbors=vote.k,
            majority=vote.plain,
            seconds=corpus.seconds[fold.train],
        )
        voter = make_voter(vectors, labels, genre_names, parameters)
        answers = voter.predict(corpus.vectors[fold.test], seconds=corpus.seconds[fold.test])
        answered.append((fold, answers))
        known += np.bincount(corpus.labels[fold.train], minlength=len(known))
        done += len(fold.test)
        if progress is not None:
            progress(done, total)
    return _judged(corpus, answered, known)


def _judged(
    corpus: Corpus, answered: list[tuple[Fold, Predictions]], known: NDArray[np.intp]
) -> Judged:
    """Put answers together, renumbered from each fold's genres and tracks to the corpus's."""
    width = max(answers.neighbors.shape[1] for _, answers in answered)
    n_genres = len(corpus.genre_names)
    number = {name: i for i, name in enumerate(corpus.genre_names)}
    parts = []
    for fold, answers in answered:
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
        parts.append(
            (
                fold.test,
                np.full(m, fold.repeat, dtype=np.intp),
                columns[answers.winners],
                probabilities,
                neighbors,
                distances,
                answers.abstained,
                sets,
                np.isin(corpus.groups[fold.test], corpus.groups[fold.train]),
            )
        )
    rows, repeat, predicted, probabilities, neighbors, distances, abstained, sets, met = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    promised = [answers.coverage for _, answers in answered]
    return Judged(
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
        baseline=majority_baseline(known, corpus.labels[rows]),
    )
