"""Parameters from a library's own tracks, and honest answers for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from earmark.features import Comparison
from earmark.neighbors.answers import Answers
from earmark.neighbors.calibration import Calibration, calibrate
from earmark.neighbors.metrics import METRICS, Float, Float64
from earmark.neighbors.parameters import CLASSIC_K, Parameters
from earmark.neighbors.search import Indices, thin
from earmark.neighbors.voter import Voter

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
    least_confidence=0.0,
    most_strangeness=np.inf,
    set_threshold=1.0,
    n_judged=0,
    accuracy=0.0,
    balanced_accuracy=0.0,
)


def _of(seconds: Float64 | None, tracks: Indices) -> Float64 | None:
    return None if seconds is None else seconds[tracks]


def _is_plain(comparison: Comparison, plain: bool | None) -> bool:
    return METRICS[comparison.similarity].plain if plain is None else plain


def _default_k(
    vectors: Float, genres: Sequence[str], comparison: Comparison, plain: bool | None
) -> int:
    """Return how many neighbors vote: in the fitted vote half a genre's tracks, from 3 to 30."""
    if _is_plain(comparison, plain):
        return CLASSIC_K
    half = len(vectors) // (2 * max(1, len(set(genres))))
    return int(np.clip(half, FEWEST_NEIGHBORS, MOST_NEIGHBORS))


def fit(
    vectors: Float,
    genres: Sequence[str],
    groups: Indices,
    *,
    comparison: Comparison,
    k: int | None = None,
    plain: bool | None = None,
    seconds: Float64 | None = None,
) -> Parameters:
    """Fit the vote to labelled tracks.

    Parameters
    ----------
    vectors
        The tracks' vectors [n, d].
    genres
        Their genres [n].
    groups
        Their groups [n], see ``group_tracks``: what is fitted speaks of tracks of other groups.
    comparison
        How vectors are compared.
    k
        How many neighbors vote; None: 8 in the plain vote, else by the size of the genres.
    plain
        The classic majority vote; None: as the similarity has it by default.
    seconds
        The lengths of the tracks [n]; None: all were long enough.

    Returns
    -------
    The parameters. With fewer than two groups nothing can be left out, so the vote stays plain.
    """
    groups = np.asarray(groups)
    k = k or _default_k(vectors, genres, comparison, plain)
    if _is_plain(comparison, plain) or len(np.unique(groups)) < 2:
        return Parameters(comparison, k)
    _, labels = np.unique(np.asarray(genres, dtype=object), return_inverse=True)
    start = Parameters(comparison, k, _OPEN)
    n_folds = N_FOLDS_WITHIN if len(labels) <= MANY_TRACKS else N_FOLDS_WITHIN_MANY
    judged: list[Indices] = []
    shares: list[Float64] = []
    strangeness: list[Float64] = []
    for voter, fold, exclude in held_out(vectors, genres, groups, start, n_folds):
        chosen = thin(fold, MOST_CALIBRATED * len(fold) // len(labels) + 1)
        exclude = [exclude[i] for i in np.searchsorted(fold, chosen)]
        found, neighbors = voter.kneighbors(vectors[chosen], start.k, exclude=exclude)
        votes, _ = voter.shares(found, neighbors, exclude=exclude)
        judged.append(chosen)
        shares.append(votes)
        strangeness.append(voter.strangeness(vectors[chosen], _of(seconds, chosen)))
    calibration = calibrate(
        np.concatenate(shares),
        labels[np.concatenate(judged)],
        np.concatenate(strangeness),
    )
    return Parameters(comparison, start.k, calibration)


def leave_group_out(
    vectors: Float,
    genres: Sequence[str],
    groups: Indices,
    *,
    comparison: Comparison,
    k: int | None = None,
    plain: bool | None = None,
    seconds: Float64 | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Answers:
    """Answer every track by the others, with no track of its group voting or used in fitting.

    The groups are dealt into folds. Space, calibration and thresholds are fitted without the fold;
    then each of its tracks is answered by all tracks of other groups. The plain vote has nothing to
    fit, so it is held once.

    Parameters
    ----------
    vectors, genres, groups, comparison, k, plain, seconds
        As in ``fit``.
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
    k = k or _default_k(vectors, genres, comparison, plain)
    folds = deal(groups, N_FOLDS if len(groups) <= MANY_TRACKS else N_FOLDS_OF_MANY)
    parts: list[tuple[Indices, Answers]] = []
    for fold in folds:
        rest = np.flatnonzero(~np.isin(np.arange(len(groups)), fold))
        kept = [genres[int(i)] for i in rest]
        parameters = fit(
            vectors[rest],
            kept,
            groups[rest],
            comparison=comparison,
            k=k,
            plain=plain,
            seconds=_of(seconds, rest),
        )
        if parameters.plain:
            break
        voter = Voter(vectors, genres, parameters, learn_from=rest)
        answers = voter.predict(
            vectors[fold], exclude=members_of(groups, fold), seconds=_of(seconds, fold)
        )
        parts.append((fold, answers))
        if progress is not None:
            progress(sum(len(tracks) for tracks, _ in parts), len(groups))
    else:
        return join_answers(parts)
    return Voter(vectors, genres, parameters).predict(
        vectors, exclude=members_of(groups, np.arange(len(groups)))
    )


def held_out(
    vectors: Float, genres: Sequence[str], groups: Indices, parameters: Parameters, n_folds: int
) -> Iterator[tuple[Voter, Indices, list[Indices]]]:
    """Yield, for each fold of groups, a voter that learned without it, and who is not to vote."""
    for fold in deal(groups, n_folds):
        rest = np.flatnonzero(~np.isin(np.arange(len(groups)), fold))
        voter = Voter(vectors, genres, parameters, learn_from=rest)
        yield voter, fold, members_of(groups, fold)


def deal(groups: Indices, n_folds: int) -> list[Indices]:
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


def join_answers(parts: Sequence[tuple[Indices, Answers]]) -> Answers:
    """Put answers for parts of the tracks together, in the order of the tracks."""
    answers = [part for _, part in parts]
    order = np.argsort(np.concatenate([tracks for tracks, _ in parts]), kind="stable")
    reasons = [reason for part in answers for reason in part.reasons]
    return Answers(
        genres=answers[0].genres,
        winners=np.concatenate([part.winners for part in answers])[order],
        probabilities=np.concatenate([part.probabilities for part in answers])[order],
        neighbors=np.concatenate([part.neighbors for part in answers])[order],
        distances=np.concatenate([part.distances for part in answers])[order],
        strangeness=np.concatenate([part.strangeness for part in answers])[order],
        abstained=np.concatenate([part.abstained for part in answers])[order],
        reasons=tuple(reasons[i] for i in order),
        sets=np.concatenate([part.sets for part in answers])[order],
        coverage=answers[0].coverage,
    )
