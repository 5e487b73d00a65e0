"""Times lists of songs against one plain search of the same tracks.

    python benchmarks/list_speed.py [--tracks 100000]

The tracks are made: 200 centers with normal noise around them. Medians of interleaved rounds, one
thread; the plain search is one matrix product and the 50 smallest of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from earmark.neighbors.metrics import Cosine
from earmark.recommend.path import path
from earmark.recommend.playlist import playlist
from earmark.recommend.rules import Catalog
from earmark.recommend.similar import Seeds, similar
from earmark.recommend.space import SimilarityMeasure, Space

ROUNDS = 9


def made(n: int) -> tuple[np.ndarray, Space, Catalog]:
    """Return n points of length 1, their space and what the rules know of them."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((200, 200)).astype(np.float32)
    points = centers[rng.integers(0, 200, n)] + rng.standard_normal((n, 200), dtype=np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    catalog = Catalog(
        artists=rng.integers(0, max(1, n // 12), n),
        albums=rng.integers(0, max(1, n // 7), n),
        genres=rng.integers(0, 12, n),
        recordings=np.arange(n),
        works=np.arange(n),
        seconds=rng.uniform(100, 300, n),
    )
    return points, Space(SimilarityMeasure(Cosine(), points)), catalog


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    n = parser.parse_args().tracks
    points, space, catalog = made(n)
    tasks: dict[str, Callable[[int], object]] = {
        "plain search": lambda i: np.argpartition(-(points @ points[i]), 50)[:50],
        "list of 50": lambda i: similar(space, catalog, Seeds(np.array([i])), 50),
        "path of 25": lambda i: path(space, catalog, i, n - 1 - i, 25),
        "playlist of 60 minutes": lambda i: playlist(space, catalog, Seeds(np.array([i]))),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    with threadpool_limits(1):
        for i in range(ROUNDS):
            for name, task in tasks.items():
                began = time.perf_counter()
                task(i)
                times[name].append(time.perf_counter() - began)
    plain = float(np.median(times["plain search"]))
    for name, taken in times.items():
        middle = float(np.median(taken))
        print(f"{name:24} {1000 * middle:7.1f} ms  {middle / plain:5.1f} x plain search")


if __name__ == "__main__":
    main()
