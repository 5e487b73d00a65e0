"""A real Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.web import wait_until

_TESTS = Path(__file__).resolve().parent.parent


class DaskCluster:
    """Processes that this one may kill.

    Parameters
    ----------
    folder
        Where the processes stand, so that relative paths lead elsewhere than here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.address = f"tcp://127.0.0.1:{_free_port()}"
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port)
        wait_until(lambda: _answers(int(port)))

    def add_worker(self, *options: str, count: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker of one thread; without a nanny, which would start it again."""
        found = self._start("worker", self.address, "--nthreads", "1", "--no-nanny", *options)
        if count:
            self.workers.append(found)
        return found

    def _start(self, kind: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(_TESTS), os.environ.get("PYTHONPATH")])
            ),
            "DASK_TEMPORARY_DIRECTORY": str(self._folder),
        }
        found = subprocess.Popen(
            [*command, "--no-dashboard"],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(found)
        return found

    def close(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """Run a cluster of some workers of one thread each."""
    cluster = DaskCluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
