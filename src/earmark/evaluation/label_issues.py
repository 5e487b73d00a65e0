"""Which labels the neighborhood disagrees with, and which tracks are hubs.

Arrays in, arrays out. Here every track may be evidence for every other: that a track lies among its
artist's tracks of another genre is evidence of a wrong label, not a leak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.errors import EvaluationError
from earmark.neighbors import METRICS, AllPairs

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# How many tracks of a genre say how far it is, how many say how dense a place is, and what the
# artist's other tracks weigh. Chosen on gtzan1000.dat with 5 % of the labels swapped (30 draws), by
# the share of the swapped that stand among the first tenth: 0.88 without artists, as for 3 to 8
# tracks and 5 to 30 neighbors; votes of 8 to 30 neighbors find fewer, 0.80 to 0.87. With artists
# 0.97, and no less for weights from 0.2 to 0.5.
NEAREST_OF_GENRE = 5
SCALE_NEIGHBORS = 10
ARTIST_WEIGHT = 0.3


@dataclass(frozen=True)
class Neighborhood:
    """Every track among all others.

    Attributes
    ----------
    ratio
        How many times as far a track is from its own genre as from the nearest other one [n];
        above 1 speaks against the label. Not a number where its genre has no other track, or there
        is no other genre.
    other
        The nearest other genre, a genre number [n].
    neighbors, distances
        The k nearest other tracks [n, k].
    occurrences
        Of how many tracks a track is among the ``SCALE_NEIGHBORS`` nearest [n].
    """

    ratio: Floats
    other: Indices
    neighbors: Indices
    distances: Floats
    occurrences: Indices


def artist_label_counts(labels: Indices, artists: Indices) -> tuple[Indices, Indices]:
    """Count the other tracks of each track's artist, and those of them with its label.

    Parameters
    ----------
    labels
        Genre numbers [n].
    artists
        Artist numbers [n]; a negative one is an unknown artist, of whom there are no others.

    Returns
    -------
    others, agreeing
        Both [n].
    """
    others, agreeing = np.zeros(len(labels), dtype=np.intp), np.zeros(len(labels), dtype=np.intp)
    for artist in np.unique(artists[artists >= 0]):
        rows = np.flatnonzero(artists == artist)
        own = labels[rows]
        others[rows] = len(rows) - 1
        agreeing[rows] = (own[:, None] == own[None, :]).sum(axis=1) - 1
    return others, agreeing


def label_issue_scores(ratio: Floats, others: Indices, agreeing: Indices) -> Floats:
    """Return how much speaks against each label [n]; above 0, more than for it.

    The logarithm of the ratio, plus ``ARTIST_WEIGHT`` times the balance of the artist's other
    tracks, from −1 (many, and all have the label) to 1 (many, and none has it).
    """
    against = others - 2 * agreeing
    doubt: Floats = np.log(ratio) + ARTIST_WEIGHT * against / (others + 1)
    return doubt


def survey_neighborhood(
    vectors: NDArray[np.floating],
    labels: Indices,
    metric: str,
    *,
    n_neighbors: int = 8,
    everyone: AllPairs | None = None,
) -> Neighborhood:
    """Look at every track among all others.

    The distance to a genre is the mean distance to its ``NEAREST_OF_GENRE`` nearest tracks. Each
    distance is divided by the geometric mean of both tracks' local scales, d(i, j) / √(sᵢ sⱼ). This
    local scaling of Zelnik-Manor and Perona (2004) keeps hubs from deciding everything.

    Parameters
    ----------
    vectors
        Vectors [n, d], n at least 2.
    labels
        Genre numbers [n].
    metric
        A name in ``METRICS``.
    n_neighbors
        How many neighbors to return as evidence, at most n − 1.
    everyone
        The same tracks and labels, without weights, where they were compared already.
    """
    n = len(vectors)
    if n < 2:
        raise EvaluationError("one track has no neighbors; there is nothing to audit")
    if everyone is None:
        everyone = AllPairs(METRICS[metric].fit(vectors), vectors, labels)
    similarity = everyone.similarity
    near = min(SCALE_NEIGHBORS, n - 1)
    k = min(n_neighbors, n - 1)
    distances, neighbors = everyone.nearest(max(k, near))
    scale = distances[:, :near].mean(axis=1)
    # Copies are at distance 0, which no ratio may be taken of.
    least = max(1e-3 * float(np.median(scale)), float(np.finfo(np.float32).tiny))
    root = np.sqrt(np.maximum(scale, least))
    scaled = AllPairs(similarity, vectors, labels, similarity.rank(1 / root))
    ratio, other = _ratios(_to_genres(scaled, labels, root, least) / root[:, None], labels)
    occurrences = np.bincount(neighbors[:, :near].ravel(), minlength=n)
    return Neighborhood(ratio, other, neighbors[:, :k], distances[:, :k], occurrences)


def _to_genres(scaled: AllPairs, labels: Indices, root: Floats, least: float) -> Floats:
    """Return the mean of d(i, j) / √sⱼ to the nearest other tracks of each genre [n, G].

    Of genres of others only the nearest one matters; it is infinite for those that are surely not.
    """
    rows = np.arange(len(labels))
    genres = np.unique(labels)
    at_least = np.full((len(labels), int(labels.max()) + 1), np.inf)
    for genre in genres:
        at_least[:, genre] = scaled.least_of(genre)
    # A mean of numbers that are no smaller can be smaller by rounding.
    at_least *= 1 - 1e-9
    at_least[rows, labels] = np.inf
    nearest = at_least.argmin(axis=1)
    far = np.full(at_least.shape, np.inf)

    def measure(asked: NDArray[np.bool_], genre: int) -> None:
        few = np.flatnonzero(asked)
        distances, found = scaled.search(NEAREST_OF_GENRE, label=genre, rows=few)
        distances = np.maximum(distances, least / root[found])
        there = np.isfinite(distances)
        count = there.sum(axis=1)
        total = np.where(there, distances, 0.0).sum(axis=1)
        far[few, genre] = np.divide(total, count, out=np.full(len(few), np.inf), where=count > 0)

    for genre in genres:
        measure((labels == genre) | (nearest == genre), genre)
    known = far[rows, nearest]
    for genre in genres:
        measure((at_least[:, genre] <= known) & (labels != genre) & (nearest != genre), genre)
    return far


def _ratios(far: Floats, own: Indices) -> tuple[Floats, Indices]:
    """Return own over nearest other genre's distance [n], and that genre, of distances [n, G]."""
    rows = np.arange(len(far))
    mine = far[rows, own]
    far[rows, own] = np.inf
    other = far.argmin(axis=1)
    theirs = far[rows, other]
    judged = np.isfinite(mine) & np.isfinite(theirs)
    ratio = np.divide(mine, theirs, out=np.full(len(far), np.nan), where=judged)
    return ratio, other.astype(np.intp)


def skewness(values: NDArray[np.integer]) -> float:
    """Return the third standardized moment; 0 where all values are equal.

    Of the number of times that tracks are neighbors it measures how much a few hubs dominate
    (Radovanović, Nanopoulos and Ivanović 2010): about 0 is none, above 1 is noticeable.
    """
    centered = np.asarray(values, dtype=np.float64) - np.mean(values)
    deviation = float(np.sqrt(np.mean(centered**2)))
    return float(np.mean(centered**3)) / deviation**3 if deviation > 0 else 0.0
