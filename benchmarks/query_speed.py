"""How long one query against 1,000 tracks takes, from feature vector to neighbors.

    python benchmarks/query_speed.py [MY.DAT]

The peer is the classic recipe as it is usually written: a loop over the tracks with the inverse and
the determinant of a covariance for each pair, in both directions, and a sort of all distances. Both
find the eight nearest of the same tracks, by turns in the same run, so that whatever else the
machine does disturbs both. Two figures, since they differ:

- in a batch: 1,000 queries asked at once, the time divided by 1,000;
- alone: one query asked by itself, where calling NumPy some thirty times takes most of the time.

Without a my.dat the tracks are made up; no time here depends on the numbers.
"""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from earmark.features import Comparison
from earmark.features.gaussian import pack, unpack
from earmark.importing.classic.mydat import read_rows
from earmark.neighbors import MajorityVoter, Parameters, one_hot

PROMISE = 10_000
K = 8
N_TRACKS = 1_000
ROUNDS = 30
BATCHES_A_ROUND = 20
ALONE_A_ROUND = 30
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mydat" / "gtzan1000.dat"

Instance = tuple[np.ndarray, np.ndarray, int]


def distance(one: Instance, other: Instance, k: int) -> float:
    """One direction of the divergence, as the classic recipe has it."""
    mean1, covariance1 = one[0], one[1]
    mean2, covariance2 = other[0], other[1]
    total = np.trace(np.dot(np.linalg.inv(covariance2), covariance1))
    total += np.dot(np.dot((mean2 - mean1).transpose(), np.linalg.inv(covariance2)), mean2 - mean1)
    total += np.log(np.linalg.det(covariance2)) - np.log(np.linalg.det(covariance1))
    total -= k
    return float(total)


def plain_loop(tracks: list[Instance], query: Instance, k: int) -> list[int]:
    """Return the numbers of the k nearest tracks, as the classic recipe finds them."""
    distances = []
    for number, track in enumerate(tracks):
        between = distance(track, query, 13) + distance(query, track, 13)
        distances.append((number, between))
    distances.sort(key=operator.itemgetter(1))
    return [number for number, _ in distances[:k]]


def made_up(n: int) -> np.ndarray:
    """Return packed Gaussians [n, 104]."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(n, 13, 40)) * np.exp(0.4 * rng.normal(size=(n, 13, 1)))
    return pack(3 * rng.normal(size=(n, 13)), frames @ frames.transpose(0, 2, 1) / 40)


def seconds(run: Callable[[], object]) -> float:
    """Return how long a run takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main(path: Path | None) -> None:
    """Time both by turns and print the ratios."""
    if path is None:
        vectors, source = made_up(N_TRACKS), "made up"
    else:
        vectors, source = read_rows(path).vectors[:N_TRACKS], path.name
    means, covariances = unpack(vectors)
    tracks = list(zip(means, covariances, range(len(means)), strict=True))
    parameters = Parameters(Comparison("gaussian-kl"), K)
    voter = MajorityVoter(vectors, *one_hot(["any"] * len(vectors)), parameters)
    same = sum(
        set(plain_loop(tracks, tracks[row], K)) == set(voter.kneighbors(vectors[[row]], K)[1][0])
        for row in range(0, len(tracks), 100)
    )
    loop, batch, alone = [], [], []
    for number in range(ROUNDS):
        row = number * 61 % len(tracks)
        loop.append(seconds(lambda row=row: plain_loop(tracks, tracks[row], K)))
        for _ in range(BATCHES_A_ROUND):
            batch.append(seconds(lambda: voter.kneighbors(vectors, K)) / len(vectors))
        for _ in range(ALONE_A_ROUND):
            alone.append(seconds(lambda row=row: voter.kneighbors(vectors[[row]], K)))
    print(f"{len(vectors):,} tracks ({source}), the {K} nearest")
    print(f"  the loop found the same neighbors for {same} of 10 queries")
    for what, figure in (("fastest", min), ("median", np.median)):
        slow = figure(loop)
        print(f"  {what} of {ROUNDS} rounds")
        print(f"    plain loop             {slow * 1e6:12,.1f} µs a query")
        for name, times in (("in a batch of 1,000", batch), ("alone", alone)):
            quick = figure(times)
            print(
                f"    earmark, {name:<19}{quick * 1e6:7,.1f} µs a query, ratio {slow / quick:,.0f}"
            )
    ratio = min(loop) / min(batch)
    verdict = "kept" if ratio >= PROMISE else "BROKEN"
    print(f"  promise of {PROMISE:,} times, in a batch: {ratio:,.0f}, {verdict}")


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    main(given if given.exists() else None)
