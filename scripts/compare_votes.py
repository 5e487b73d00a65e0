"""Compare ways to hold the vote, by leaving out one artist at a time.

    python scripts/compare_votes.py [LIBRARY] [--uneven]

Prints the tables of docs/how-it-decides.md. It needs no audio: the vectors are those of the
library ``gtzan``, or of another one with learned features. Every way is judged alike: artists are
dealt into 20 folds; what a way fits, it fits without the fold; then each track of the fold is
answered by all tracks of other artists.

With ``--uneven`` four genres, drawn by chance, keep one or a few tracks, and what is compared is
as how large a genre counts at least.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earmark.evaluation import metrics
from earmark.evaluation.intervals import bootstrap
from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.neighbors.fitted import LEAST_SIZE
from earmark.neighbors.fitting import assign_folds, members_of
from earmark.neighbors.local_scaling import shrink
from earmark.neighbors.metrics import normalize
from earmark.neighbors.vote import nearness_weights, vote

Array = NDArray[np.floating]
Embedding = Callable[[Array], Array]

TAGS, PENULTIMATE, BOTH = (0, 50), (50, 250), (0, 250)


@dataclass(frozen=True)
class Way:
    """One way to hold the vote."""

    name: str
    part: tuple[int, int] = PENULTIMATE
    standardized: bool = True
    projected: float = 0.0  # the share of the projection in the distance
    k: int = 30
    nearness: bool = True
    size_correction: float = 1.0
    hubs: str = "local"  # or "csls", or ""
    artist_discount: float = 1.0  # each further vote of an artist counts this much of the last
    least_size: float = 0.0  # a genre counts as so large at least, by the average one

    def fit(self, vectors: Array, labels: NDArray[np.intp]) -> Embedding:
        """Return the map into the space in which cosine distances are taken."""
        part = slice(*self.part)
        vectors = vectors[:, part]
        mean = vectors.mean(axis=0) if self.standardized else 0.0
        deviation = vectors.std(axis=0) if self.standardized else 1.0
        if not self.projected:
            return lambda queries: normalize((queries[:, part] - mean) / deviation)
        center, directions = discriminant((vectors - mean) / deviation, labels)

        def embed(queries: Array) -> Array:
            standard = (queries[:, part] - mean) / deviation
            return np.concatenate(
                [
                    np.sqrt(self.projected) * normalize((standard - center) @ directions),
                    np.sqrt(1 - self.projected) * normalize(standard),
                ],
                axis=1,
            )

        return embed


CHOSEN = Way("**… hubs too, by local scaling**")

WAYS = (
    Way("tags as they are, one vote each, k 8", TAGS, False, 0, 8, False, 0, ""),
    Way("tags, standardized, k 8", TAGS, True, 0, 8, False, 0, ""),
    Way("both, standardized, k 8", BOTH, True, 0, 8, False, 0, ""),
    Way("penultimate, standardized, k 8", PENULTIMATE, True, 0, 8, False, 0, ""),
    Way("… k 30", PENULTIMATE, True, 0, 30, False, 0, ""),
    Way("… nearer count more", PENULTIMATE, True, 0, 30, True, 0, ""),
    Way("… class sizes corrected by their root", PENULTIMATE, True, 0, 30, True, 0.5, ""),
    Way("… class sizes corrected", PENULTIMATE, True, 0, 30, True, 1, ""),
    Way("… hubs too, by cross-domain similarity (CSLS)", hubs="csls"),
    CHOSEN,
    Way("the same with tags alone", TAGS),
    Way("the same with both", BOTH),
    Way("the same with k 8", k=8),
    Way("the same with k 15", k=15),
    Way("the same with k 45", k=45),
    Way("the same with one vote each", nearness=False),
    Way("the same without correction of class sizes", size_correction=0),
    Way("the same, an artist's further votes at 0.8 of the last", artist_discount=0.8),
    Way("the same, a quarter of it by shrunk projection", projected=0.25),
    Way("the same, half of it by shrunk projection", projected=0.5),
    Way("shrunk projection alone", projected=1),
    Way("shrunk projection alone, hubs not corrected", projected=1, hubs=""),
    Way("half shrunk projection, hubs not corrected", projected=0.5, hubs=""),
)

FLOORS = {"no floor": 0.0, "**a quarter**": LEAST_SIZE, "a half": 0.5}
TRACKS_LEFT = (1, 5)
N_SMALL = 4
DRAWS = 2


def discriminant(
    vectors: Array, labels: NDArray[np.intp], shrinkage: float = 0.3
) -> tuple[Array, Array]:
    """Return the mean of the genres' means [d] and the directions [d, m] that separate them best.

    Discriminant analysis (Fisher, 1936; Rao, 1948) with each genre counting the same and the
    covariance within genres shrunk (Friedman, 1989).
    """
    genres = np.unique(labels)
    means = np.stack([vectors[labels == genre].mean(axis=0) for genre in genres])
    within = np.mean([np.cov(vectors[labels == genre].T, bias=True) for genre in genres], axis=0)
    whiten = np.linalg.inv(np.linalg.cholesky(shrink(within, shrinkage)))
    center = means.mean(axis=0)
    axes = np.linalg.svd((means - center) @ whiten.T, full_matrices=False)[2]
    return center, whiten.T @ axes[: len(genres) - 1].T


def judge(
    way: Way,
    vectors: Array,
    labels: NDArray[np.intp],
    groups: NDArray[np.intp],
    held: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Return the genre [n] that each track gets from the tracks of other artists.

    Where ``held`` is given, a library of these rows alone is asked.
    """
    n_genres = labels.max() + 1
    named = np.empty(len(labels), dtype=np.intp)
    held = np.arange(len(labels)) if held is None else held
    outside = np.setdiff1d(np.arange(len(labels)), held)
    least = way.least_size * len(held) / n_genres
    for fold in assign_folds(groups, 20):
        rest = np.setdiff1d(held, fold)
        embed = way.fit(vectors[rest], labels[rest])
        points = embed(vectors)
        distances = 1 - points[fold] @ points.T
        excluded = [np.union1d(tracks, outside) for tracks in members_of(groups, fold)]
        if way.hubs:
            distances = without_hubs(distances, points, way, outside)
        for row, tracks in zip(distances, excluded, strict=True):
            row[tracks] = np.inf
        neighbors = np.argsort(distances, axis=1, kind="stable")[:, : way.k]
        found = np.take_along_axis(distances, neighbors, axis=1)
        weights = (
            nearness_weights(found - found.min(initial=0)) if way.nearness else np.ones_like(found)
        )
        sizes = np.stack(
            [np.bincount(np.delete(labels, tracks), minlength=n_genres) for tracks in excluded]
        )
        sizes = np.maximum(sizes, least)
        weights /= np.take_along_axis(sizes, labels[neighbors], axis=1) ** way.size_correction
        if way.artist_discount < 1:
            weights *= artist_discounts(groups[neighbors], way.artist_discount)
        named[fold] = vote(found, np.eye(n_genres)[labels], neighbors, weights=weights)[1]
    return named


