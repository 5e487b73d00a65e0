"""What a track costs: to hear, to keep, to search, and to hand to a cluster.

    python benchmarks/scaling.py [--tracks 50000] [--only hear|keep|search|cluster]

`docs/scaling-out.md` rests on what this prints. Costs are processor time of one core, which a busy
machine disturbs little; sizes are bytes of real libraries. Needs ffmpeg and, for the cluster, the
extra ``cluster``.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from earmark import extraction, open_library
from earmark.collection.builder import BATCH, SEGMENTS_A_TRACK
from earmark.features import Segments, get_extractor
from earmark.library import Track, new_library
from earmark.library.fitting import voter
from earmark.library.mapped import MappedSearch, Precision

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"
SHIPPED = {"musicnn": "reference", "mfcc": "classic"}
ROUNDS = 5
PRECISIONS: tuple[Precision, ...] = ("float32", "float16")


def worked(what: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the least processor seconds of some rounds, after one that does not count."""
    what()
    found = []
    for _ in range(rounds):
        began = time.process_time()
        what()
        found.append(time.process_time() - began)
    return min(found)


def hear(folder: Path) -> None:
    """Look at and hear a song of four minutes."""
    song = folder / "song.mp3"
    loop = ["ffmpeg", "-v", "error", "-stream_loop", "20", "-i", str(EXAMPLE), "-t", "240"]
    subprocess.run([*loop, "-ac", "2", "-ar", "44100", "-b:a", "192k", str(song)], check=True)
    print(f"a song of 4 minutes, mp3, {song.stat().st_size / 1e6:.1f} MB, one core:")
    looked = worked(lambda: extraction.look(str(song)))
    print(f"  to look at:               {1000 * looked:6.1f} ms")
    for name in SHIPPED:
        spec = get_extractor(name).spec.to_json()
        seconds = worked(lambda spec=spec: extraction.extract(str(song), spec))  # type: ignore[misc]
        print(f"  to hear, {name + ':':<16} {1000 * seconds:6.1f} ms")


def made(name: str, count: int, seed: int) -> np.ndarray:
    """Return vectors [count, d]: those of the package, each with a little of another one."""
    with open_library(SHIPPED[name]) as library:
        known = library.snapshot().vectors
    rng = np.random.default_rng(seed)
    one, other = rng.integers(len(known), size=(2, count))
    part = rng.uniform(0.05, 0.5, (count, 1)).astype(known.dtype)
    # Mixtures of Gaussians and of vectors without a sign are such again.
    return known[one] * (1 - part) + known[other] * part


def fill(name: str, path: Path, count: int) -> float:
    """Write tracks as a build does; return the processor seconds a track."""
    spec = get_extractor(name).spec
    vectors = made(name, count, 0)
    times = np.arange(SEGMENTS_A_TRACK, dtype=np.float64)
    taken = 0.0
    with open_library(SHIPPED[name]) as shipped:
        fitted = shipped.fitted()
    with new_library(path, spec, overwrite=True) as library:
        for at in range(0, count, BATCH):
            rows = vectors[at : at + BATCH]
            tracks = [
                Track(
                    name=f"track {n:07}",
                    genre=f"genre {n % 50}",
                    artist=f"an artist {n % 5000}",
                    title=f"a title of a track {n}",
                    path=f"/music/genre {n % 50}/artist {n % 5000}/album/track {n:07}.mp3",
                    content_hash=f"{n:064x}",
                    audio_hash=f"{n + 2**80:064x}",
                    duration=240.0,
                    size=5_800_000 + n,
                    modified_ns=1_700_000_000_000_000_000 + n,
                )
                for n in range(at, at + len(rows))
            ]
            heard = None
            if name == "musicnn":
                heard = [
                    Segments(times, times + 1, np.repeat(row[None], SEGMENTS_A_TRACK, 0))
                    for row in rows
                ]
            began = time.process_time()
            library.add(tracks, rows, segments=heard)
            taken += time.process_time() - began
        if fitted is not None:
            library.store_parameters(fitted.blob)
    return taken / count


