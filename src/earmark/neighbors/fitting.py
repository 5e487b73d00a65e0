"""Parameters from a library's own tracks, and honest predictions for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from earmark.features import Comparison
from earmark.neighbors.arrays import Float, Float64, Indices
from earmark.neighbors.calibration import Calibration, calibrate
from earmark.neighbors.index import subsample
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.parameters import CLASSIC_N_NEIGHBORS, Parameters
from earmark.neighbors.predictions import Predictions
from earmark.neighbors.voters import FittedVoter, MajorityVoter

MOST_NEIGHBORS = 30
FEWEST_NEIGHBORS = 3

# Into how many folds the groups are dealt, and again within the fitting: more folds are nearer to
# leaving out one artist at a time, fewer are quicker.
N_FOLDS, N_FOLDS_WITHIN = 20, 10
N_FOLDS_OF_MANY, N_FOLDS_WITHIN_MANY = 10, 4
MANY_TRACKS = 2_000
MOST_CALIBRATED = 2_000

# Before anything is fitted: probabilities are the shares, nothing is refused.
_OPEN = Calibration(
    floor=0.01,
    power=1.0,
    novelty=None,
    set_threshold=1.0,
    n_judged=0,
    accuracy=0.0,
    balanced_accuracy=0.0,
)


def _of(seconds: Float64 | None, tracks: Indices) -> Float64 | None:
    return None if seconds is None else seconds[tracks]


def _is_majority(comparison: Comparison, majority: bool | None) -> bool:
    return METRICS[comparison.similarity].majority if majority is None else majority


def _default_n_neighbors(labels: Float, comparison: Comparison, majority: bool | None) -> int:
    """Return how many neighbors vote: in the fitted vote half a genre's tracks, from 3 to 30."""
    if _is_majority(comparison, majority):
        return CLASSIC_N_NEIGHBORS
    n_genres = int(labels.any(axis=0).sum())
    half = len(labels) // (2 * max(1, n_genres))
    return int(np.clip(half, FEWEST_NEIGHBORS, MOST_NEIGHBORS))


def fit(
    vectors: Float,
    labels: Float,
    groups: Indices,
    *,
    comparison: Comparison,
    n_neighbors: int | None = None,
    majority: bool | None = None,
    seconds: Float64 | None = None,
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
    if _is_majority(comparison, majority) or len(np.unique(groups)) < 2:
        return Parameters(comparison, n_neighbors)
    labels = labels[:, labels.any(axis=0)]
    names = [str(number) for number in range(labels.shape[1])]
    start = Parameters(comparison, n_neighbors, _OPEN)
    n_folds = N_FOLDS_WITHIN if len(labels) <= MANY_TRACKS else N_FOLDS_WITHIN_MANY
    judged: list[Indices] = []
    shares: list[Float64] = []
    scores: list[Float64] = []
    for fold in assign_folds(groups, n_folds):
        rest = np.flatnonzero(~np.isin(np.arange(len(groups)), fold))
        voter = FittedVoter(vectors, labels, names, start, learn_from=rest)
        chosen = subsample(fold, MOST_CALIBRATED * len(fold) // len(labels) + 1)
        exclude = members_of(groups, chosen)
        found, neighbors = voter.kneighbors(vectors[chosen], n_neighbors, exclude=exclude)
        votes, _ = voter.vote_shares(found, neighbors, exclude=exclude)
        judged.append(chosen)
        shares.append(votes)
        scores.append(voter.evidence(vectors[chosen], found, _of(seconds, chosen)))
    calibration = calibrate(
        np.concatenate(shares),
        labels[np.concatenate(judged)].argmax(axis=1),
        np.concatenate(scores),
    )
    return Parameters(comparison, n_neighbors, calibration)


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
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Answer every track by the others, with no track of its group voting or used in fitting.

    The groups are dealt into folds. Local scaling, calibration and thresholds are fitted without
    the fold; then each of its tracks is answered by all tracks of other groups. The majority vote
    has nothing to fit, so it is held once.

    Parameters
    ----------
    vectors, labels, groups, comparison, n_neighbors, majority, seconds
        As in `fit`.
    genre_names
        The genres [G].
    progress
        Called with the number of tracks answered and the number of all.

    Returns
    -------
    One answer for each track, in their order.

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
        )
        if parameters.majority:
            break
        voter = FittedVoter(vectors, labels, genre_names, parameters, learn_from=rest)
        predictions = voter.predict(
            vectors[fold], exclude=members_of(groups, fold), seconds=_of(seconds, fold)
        )
        parts.append((fold, predictions))
        if progress is not None:
            progress(sum(len(tracks) for tracks, _ in parts), len(groups))
    else:
        return join_predictions(parts)
    return MajorityVoter(vectors, labels, genre_names, parameters).predict(
        vectors, exclude=members_of(groups, np.arange(len(groups)))
    )


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
    )
