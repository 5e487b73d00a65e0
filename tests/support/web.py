"""A small library of sounds that differ clearly, servers of it, and clients for them."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from earmark import testing
from earmark.features import CLASSIC, get_extractor
from earmark.library import Track, create_library
from earmark.testing import EACH, GENRES, RATE, make_music
from earmark.workers import Limits, WorkerPool, child, protocol
from support.forked import is_worker, start

__all__ = [
    "EACH",
    "GENRES",
    "RATE",
    "Server",
    "ThreadPool",
    "make_library",
    "make_music",
    "song",
    "wait_until",
]

song = testing.make_song


_HEARD: dict[frozenset[tuple[str, str]], tuple[list[Track], Any]] = {}
"""Tracks and embeddings of collections that were heard, by the names and hashes of their files."""


def make_library(path: Path, music: Path) -> Path:
    """Write the small library, with the classic features; the same music is heard once."""
    files = {file.relative_to(music).as_posix(): file for file in music.rglob("*.wav")}
    collection = frozenset(
        (name, hashlib.sha256(file.read_bytes()).hexdigest()) for name, file in files.items()
    )
    if collection not in _HEARD:
        with testing.make_library(path, music) as library:
            tracks = [
                replace(track, id=None, path=Path(track.path or "").relative_to(music).as_posix())
                for track in library.tracks()
            ]
            _HEARD[collection] = tracks, library.snapshot().vectors
        return path
    tracks, embeddings = _HEARD[collection]
    with create_library(path, get_extractor(CLASSIC).spec) as library:
        library.add([replace(t, path=str(music / (t.path or ""))) for t in tracks], embeddings)
    return path


class ThreadProcess:
    """Looks like a process and is a thread, so that tests start at once."""

    def __init__(self, max_message: int) -> None:
        self._ours, theirs = socket.socketpair()
        self.requests = self._ours.makefile("wb")
        self.replies = self._ours.makefile("rb")
        requests, replies = theirs.makefile("rb"), theirs.makefile("wb")

        def work() -> None:
            with theirs, suppress(OSError, ValueError):
                child.serve(lambda: protocol.receive(requests)[0], replies, max_message=max_message)

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def usage(self) -> None:
        return None

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def kill(self) -> None:
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)

    def wait(self, timeout: float | None = None) -> int:
        self._thread.join(timeout)
        return -9

    def close(self) -> None:
        self.kill()
        with suppress(OSError):
            self.requests.close()
        self.replies.close()
        self._ours.close()


class ThreadPool(WorkerPool):
    """A pool whose workers are threads of this process, without limits of their own."""

    def __init__(self, size: int | None = None, **options: Any) -> None:
        limits = Limits(seconds=600.0, processor_seconds=None, memory=None)
        super().__init__(size, **{**options, "limits": limits, "confined": False})

    def start_process(self) -> ThreadProcess:
        return ThreadProcess(self.max_message)


class Server:
    """``earmark serve`` as its users run it, on a free port.

    Parameters
    ----------
    folder
        Where it keeps uploads and the user's library.
    options
        Of the command.
    workers
        How many processes analyze songs.
    forked
        Whether it is forked from a process that has imported Earmark (`support.forked`).
    """

    def __init__(self, folder: Path, *options: str, workers: int = 2, forked: bool = True) -> None:
        self._size = workers
        self.uploads = folder / "uploads"
        own = {
            "EARMARK_UPLOADS": str(self.uploads),
            "EARMARK_RATE": "0",
            "XDG_DATA_HOME": str(folder / "data"),
        }
        # A pipe that nobody empties would in time hold the server up.
        self._errors = folder / f"server-{time.monotonic_ns()}.log"
        with self._errors.open("wb") as errors_file:
            self.process = start(
                ["serve", "--port", "0", "--workers", str(workers), *options],
                forked=forked,
                stdout=subprocess.PIPE,
                stderr=errors_file,
                text=True,
                env={**os.environ, **own},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            self.process.kill()
            self.process.communicate()
            raise RuntimeError(f"earmark serve did not start: {line}{self._errors.read_text()}")
        self.url = found.group().rstrip("/")

    def state(self) -> Any:
        """Return what it says of itself: how many processes there are, and what they do."""
        return requests.get(f"{self.url}/api/v1/ready", timeout=60).json()

    def workers(self) -> list[int]:
        """Return the process numbers of its workers, as Linux tells them."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for pid in task.joinpath("children").read_text().split():
                if is_worker(int(pid)):
                    found.append(int(pid))
        return found

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold its workers, so that what they are given stays under way however fast they are."""
        wait_until(lambda: self.state()["workers"] == self._size)
        pids = self.workers()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def left(self) -> list[Path]:
        """Return the uploads that it keeps now."""
        return [file for file in self.uploads.glob("run-*/*") if file.name != "in-use"]

    def log(self) -> str:
        """Return what it has written to stderr so far."""
        return self._errors.read_text()

    def stop(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its exit code and what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate(timeout=30)
        return self.process.returncode, self.log()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        if self.process.stdout is not None:
            self.process.stdout.close()


def wait_until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    waiter = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if what():
            return
        waiter.wait(0.02)
    raise AssertionError("it did not become so in time")