def keep(folder: Path, count: int) -> None:
    """Write libraries, and say how large they are."""
    print(f"a library of {count:,} tracks, each with path, names, hashes and its segments:")
    for name in SHIPPED:
        path = folder / f"{name}.earmark"
        seconds = fill(name, path, count)
        spec = get_extractor(name).spec
        vector = spec.dimension * np.dtype(spec.dtype).itemsize
        print(
            f"  {name}: {path.stat().st_size / count:,.0f} bytes a track in the file, of them "
            f"{vector:,} for its vector; {1000 * seconds:.2f} ms of one core to write"
        )


def search(folder: Path, count: int) -> None:
    """Ask libraries of several sizes."""
    for name in SHIPPED:
        for size in (count // 4, count // 2, count):
            again = [sys.executable, __file__, "--step", name, "--tracks", str(size)]
            subprocess.run([*again, "--folder", str(folder)], check=True)


def asked(name: str, count: int, folder: Path) -> None:
    """Print what one size costs; in a process of its own, so that its memory is its own."""
    path = folder / "asked.earmark"
    fill(name, path, count)
    gc.collect()
    before = psutil.Process().memory_info().rss
    with open_library(path, read_only=True) as library:
        snapshot = library.snapshot()
        vote = voter(library, snapshot)
        queries = made(name, 65, 1)
        one = worked(lambda: vote.kneighbors(queries[:1], 10), 20)
        many = worked(lambda: vote.kneighbors(queries[1:], 10)) / 64
        held = (psutil.Process().memory_info().rss - before) / count
    print(
        f"  {name}, {count:,} tracks: one query {1000 * one:.2f} ms, of 64 at once "
        f"{1000 * many:.2f} ms each, exact; {held:,.0f} bytes of memory a track",
        flush=True,
    )
    with open_library(path, read_only=True) as library:
        for precision in PRECISIONS:
            search = MappedSearch.make(folder / precision, library, precision)
            one = worked(lambda search=search: search.search(queries[:1], 10), 20)  # type: ignore[misc]
            size = (folder / precision).stat().st_size / count
            print(
                f"    one query in a mapped file of {precision} keys: {1000 * one:.2f} ms, exact; "
                f"{size:,.0f} bytes of disk a track",
                flush=True,
            )


def cluster(folder: Path, calls: int = 4000) -> None:
    """Hand calls that do nothing to a real cluster, and see what that costs everybody."""
    from earmark.cluster import ClusterExecutor
    from earmark.workers import preload

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    scheduler = subprocess.Popen([*start, "--host", "127.0.0.1", "--port", str(port)], **quiet)
    start = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny", "--no-dashboard"]
    workers = [subprocess.Popen([*start, address, "--nthreads", "1"], **quiet) for _ in range(2)]
    print("a cluster of 2 workers, for each call that does nothing:")
    try:
        for batch_size in (1, 16, 64):
            with ClusterExecutor(address, batch_size=batch_size) as executor:
                while executor.size < 2:
                    time.sleep(0.1)
                for call in [executor.submit(preload, []) for _ in range(100)]:
                    call.result()
                processes = {
                    "the scheduler": [scheduler.pid],
                    "the workers": [worker.pid for worker in workers],
                    "who asks": [os.getpid()],
                }
                before = {what: _worked(pids) for what, pids in processes.items()}
                for call in [executor.submit(preload, []) for _ in range(calls)]:
                    call.result()
                told = ", ".join(
                    f"{what} {1000 * (_worked(pids) - before[what]) / calls:.2f} ms"
                    for what, pids in processes.items()
                )
            print(f"  {batch_size} a task: {told}", flush=True)
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _worked(pids: list[int]) -> float:
    """Return the processor seconds that processes have taken, without their children."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def main() -> None:
    """Measure and print."""
    # Libraries read it when they are loaded.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **one})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=50_000)
    parser.add_argument("--only", choices=["hear", "keep", "search", "cluster"])
    parser.add_argument("--step", choices=list(SHIPPED), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        asked(arguments.step, arguments.tracks, arguments.folder)
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        steps: dict[str, Callable[[], None]] = {
            "hear": lambda: hear(folder),
            "keep": lambda: keep(folder, arguments.tracks),
            "search": lambda: search(folder, arguments.tracks),
            "cluster": lambda: cluster(folder),
        }
        for name, step in steps.items():
            if arguments.only in (None, name):
                step()


if __name__ == "__main__":
    main()
