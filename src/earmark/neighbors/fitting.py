"""Parameters from a library's own tracks, and honest predictions for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from earmark.features import Comparison
from earmark.neighbors.arrays import Float, Float64, Indices, subsample
from earmark.neighbors.calibration import Calibration, calibrate
from earmark.neighbors.fitted import FittedVoter
from earmark.neighbors.label_sets import LabelSets, list_genres, voting_weights
from earmark.neighbors.lengths import ByLength, Excerpts, known_seconds
from earmark.neighbors.majority import MajorityVoter
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.parameters import CLASSIC_N_NEIGHBORS, Parameters
from earmark.neighbors.predictions import Predictions

MOST_NEIGHBORS = 30
FEWEST_NEIGHBORS = 3

# Into how many folds the groups are dealt, and again within the fitting: more folds are nearer to
# leaving out one artist at a time, fewer are quicker.
N_FOLDS, N_FOLDS_WITHIN = 20, 10
N_FOLDS_OF_MANY, N_FOLDS_WITHIN_MANY = 10, 4
MANY_TRACKS = 2_000
MOST_CALIBRATED = 2_000
MOST_LEARNED_FROM = 100_000

# Before anything is fitted: probabilities are the shares, nothing is refused.
_UNCALIBRATED = Calibration(
    floor=0.01,
    power=1.0,
    novelty=None,
    set_thresholds=ByLength((1.0,), (1.0,)),
    n_judged=0,
    accuracy=0.0,
    balanced_accuracy=0.0,
)


def _of(seconds: Float64 | None, tracks: Indices) -> Float64 | None:
    return None if seconds is None else seconds[tracks]


def is_majority(comparison: Comparison, majority: bool | None = None) -> bool:
    """Tell whether the classic majority votes, of which nothing is fitted to tracks."""
    return METRICS[comparison.similarity].majority if majority is None else majority


def _default_n_neighbors(labels: Float, comparison: Comparison, majority: bool | None) -> int:
    """Return how many neighbors vote: in the fitted vote half a genre's tracks, from 3 to 30."""
    if is_majority(comparison, majority):
        return CLASSIC_N_NEIGHBORS
    n_genres = int(labels.any(axis=0).sum())
    half = len(labels) // (2 * max(1, n_genres))
    return int(np.clip(half, FEWEST_NEIGHBORS, MOST_NEIGHBORS))


def uncalibrated(
    labels: Float, comparison: Comparison, n_neighbors: int | None = None
) -> Parameters:
    """Return the parameters of a fitted vote whose probabilities are the shares of the votes.

    It names the same genres as the calibrated one for labels [n, G], and is never "not sure".
    """
    chosen = n_neighbors or _default_n_neighbors(labels, comparison, majority=None)
    return Parameters(comparison, chosen, _UNCALIBRATED)