def without_hubs(distances: Array, points: Array, way: Way, outside: NDArray[np.intp]) -> Array:
    """Return distances [q, n] from which it is taken how near each track is to everything.

    Rows that are ``outside`` of the library are no neighbors.

    Cross-domain similarity local scaling (Lample et al., 2018) subtracts the mean distance to a
    track's neighbors; local scaling (Zelnik-Manor and Perona, 2004) divides by the distance to the
    k-th, here that from the track and the median of such.
    """
    among = 1 - points @ points.T
    np.fill_diagonal(among, np.inf)
    among[:, outside] = np.inf
    near = np.sort(among, axis=1)[:, : way.k]
    if way.hubs == "csls":
        return distances - near.mean(axis=1) / 2
    scales = near[:, -1]
    return 1 - np.exp(-np.square(distances) / (np.median(np.delete(scales, outside)) * scales))


def artist_discounts(groups: NDArray[np.intp], discount: float) -> Array:
    """Return the factor of each vote [q, k], smaller for each earlier vote of its artist."""
    earlier = np.tril(groups[:, :, None] == groups[:, None, :], -1).sum(axis=2)
    return discount**earlier


def row(
    name: str,
    named: NDArray[np.intp],
    labels: NDArray[np.intp],
    groups: NDArray[np.intp],
    full: NDArray[np.bool_],
) -> str:
    """Return a row of the table, with the interval by drawing artists with replacement."""
    n_genres = labels.max() + 1
    figures = {"balanced": metrics.balanced_accuracy}
    low, high = astuple(bootstrap(labels, named, groups, n_genres, figures)["balanced"])
    of_all, of_full = (
        float(
            metrics.balanced_accuracy(metrics.confusion_matrix(labels[rows], named[rows], n_genres))
        )
        for rows in (np.ones_like(full), full)
    )
    of_short = np.mean((named == labels)[~full])
    return f"| {name} | {of_all:.1%} | {low:.1%} to {high:.1%} | {of_full:.1%} | {of_short:.1%} |"


