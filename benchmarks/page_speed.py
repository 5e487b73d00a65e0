"""How quick a page stays while songs are analysed.

    python benchmarks/page_speed.py [SONG]

Starts ``earmark serve`` with the reference library on a free port, uploads one song 16 times at
once, and asks for the home page again and again until all are answered. The peer is the same page
of the same server with nothing to do; the promise is 0.2 s at the median.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from served import served

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "war_of_freedom.ogg"
UPLOADS = 16
IDLE_REQUESTS = 100
PROMISE = 0.2


def upload(url: str, song: Path) -> requests.Response:
    """Ask for the genre of a song."""
    with song.open("rb") as stream:
        return requests.post(f"{url}/predict", files={"file": stream}, timeout=600)


def times_of(url: str, go_on: Callable[[int], bool]) -> list[float]:
    """Return how many seconds the page took, asked as long as ``go_on(times so far)``."""
    times: list[float] = []
    while go_on(len(times)):
        began = time.perf_counter()
        requests.get(url, timeout=60).raise_for_status()
        times.append(time.perf_counter() - began)
        time.sleep(0.01)
    return times


def measure(url: str, song: Path) -> None:
    """Time the page of a server and print what it took."""
    while requests.get(f"{url}/api/v1/ready", timeout=60).status_code != 200:
        time.sleep(0.05)
    upload(url, song).raise_for_status()
    idle = times_of(url, lambda asked: asked < IDLE_REQUESTS)
    began = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS) as pool:
        answers = [pool.submit(upload, url, song) for _ in range(UPLOADS)]
        busy = times_of(url, lambda _: not all(answer.done() for answer in answers))
    took = time.perf_counter() - began
    answered = sum(answer.result().status_code == 200 for answer in answers)
    print(f"{answered} of {UPLOADS} uploads of {song.name} answered within {took:.1f} s")
    for name, times in (("idle", idle), ("meanwhile", busy)):
        print(
            f"  home page, {name:<10} {statistics.median(times) * 1e3:6.1f} ms at the median,"
            f" {max(times) * 1e3:6.1f} ms at most, asked {len(times)} times"
        )
    ratio = statistics.median(busy) / statistics.median(idle)
    kept = statistics.median(busy) < PROMISE
    print(f"  ratio {ratio:.1f}; the promise of {PROMISE} s is {'kept' if kept else 'broken'}")


def main(song: Path) -> None:
    """Start a server, measure, end it."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"EARMARK_UPLOADS": folder, "EARMARK_RATE": "0"}
        with served("--library", "reference", environment=own) as (address, _):
            measure(address, song)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE)