def fit(
    vectors: Float,
    labels: Float,
    groups: Indices,
    *,
    comparison: Comparison,
    n_neighbors: int | None = None,
    majority: bool | None = None,
    seconds: Float64 | None = None,
    excerpts: Excerpts | None = None,
    judged: Indices | None = None,
    label_sets: LabelSets | None = None,
) -> Parameters:
    """Fit the vote to labelled tracks.

    Parameters
    ----------
    vectors
        The tracks' vectors [n, d].
    labels
        How much of each genre they are [n, G], see `one_hot`. Of several genres the largest is the
        one that answers are measured by; genres of no track do not count.
    groups
        Their groups [n], see `group_tracks`: what is fitted speaks of tracks of other groups.
    comparison
        How vectors are compared.
    n_neighbors
        How many vote; None: 8 in the majority vote, else by the size of the genres.
    majority
        The classic majority vote; None: as the similarity has it by default.
    seconds
        The lengths of the tracks [n]; None: all were long enough.
    excerpts
        Parts of tracks: by their answers the thresholds are fitted to songs that are short.
    judged
        The tracks that are asked for; None: of more than ``MOST_CALIBRATED`` a sample.
    label_sets
        All genres of the tracks, where they have several; ``labels`` are then those that it says.

    Returns
    -------
    The parameters. With fewer than two groups nothing can be left out, so the majority votes.

    Examples
    --------
    >>> from earmark.neighbors import make_voter, one_hot
    >>> rng = np.random.default_rng(0)
    >>> vectors = np.repeat(np.eye(3), 20, axis=0) + 0.01 * rng.standard_normal((60, 3))
    >>> labels, names = one_hot(["blues"] * 20 + ["jazz"] * 20 + ["rock"] * 20)
    >>> artists = np.arange(60) // 2  # every two tracks are by one artist
    >>> parameters = fit(vectors, labels, artists, comparison=Comparison("cosine"))
    >>> parameters.n_neighbors, parameters.majority
    (10, False)
    >>> voter = make_voter(vectors, labels, names, parameters)
    >>> answers = voter.predict(np.array([[0.0, 1.0, 0.0]]))
    >>> [answers.genre_names[winner] for winner in answers.winners]
    ['jazz']
    """
    groups = np.asarray(groups)
    n_neighbors = n_neighbors or _default_n_neighbors(labels, comparison, majority)
    if is_majority(comparison, majority) or len(np.unique(groups)) < 2:
        return Parameters(comparison, n_neighbors)
    used = np.flatnonzero(labels.any(axis=0))
    labels = labels[:, used]
    names = [str(number) for number in range(labels.shape[1])]
    own: list[Float64] = []
    won: list[Indices] = []
    start = uncalibrated(labels, comparison, n_neighbors)
    n_folds = N_FOLDS_WITHIN if len(labels) <= MANY_TRACKS else N_FOLDS_WITHIN_MANY
    known = known_seconds(seconds, len(labels))
    # Of the tracks, then of their parts: rows, shares of votes, what else is known, lengths.
    whole: list[_Answered] = []
    parts: list[_Answered] = []
    for fold in assign_folds(groups, n_folds):
        rest = np.flatnonzero(~np.isin(np.arange(len(groups)), fold))
        # What is learned of a space is known by fewer tracks than a library can have.
        learned_from = subsample(rest, MOST_LEARNED_FROM)
        voter = FittedVoter(vectors, labels, names, start, learn_from=learned_from)
        chosen = (
            subsample(fold, MOST_CALIBRATED * len(fold) // len(labels) + 1)
            if judged is None
            else np.intersect1d(fold, judged)
        )
        answered, distances, neighbors = _answered(
            voter, groups, chosen, vectors[chosen], known[chosen]
        )
        whole.append(answered)
        if label_sets is not None:
            own.append(label_sets.own_votes(voting_weights(distances, start), neighbors))
            won.append(answered[1].argmax(axis=1))
        if excerpts is not None:
            mine = excerpts.which(fold)
            asked = excerpts.rows[mine], excerpts.vectors[mine], excerpts.seconds[mine]
            parts.append(_answered(voter, groups, *asked)[0])
    rows, shares, others, lengths = map(np.concatenate, zip(*whole, *parts, strict=True))
    calibration = calibrate(
        shares,
        labels[rows].argmax(axis=1),
        others,
        seconds=lengths,
        n_whole=sum(len(rows) for rows, *_ in whole),
    )
    if label_sets is None:
        return Parameters(comparison, n_neighbors, calibration)
    asked_for = np.concatenate([rows for rows, *_ in whole])
    thresholds = label_sets.fit(
        np.concatenate(own),
        label_sets.firsts[used[np.concatenate(won)]],
        label_sets.members[asked_for],
    )
    named = tuple(zip(label_sets.names, thresholds.tolist(), strict=True))
    return Parameters(comparison, n_neighbors, calibration, named)


_Answered: TypeAlias = tuple[Indices, Float64, Float64, Float64]


def _answered(
    voter: FittedVoter, groups: Indices, rows: Indices, queries: Float, seconds: Float64
) -> tuple[_Answered, Float64, Indices]:
    """Ask for tracks at rows [m], or parts of them, with queries [m, d] and lengths [m].

    Returns the rows, the shares of votes of other groups, what else is known, and the lengths;
    then the distances and rows of the neighbors [m, k].
    """
    exclude = members_of(groups, rows)
    found, neighbors = voter.kneighbors(queries, voter.parameters.n_neighbors, exclude=exclude)
    shares, _ = voter.vote_shares(found, neighbors, exclude=exclude)
    return (rows, shares, voter.evidence(queries, found, seconds), seconds), found, neighbors


def leave_group_out(
    vectors: Float,
    labels: Float,
    genre_names: Sequence[str],
    groups: Indices,
    *,
    comparison: Comparison,
    n_neighbors: int | None = None,
    majority: bool | None = None,
    seconds: Float64 | None = None,
    excerpts: Excerpts | None = None,
    asked: Excerpts | None = None,
    label_sets: LabelSets | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Answer every track by the others, with no track of its group voting or used in fitting.

    The groups are dealt into folds. Local scaling, calibration and thresholds are fitted without
    the fold; then each of its tracks is answered by all tracks of other groups. The majority vote
    has nothing to fit, so it is held once.

    Parameters
    ----------
    vectors, labels, groups, comparison, n_neighbors, majority, seconds, excerpts, label_sets
        As in `fit`.
    asked
        Parts of tracks that are answered instead of the tracks.
    genre_names
        The genres [G].
    progress
        Called with the number of tracks answered and the number of all.

    Returns
    -------
    One answer for each track, or each part, in their order.

    Raises
    ------
    LibraryEmpty
        All tracks are of one group.
    """
    groups = np.asarray(groups)
    n_neighbors = n_neighbors or _default_n_neighbors(labels, comparison, majority)
    folds = assign_folds(groups, N_FOLDS if len(groups) <= MANY_TRACKS else N_FOLDS_OF_MANY)
    parts: list[tuple[Indices, Predictions]] = []
    for fold in folds:
        rest = np.flatnonzero(~np.isin(np.arange(len(groups)), fold))
        parameters = fit(
            vectors[rest],
            labels[rest],
            groups[rest],
            comparison=comparison,
            n_neighbors=n_neighbors,
            majority=majority,
            seconds=_of(seconds, rest),
            excerpts=None if excerpts is None else excerpts.of(rest),
            label_sets=None if label_sets is None else label_sets.rows(rest),
        )
        if parameters.majority:
            break
        voter = FittedVoter(vectors, labels, genre_names, parameters, learn_from=rest)
        mine = fold if asked is None else asked.which(fold)
        rows, queries, lengths = _questions(vectors, seconds, asked, mine)
        if not len(rows):
            continue
        predictions = voter.predict(queries, exclude=members_of(groups, rows), seconds=lengths)
        parts.append((mine, _with_list(predictions, label_sets, parameters)))
        if progress is not None:
            total = len(groups) if asked is None else len(asked)
            progress(sum(len(tracks) for tracks, _ in parts), total)
    else:
        return join_predictions(parts)
    everything = np.arange(len(groups) if asked is None else len(asked))
    rows, queries, _ = _questions(vectors, seconds, asked, everything)
    predictions = MajorityVoter(vectors, labels, genre_names, parameters).predict(
        queries, exclude=members_of(groups, rows)
    )
    return _with_list(predictions, label_sets, parameters)


def _with_list(
    predictions: Predictions, label_sets: LabelSets | None, parameters: Parameters
) -> Predictions:
    if label_sets is None:
        return predictions
    return replace(predictions, listed=list_genres(predictions, label_sets, parameters)[0])


def _questions(
    vectors: Float, seconds: Float64 | None, asked: Excerpts | None, mine: Indices
) -> tuple[Indices, Float, Float64 | None]:
    """Return rows, queries and lengths of some of the tracks, or of the parts that are asked."""
    if asked is None:
        return mine, vectors[mine], _of(seconds, mine)
    return asked.rows[mine], asked.vectors[mine], asked.seconds[mine]


def assign_folds(groups: Indices, n_folds: int) -> list[Indices]:
    """Deal the groups into folds of about equally many tracks; return the tracks of each, sorted.

    The largest group goes first, each to the fold that has the fewest tracks so far. There are as
    many folds as groups where these are fewer.
    """
    numbers, sizes = np.unique(groups, return_counts=True)
    n_folds = min(n_folds, len(numbers))
    filled = np.zeros(n_folds, dtype=np.intp)
    fold_of = np.empty(len(numbers), dtype=np.intp)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    folds = fold_of[np.searchsorted(numbers, groups)]
    return [np.flatnonzero(folds == fold) for fold in range(n_folds)]


def members_of(groups: Indices, tracks: Indices) -> list[Indices]:
    """Return, for each of the tracks [m], all tracks of its group."""
    order = np.argsort(groups, kind="stable")
    numbers, starts = np.unique(groups[order], return_index=True)
    members = dict(zip(numbers, np.split(order, starts[1:]), strict=True))
    return [members[group] for group in groups[tracks]]


def join_predictions(parts: Sequence[tuple[Indices, Predictions]]) -> Predictions:
    """Put predictions for parts of the tracks together, in the order of the tracks."""
    predictions = [part for _, part in parts]
    order = np.argsort(np.concatenate([tracks for tracks, _ in parts]), kind="stable")
    reasons = [reason for part in predictions for reason in part.reasons]
    lists = [part.listed for part in predictions if part.listed is not None]
    return Predictions(
        genre_names=predictions[0].genre_names,
        winners=np.concatenate([part.winners for part in predictions])[order],
        probabilities=np.concatenate([part.probabilities for part in predictions])[order],
        neighbors=np.concatenate([part.neighbors for part in predictions])[order],
        distances=np.concatenate([part.distances for part in predictions])[order],
        outlier_scores=np.concatenate([part.outlier_scores for part in predictions])[order],
        abstained=np.concatenate([part.abstained for part in predictions])[order],
        unlike=np.concatenate([part.unlike for part in predictions])[order],
        reasons=tuple(reasons[i] for i in order),
        sets=np.concatenate([part.sets for part in predictions])[order],
        coverage=predictions[0].coverage,
        listed=None if not lists else np.concatenate(lists)[order],
    )
