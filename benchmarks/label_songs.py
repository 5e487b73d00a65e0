"""How many labels it takes until a library names genres well, chosen and at random.

    python benchmarks/label_songs.py [LIBRARY] [--seeds 20] [--most 200]

The tracks of a library whose labels are known play the person who labels. For each seed a third of
the artists is put aside as songs to be asked about. Of the others, tracks are labelled one by one:
as `earmark label` chooses them; at random; or, at random too, the same number of each genre, which
nobody can do who does not know the genres yet. The library is fitted to the labelled tracks alone.
What is told is the balanced accuracy on the artists that were put aside, the mean over seeds with
its 95 % interval (Student's t). By default the library is that of GTZAN's clips.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from earmark import neighbors
from earmark.evaluation import EvaluationSet, load_evaluation_set
from earmark.labelling import Chooser
from earmark.library import Library, open_library
from earmark.neighbors import codes_of, fold_artist
from earmark.recommend.space import Space, label_free_measure

TARGETS = (0.70, 0.75, 0.80)
STEP = 10
ASIDE = 1 / 3

Rows = NDArray[np.intp]
Order = Callable[[Rows, np.random.Generator], Rows]


class Bench:
    """The labelled tracks of a library."""

    def __init__(self, library: Library) -> None:
        self.spec = library.spec
        self.data: EvaluationSet = load_evaluation_set(library)
        self.vectors = np.asarray(self.data.vectors)
        self.artists = codes_of([fold_artist(artist) for artist in self.data.artists])

    def parted(self, seed: int) -> tuple[Rows, Rows, np.random.Generator]:
        """Return the rows that may be labelled, and those by other artists that are asked about."""
        rng = np.random.default_rng(seed)
        groups = rng.permutation(np.unique(self.data.groups))
        aside = np.isin(self.data.groups, groups[: round(ASIDE * len(groups))])
        return np.flatnonzero(~aside), np.flatnonzero(aside), rng

    def accuracy(self, labelled: Rows, asked: Rows) -> float:
        """Return the balanced accuracy on some tracks of a vote fitted to others."""
        names = sorted({self.data.genres[row] for row in labelled})
        labels = np.zeros((len(labelled), len(names)), dtype=np.float32)
        labels[
            np.arange(len(labelled)), [names.index(self.data.genres[row]) for row in labelled]
        ] = 1
        vectors = self.vectors[labelled]
        parameters = neighbors.fit(
            vectors, labels, self.data.groups[labelled], comparison=self.data.comparison
        )
        voter = neighbors.make_voter(vectors, labels, names, parameters)
        said = np.array(names)[voter.predict(self.vectors[asked]).winners]
        truth = np.array(self.data.genres)[asked]
        return float(np.mean([np.mean(said[truth == genre] == genre) for genre in set(truth)]))

    def chosen(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Order tracks as `earmark label` asks about them."""
        space = Space(label_free_measure(self.spec, self.vectors[rows]))
        affinity = np.exp(-space.of_rows(np.arange(len(rows)))).astype(np.float32)
        chooser = Chooser(affinity, self.artists[rows], np.full(len(rows), -1))
        order: list[int] = []
        while (row := chooser.next()) is not None:
            order.append(row)
            chooser.label(row, self.data.genres[rows[row]])
        return rows[order]

    def at_random(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Order tracks at random."""
        return rng.permutation(rows)

    def of_each_genre(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Order tracks at random, one of each genre at a time."""
        shuffled = rng.permutation(rows)
        labels = self.data.labels[shuffled]
        turn = np.array([np.sum(labels[:i] == label) for i, label in enumerate(labels)])
        return shuffled[np.argsort(turn, kind="stable")]


def curve(bench: Bench, order: Order, seeds: int, sizes: Sequence[int]) -> NDArray[np.float64]:
    """Return the accuracy [seeds, sizes] with so many labels."""
    found = np.empty((seeds, len(sizes)))
    for seed in range(seeds):
        rows, asked, rng = bench.parted(seed)
        ordered = order(rows, rng)
        for place, size in enumerate(sizes):
            found[seed, place] = bench.accuracy(ordered[:size], asked)
    return found


def told(values: NDArray[np.float64]) -> str:
    """Say a mean over seeds with its interval."""
    n = len(values)
    half = student.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return f"{100 * values.mean():.1f} ± {100 * half:.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", nargs="?", default="gtzan")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--most", type=int, default=200)
    given = parser.parse_args()
    sizes = list(range(STEP, given.most + 1, STEP))
    with open_library(given.library, read_only=True) as library:
        bench = Bench(library)
    orders: dict[str, Order] = {
        "chosen": bench.chosen,
        "at random": bench.at_random,
        "at random, as many of each genre": bench.of_each_genre,
    }
    curves = {}
    with threadpool_limits(1, user_api="blas"):
        for name, order in orders.items():
            curves[name] = curve(bench, order, given.seeds, sizes)
            print(f"{name} done", file=sys.stderr)
    print("| labels |", " | ".join(orders), "|")
    print("| --- |" + " --- |" * len(orders))
    for place, size in enumerate(sizes):
        print(f"| {size} |", " | ".join(told(curves[name][:, place]) for name in orders), "|")
    parts = [bench.parted(seed)[:2] for seed in range(given.seeds)]
    every = told(np.array([bench.accuracy(rows, asked) for rows, asked in parts]))
    mean = round(np.mean([len(rows) for rows, _ in parts]))
    print(f"| all {mean} |", " | ".join([every] * len(orders)), "|")
    for target in TARGETS:
        reached = []
        for name in orders:
            enough = np.flatnonzero(curves[name].mean(axis=0) >= target)
            reached.append(str(sizes[enough[0]]) if len(enough) else f"more than {sizes[-1]}")
        print(f"| labels to {100 * target:.0f} % |", " | ".join(reached), "|")
    n_genres = len(bench.data.genre_names)
    few, more = (sizes.index(each * n_genres) for each in (4, 6))
    for name in list(orders)[1:]:
        ahead = curves["chosen"][:, few] - curves[name][:, more]
        print(f"4 labels a genre chosen, ahead of 6 a genre {name}: {told(ahead)} points")


if __name__ == "__main__":
    main()
