"""Parameters from a library's own tracks, and honest answers for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from earmark.neighbors.answers import Answers
from earmark.neighbors.metrics import Float
from earmark.neighbors.parameters import CLASSIC_K, Parameters
from earmark.neighbors.search import Indices
from earmark.neighbors.voter import Voter


def fit(
    vectors: Float,
    genres: Sequence[str],
    groups: Indices,
    *,
    metric: str,
    k: int | None = None,
    plain: bool | None = None,
) -> Parameters:
    """Choose the parameters of the vote for tracks [n, d] by leaving out one group at a time."""
    return Parameters(metric, CLASSIC_K if k is None else k)


def leave_group_out(
    vectors: Float,
    genres: Sequence[str],
    groups: Indices,
    *,
    metric: str,
    k: int | None = None,
    plain: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Answers:
    """Answer every track by the others, with no track of its group voting or used in fitting."""
    parameters = fit(vectors, genres, groups, metric=metric, k=k, plain=plain)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    members = dict(zip(groups[order][starts], np.split(order, starts[1:]), strict=True))
    answers = Voter(vectors, genres, parameters).predict(
        vectors, exclude=[members[group] for group in groups]
    )
    if progress is not None:
        progress(len(vectors), len(vectors))
    return answers
