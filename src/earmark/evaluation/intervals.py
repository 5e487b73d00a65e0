"""How far a figure can be trusted: intervals and paired tests.

Tracks of one artist are right or wrong together, so tracks are not independent draws and an
interval over tracks is too narrow. What resamples here, resamples whole groups (an artist, or one
recording that stands in a library twice).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.errors import EvaluationError

Floats = NDArray[np.float64]
Figure = Callable[[Floats], Floats]

Z_95 = 1.959963984540054  # the 97.5 % point of the normal distribution
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A range that should hold the true value, at 95 % unless said otherwise."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def interval_json(interval: Interval | None) -> list[float] | None:
    """Return an interval as JSON."""
    return None if interval is None else [interval.low, interval.high]


def wilson(hits: float, count: float, *, z: float = Z_95) -> Interval:
    """Wilson score interval of a proportion (Wilson 1927).

    Stays inside [0, 1] and keeps its promise for small counts and for 0 or ``count`` hits.

    Parameters
    ----------
    hits, count
        How many of how many; a mean over repeats may make ``hits`` fractional.
    z
        Normal quantile, 1.96 for 95 %.

    Raises
    ------
    EvaluationError
        ``count`` is not positive, or ``hits`` not within 0 … count.
    """
    if count <= 0 or not 0 <= hits <= count:
        raise EvaluationError(f"no interval for {hits} of {count}")
    p = hits / count
    scale = 1.0 + z * z / count
    center = (p + z * z / (2.0 * count)) / scale
    half = z * math.sqrt(p * (1.0 - p) / count + z * z / (4.0 * count * count)) / scale
    # At 0 and at all hits the end is exactly there, but for rounding.
    return Interval(max(0.0, min(p, center - half)), min(1.0, max(p, center + half)))


def _group_numbers(groups: ArrayLike, n: int) -> tuple[NDArray[np.intp], int]:
    array = np.asarray(groups)
    if array.shape != (n,):
        raise EvaluationError(f"groups must be [{n}], not {array.shape}")
    names, numbers = np.unique(array, return_inverse=True)
    return numbers.astype(np.intp), len(names)


def _resampled_confusions(
    cells: list[NDArray[np.intp]],
    groups: NDArray[np.intp],
    n_groups: int,
    n_genres: int,
    resamples: int,
    seed: int,
) -> list[Floats]:
    """Confusion matrices [resamples, G, G], one stack for each list of cells, on equal draws."""
    rng = np.random.default_rng(seed)
    shape = (n_genres, n_genres)
    stacks = [np.empty((resamples, *shape)) for _ in cells]
    for b in range(resamples):
        times = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        weights = times[groups].astype(np.float64)
        for stack, cell in zip(stacks, cells, strict=True):
            stack[b] = np.bincount(cell, weights, n_genres * n_genres).reshape(shape)
    return stacks


def bootstrap(
    truth: ArrayLike,
    predicted: ArrayLike,
    groups: ArrayLike,
    n_genres: int,
    figures: Mapping[str, Figure],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """95 % intervals of figures, by drawing groups of tracks with replacement.

    The percentile method on the cluster bootstrap (Efron and Tibshirani 1993; Field and Welsh
    2007).

    Parameters
    ----------
    truth, predicted
        Genre numbers [n].
    groups
        Group of each track [n], such as its artist.
    n_genres
        How many genres there are.
    figures
        Functions of a stack of confusion matrices [..., G, G], by name.
    resamples
        How many draws.
    seed
        Makes the draws repeatable.

    Returns
    -------
    dict
        An interval for each figure; None for all where there are fewer than two groups, since
        nothing can be drawn then.
    """
    t, p = np.asarray(truth, dtype=np.intp), np.asarray(predicted, dtype=np.intp)
    numbers, n_groups = _group_numbers(groups, len(t))
    if n_groups < 2:
        return dict.fromkeys(figures)
    (stack,) = _resampled_confusions(
        [t * n_genres + p], numbers, n_groups, n_genres, resamples, seed
    )
    return {name: _percentiles(figure(stack)) for name, figure in figures.items()}


def bootstrap_lists(
    truth: NDArray[np.bool_],
    listed: NDArray[np.bool_],
    groups: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """95 % interval of the F1 of lists of genres [n, N], by drawing groups as `bootstrap` does.

    None where there are fewer than two groups.
    """
    numbers, n_groups = _group_numbers(groups, len(truth))
    if n_groups < 2:
        return None
    both = (truth & listed).sum(axis=1)
    counts = np.stack(
        [np.bincount(numbers, each, n_groups) for each in (2 * both, (truth + 0 + listed).sum(1))]
    )
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_groups, size=(resamples, n_groups))
    hits, whole = (each[drawn].sum(axis=1) for each in counts)
    return _percentiles(hits / np.maximum(whole, 1))


def _percentiles(values: Floats) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two sets of answers to the same questions.

    Attributes
    ----------
    difference
        Figure of the second minus figure of the first.
    interval
        95 %, over groups; None where there are fewer than two.
    only_first, only_second
        Tracks that only one of the two named rightly.
    mcnemar
        Two-sided exact p-value of McNemar's test. It takes tracks for independent draws, so with
        many tracks an artist it is too bold; the interval is the one to believe.
    """

    difference: float
    interval: Interval | None
    only_first: int
    only_second: int
    mcnemar: float


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test (1947): a fair coin over the tracks that differ.

    Parameters
    ----------
    only_first, only_second
        How many tracks only the first, and only the second, named rightly.

    Returns
    -------
    float
        1.0 where none differ.
    """
    if only_first < 0 or only_second < 0:
        raise EvaluationError("counts are not negative")
    n, smaller = only_first + only_second, min(only_first, only_second)
    if n == 0 or only_first == only_second:
        return 1.0
    log_all = math.lgamma(n + 1) - n * math.log(2.0)
    tail = math.fsum(
        math.exp(log_all - math.lgamma(i + 1) - math.lgamma(n - i + 1)) for i in range(smaller + 1)
    )
    return min(1.0, 2.0 * tail)


def paired(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    groups: ArrayLike,
    n_genres: int,
    figure: Figure,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedTest:
    """Compare two predictions of the same tracks.

    Parameters
    ----------
    truth, first, second
        Genre numbers [n]; a track may stand there several times (repeats of a split).
    groups
        Group of each track [n]; both predictions are resampled by the same draws of groups.
    n_genres
        How many genres there are.
    figure
        A function of a stack of confusion matrices [..., G, G].
    """
    t, a, b = (np.asarray(x, dtype=np.intp) for x in (truth, first, second))
    if not len(t) == len(a) == len(b):
        raise EvaluationError("both predictions must be of the same tracks")
    if len(t) == 0:
        raise EvaluationError("there is nothing to compare: no track was judged by both")
    numbers, n_groups = _group_numbers(groups, len(t))
    cells = [t * n_genres + a, t * n_genres + b]
    shape = (n_genres, n_genres)
    whole = [np.bincount(c, minlength=n_genres**2).reshape(shape).astype(float) for c in cells]
    interval = None
    if n_groups >= 2:
        one, two = _resampled_confusions(cells, numbers, n_groups, n_genres, resamples, seed)
        interval = _percentiles(figure(two) - figure(one))
    only_first = int(np.sum((a == t) & (b != t)))
    only_second = int(np.sum((a != t) & (b == t)))
    return PairedTest(
        difference=float(figure(whole[1]) - figure(whole[0])),
        interval=interval,
        only_first=only_first,
        only_second=only_second,
        mcnemar=mcnemar(only_first, only_second),
    )