def few_left(
    labels: NDArray[np.intp], left: int | None, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the rows of a library in which four genres have so few tracks left, or all."""
    order = rng.permutation(len(labels))
    small = rng.permutation(labels.max() + 1)[:N_SMALL]
    parts = [
        order[labels[order] == genre][: left if genre in small else None]
        for genre in range(labels.max() + 1)
    ]
    return np.sort(np.concatenate(parts))


def tell_floors(vectors: Array, labels: NDArray[np.intp], groups: NDArray[np.intp]) -> None:
    """Print what each floor leads to in uneven libraries, mean of all draws.

    All tracks are asked. The first figure counts each genre the same, the second as often as the
    library has it.
    """
    n_genres = labels.max() + 1
    print(f"| tracks left | {' | '.join(FLOORS)} |\n|{' --- |' * (1 + len(FLOORS))}")
    for left in (*TRACKS_LEFT, None):
        rng = np.random.default_rng(0)
        libraries = [few_left(labels, left, rng) for _ in range(DRAWS if left else 1)]
        cells = []
        for floor in FLOORS.values():
            figures = []
            for held in libraries:
                named = judge(replace(CHOSEN, least_size=floor), vectors, labels, groups, held)
                rows = metrics.confusion_matrix(labels, named, n_genres)
                recall = rows.diagonal() / rows.sum(axis=1)
                sizes = np.bincount(labels[held], minlength=n_genres)
                figures.append((recall.mean(), np.average(recall, weights=sizes)))
            cells.append("{:.1%}, {:.1%}".format(*np.mean(figures, axis=0)))
        print(f"| {left or 'all'} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Judge every way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", nargs="?", default="gtzan")
    parser.add_argument("--uneven", action="store_true", help="compare floors of sizes of genres")
    arguments = parser.parse_args()
    with open_library(arguments.library, read_only=True) as library:
        snapshot = library.snapshot()
        groups = tracks_together(snapshot, library.spec.similarity)
    _, labels = np.unique(np.array(snapshot.genres), return_inverse=True)
    vectors = np.asarray(snapshot.vectors, dtype=np.float64)
    if arguments.uneven:
        tell_floors(vectors, labels, groups)
        return
    full = snapshot.seconds > 10
    print("| way | balanced, all | 95 % interval | balanced, 30 s clips | accuracy, 2 to 3 s |")
    print("| --- | --- | --- | --- | --- |")
    for way in WAYS:
        named = judge(way, vectors, labels, groups)
        print(row(way.name, named, labels, groups, full), flush=True)


if __name__ == "__main__":
    main()
