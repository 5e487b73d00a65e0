"""A library of a million made tracks: what it costs to fill, open and look at.

    python benchmarks/million_tracks.py [--tracks 1000000] [--dimension 250] [--folder /tmp]
    python benchmarks/million_tracks.py --search classic
    python benchmarks/million_tracks.py --search index

Each step runs in a process of its own, so that its memory is its own. The mark: to open the
library, answer a query and list a page takes less than 1.5 GB beside the vectors, and a page of the
list, wherever it is, less than a second.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import psutil
from sklearn.neighbors import NearestNeighbors

from earmark.library import ExtractorSpec, Snapshot, Track, new_library, open_library
from earmark.library.approximate import ApproximateSearch, index_path
from earmark.library.fitting import refit, rows_of_song, voter
from earmark.library.mapped import MappedSearch
from earmark.library.model import Fitted
from earmark.neighbors import METRICS, BruteForce, Voter
from earmark.neighbors.divergence import symmetrized_kl

BATCH = 20_000
GENRES = 50
ARTISTS = 50_000
MOST_MEMORY = 1.5
QUERIES = 30
PAIRS = 200
NEW_SONGS = 1_000


def make(path: Path, count: int, dimension: int) -> None:
    """Fill a library with tracks that have all that a built one has."""
    rng = np.random.default_rng(0)
    spec = ExtractorSpec("made", "1", dimension, "cosine", "float32")
    with new_library(path, spec, overwrite=True) as library:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            tracks = [
                Track(
                    name=f"track {number:07}",
                    genre=f"genre {number % GENRES}",
                    artist=f"artist {number % ARTISTS}",
                    title=f"title {number}",
                    path=f"/music/genre {number % GENRES}/track {number:07}.flac",
                    content_hash=hashlib.sha256(b"c%d" % number).hexdigest(),
                    audio_hash=hashlib.sha256(b"a%d" % number).hexdigest(),
                    duration=180.0,
                    size=number,
                    modified_ns=number,
                )
                for number in numbers
            ]
            library.add(tracks, rng.normal(size=(len(tracks), dimension)).astype(np.float32))


def timed(name: str, what: object) -> None:
    """Do something and print how long it took and how much memory the process has used.

    The second time is what the processor worked for it, which other programs hardly disturb.
    """
    began, worked = time.perf_counter(), time.process_time()
    what()  # type: ignore[operator]
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"  {name:<36} {seconds:8.3f} s {worked:8.3f} s   {peak:6.2f} GB at most so far", flush=True
    )


def look(path: Path) -> None:
    """Ask what the pages and the API ask."""
    with open_library(path, read_only=True) as library:
        count = library.count()
        timed("count", library.count)
        timed("genres", library.genres)
        timed("artists", library.artists)
        timed("first page", lambda: library.tracks(limit=50))
        timed("last page", lambda: library.tracks(offset=count - 50, limit=50))
        timed("page of a genre", lambda: library.tracks(genre="genre 7", offset=1000, limit=50))
        timed("page of an artist", lambda: library.tracks(artist="artist 77", limit=50))
        timed("page of a search", lambda: library.tracks(search="title 123", limit=50))
        timed("thirty tracks by their ids", lambda: library.get_many(range(1, count, count // 30)))


def snapshot(path: Path) -> None:
    """Take the snapshot, and say what it costs beside its vectors."""
    with open_library(path, read_only=True) as library:
        timed("snapshot", library.snapshot)
        taken = library.snapshot()
        vectors = taken.vectors.nbytes / 1e9
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        timed("which tracks are one recording", lambda: taken.recording_codes)
        print(f"  {vectors:.2f} GB of vectors; at most {peak - vectors:.2f} GB beside them")


def fit(path: Path) -> None:
    """Fit the vote and keep it in the library, as its first use does."""
    with open_library(path) as library:
        timed("vote fitted", lambda: refit(library))


def ask(path: Path) -> None:
    """Open the library, answer queries and list a page, as a server does."""
    with open_library(path, read_only=True) as library:
        taken = library.snapshot()
        vote: list[Voter] = []
        timed("vote made ready", lambda: vote.append(voter(library, taken)))
        queries = np.random.default_rng(1).normal(size=(257, taken.vectors.shape[1]))
        timed("one query", lambda: vote[0].predict(queries[:1]))
        timed("one query again", lambda: vote[0].predict(queries[:1]))
        timed("256 queries at once", lambda: vote[0].predict(queries[1:]))
        own = taken.content_hashes[len(taken) // 2].decode()
        timed("which tracks a song may not ask", lambda: rows_of_song(library, vote[0], taken, own))
        timed("page of 50 tracks", lambda: library.tracks(offset=1000, limit=50))
        vectors = taken.vectors.nbytes / 1e9
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        kept = "kept" if peak - vectors < MOST_MEMORY else "BROKEN"
        print(f"  {vectors:.2f} GB of vectors; at most {peak - vectors:.2f} GB beside them")
        print(f"  promise of {MOST_MEMORY} GB beside the vectors: {kept}")


def perturbed(name: str, count: int) -> np.ndarray:
    """Return mixtures [n, d] of tracks of a library that ships, so that neighborhoods are real."""
    with open_library(name, read_only=True) as library:
        known = library.snapshot().vectors.astype(np.float32)
    rng = np.random.default_rng(0)
    made = np.empty((count, known.shape[1]), dtype=np.float32)
    for start in range(0, count, BATCH):
        part = slice(start, min(start + BATCH, count))
        one, other = rng.integers(len(known), size=(2, part.stop - start))
        share = rng.random((len(one), 1)).astype(np.float32) / 2
        made[part] = known[one] * (1 - share) + known[other] * share
        if name == "reference":
            noise = rng.standard_normal((len(one), known.shape[1])).astype(np.float32)
            made[part] = np.maximum(made[part] + noise * known.std(axis=0) / 2, 0)
    return made


def search(name: str, count: int) -> None:
    """Ask for the ten nearest of very many tracks, and pass once over the keys beside it.

    Mixtures of classic features are Gaussians, too: means and covariances between those of two.
    """
    with open_library(name, read_only=True) as library:
        comparison = library.spec.comparison
    metric = comparison.similarity
    vectors = perturbed(name, count)[:, comparison.columns]
    index = BruteForce(METRICS[metric].fit(vectors), vectors)
    keys = [block.keys for block in index.blocks if block.keys is not None]
    size = sum(key.nbytes for key in keys)
    rng = np.random.default_rng(1)
    queries = vectors[rng.integers(count, size=QUERIES)] * np.float32(1.001)

    def one_pass() -> None:
        for key in keys:
            key.sum()

    taken: dict[str, list[tuple[float, float]]] = {"one pass": [], "one query": []}
    for query in queries:
        for what, run in (
            ("one pass", one_pass),
            ("one query", lambda query=query: index.search(query[None], 10)),
        ):
            began, worked = time.perf_counter(), time.process_time()
            run()
            taken[what].append((time.perf_counter() - began, time.process_time() - worked))
    print(f"  {name}: {len(keys)} of {len(index.blocks)} blocks have keys, {size / 1e9:.2f} GB")
    for what, times in taken.items():
        wall, worked = 1_000 * np.percentile(times, [50, 95], axis=0).T
        print(
            f"  {what:<10} median {wall[0]:7.1f} ms, p95 {wall[1]:7.1f} ms; of the processor "
            f"{worked[0]:7.1f} and {worked[1]:7.1f} ms",
            flush=True,
        )
    both = [np.array(times)[:, 1] for times in taken.values()]
    print(f"  a query takes {np.median(both[1]) / np.median(both[0]):.2f} passes")
    if metric == "gaussian-kl":
        began = time.process_time()
        for track in vectors[:PAIRS]:
            symmetrized_kl(queries[0].astype(np.float64), track.astype(np.float64))
        loop = (time.process_time() - began) / PAIRS * count
        print(f"  pair by pair, from {PAIRS} of them: {loop:.0f} s a query")
        return
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    peer = NearestNeighbors(n_neighbors=10, algorithm="brute", metric="cosine").fit(units)
    peer.kneighbors(queries[:1])
    began = time.process_time()
    for query in queries[:5]:
        peer.kneighbors(query[None])
    print(f"  scikit-learn, brute force: {200 * (time.process_time() - began):.0f} ms a query")


class Arrays:
    """What a search asks of a library, of tracks that are in memory alone."""

    location = "made tracks"
    revision = 0

    def __init__(self, vectors: np.ndarray) -> None:
        with open_library("reference", read_only=True) as library:
            self.spec, self._fitted = library.spec, library.fitted()
        names = self._fitted.genres
        codes = np.arange(len(vectors)) % len(names)
        n, nothing = len(vectors), np.zeros(0, np.intp)
        hashes, held = np.zeros(n, "S1"), vectors.view()
        held.flags.writeable = False
        self._snapshot = Snapshot(
            *(0, np.arange(n), held, names, codes, (), np.full(n, -1), np.full(n, np.inf)),
            *(np.zeros(n, bool), hashes, hashes, (nothing, nothing, np.zeros(0, np.float32))),
        )

    def snapshot(self) -> Snapshot:
        """Return all of them."""
        return self._snapshot

    def count(self) -> int:
        """Return how many there are."""
        return len(self._snapshot)

    def fitted(self) -> Fitted:
        """Return the parameters of the library that ships."""
        return replace(self._fitted, revision=0)


def new_songs(count: int) -> np.ndarray:
    """Return songs [n, d] that are made as the tracks were, and are none of them."""
    with open_library("reference", read_only=True) as library:
        known = library.snapshot().vectors.astype(np.float32)
    rng = np.random.default_rng(99)
    one, other = rng.integers(len(known), size=(2, count))
    share = rng.random((count, 1)).astype(np.float32) / 2
    noise = rng.standard_normal((count, known.shape[1])).astype(np.float32)
    return np.maximum(
        known[one] * (1 - share) + known[other] * share + noise * known.std(axis=0) / 2, 0
    )


def index(count: int, folder: Path) -> None:
    """Make the index of very many tracks, and ask it for the ten nearest of songs that are new."""
    library = Arrays(perturbed("reference", count))
    path = folder / "made.keys"
    made: list[MappedSearch] = []
    timed("file of keys made", lambda: made.append(MappedSearch.make(path, library)))
    found: list[ApproximateSearch] = []
    timed("index made", lambda: found.append(ApproximateSearch.make(made[0])))
    ours = found.pop()
    before = psutil.Process().memory_info().rss
    timed("index opened", lambda: found.append(ApproximateSearch.opened(made[0], library)))
    print(f"  {(psutil.Process().memory_info().rss - before) / 1e9:.2f} GB of memory for it")
    lists = index_path(ours.exact).stat().st_size
    print(
        f"  {path.stat().st_size / 1e9:.2f} GB of keys and vectors, {lists / 1e9:.2f} of the index"
    )
    if not ours.indexed:
        print("  half of all lists are not enough")
        return
    print(f"  {ours.lists.probes} of {ours.lists.count} lists are looked at")
    songs = new_songs(NEW_SONGS)
    queries = ours.exact.ranking.queries(songs)
    graph = faiss.IndexFlatIP(queries.shape[1] - 1)
    for keys in ours.exact.key_blocks():
        graph.add(-keys)
    peer = NearestNeighbors(n_neighbors=10, algorithm="brute", metric="cosine")
    # What scikit-learn compares has no local scales, so its neighbors are others.
    peer.fit(np.concatenate([-keys[:, :-1] / keys[:, -1:] for keys in ours.exact.key_blocks()]))
    runs = {
        "index": lambda song: ours.search(songs[song : song + 1], 10)[1],
        "exact": lambda song: ours.search(songs[song : song + 1], 10, exact=True)[1],
        "faiss, flat": lambda song: graph.search(queries[song : song + 1, :-1].copy(), 10)[1],
        "scikit-learn": lambda song: peer.kneighbors(queries[song : song + 1, :-2]),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    hits = dict.fromkeys(runs, 0)
    for song in range(NEW_SONGS):
        true: set[int] = set()
        for name in ("exact", "index", "faiss, flat", "scikit-learn"):
            if name != "index" and song >= QUERIES * 5:
                continue
            if name == "scikit-learn" and song >= 5:
                continue
            began, worked = time.perf_counter(), time.process_time()
            answer = runs[name](song)
            taken[name].append((time.perf_counter() - began, time.process_time() - worked))
            if name == "exact":
                true = set(answer[0].tolist())
            elif name != "scikit-learn":
                hits[name] += len(true & set(answer[0].tolist()))
    for name, times in taken.items():
        wall, worked = 1_000 * np.percentile(times, [50, 95], axis=0).T
        asked = min(len(times), QUERIES * 5)
        right = f", recall {hits[name] / asked / 10:.4f}" if hits[name] else ""
        print(
            f"  {name:<12} median {wall[0]:7.2f} ms, p95 {wall[1]:7.2f} ms; of the processor "
            f"{worked[0]:7.2f} and {worked[1]:7.2f} ms{right} ({len(times)} songs)",
            flush=True,
        )
    ranking, song = ours.exact.ranking, songs[0]
    began = time.process_time()
    for row in range(PAIRS):
        ranking.ranks(song, ours.exact.vectors(np.array([row])), np.ones(1))
    loop = (time.process_time() - began) / PAIRS * count
    print(f"  pair by pair, from {PAIRS} of them: {loop:.0f} s a query")


def check(path: Path) -> None:
    """Compare everything with the digest."""
    with open_library(path, read_only=True) as library:
        timed("check of the digest", library.check)


def main() -> None:
    """Make the library, then look at it, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=250)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument(
        "--search", choices=["reference", "classic", "index"], help="search arrays alone"
    )
    steps = {"look": look, "snapshot": snapshot, "fit": fit, "ask": ask, "check": check}
    parser.add_argument("--step", choices=list(steps))
    arguments = parser.parse_args()
    if arguments.search == "index":
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            index(arguments.tracks, Path(folder))
        return
    if arguments.search:
        search(arguments.search, arguments.tracks)
        return
    if arguments.step:
        steps[arguments.step](arguments.library)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "million.earmark"
        print(f"{arguments.tracks:,} tracks of {arguments.dimension} numbers")
        timed("filled", lambda: make(path, arguments.tracks, arguments.dimension))
        print(f"  {path.stat().st_size / 1e9:.2f} GB on the disk")
        for step in steps:
            again = [sys.executable, __file__, "--step", step, "--library", str(path)]
            subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
