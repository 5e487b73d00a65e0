"""Worker processes that may crash: one that does costs the file that crashed it, and no other."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from typing import Any

from earmark.collection.worker import Failed
from earmark.errors import CollectionError

# Each worker has one core; libraries that start a thread a core would only fight over them.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

CRASHED = "crashes the program that decodes it"


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_worker() -> None:
    """Set up a worker process, before it does anything else."""
    import threadpoolctl

    # Ctrl-C reaches every process of a terminal; the first one decides what becomes of the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpoolctl.threadpool_limits(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    # A parent that was killed cannot end its workers, and they would wait for work for ever.
    connection.wait([sentinel])
    os._exit(1)


@dataclass
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    @property
    def path(self) -> str:
        return str(self.arguments[0])


@dataclass
class Crew:
    """Runs functions whose first argument is a path, and hands back what they return.

    Attributes
    ----------
    jobs
        How many worker processes to start; not used with an executor.
    executor
        Any executor that is there already, of this machine or of a cluster. It is not shut down.
    """

    jobs: int
    executor: Executor | None = None
    _own: ProcessPoolExecutor | None = None
    _own_jobs: int = 0
    _waiting: deque[_Task] = field(default_factory=deque)
    _suspects: deque[_Task] = field(default_factory=deque)
    _running: dict[Future[Any], _Task] = field(default_factory=dict)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Put a call in the queue; ``arguments`` begin with the path."""
        self._waiting.append(_Task(function, arguments))

    @property
    def idle(self) -> bool:
        """Nothing runs or waits."""
        return not (self._waiting or self._suspects or self._running)

    @property
    def room(self) -> int:
        """How many more calls to submit, so that no worker waits and no queue grows."""
        return max(0, 4 * self.jobs - len(self._waiting) - len(self._running))

    def results(self, timeout: float | None = None) -> list[Any]:
        """Wait for calls to end, and return what they returned.

        A call whose worker crashed, or that raised, gives a `Failed`. The list is empty where the
        time, in seconds, was up first.
        """
        self._start_waiting()
        if not self._running:
            return []
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        found: list[Any] = []
        broken: list[_Task] = []
        for future in done:
            task = self._running.pop(future)
            try:
                found.append(future.result())
            except BrokenExecutor:
                broken.append(task)
            except Exception as error:
                # Clusters have errors of their own for a worker that was lost.
                found.append(Failed(task.path, f"was lost by its worker ({error!r})"))
        if broken:
            found += self._after_crash(broken)
        return found

    def _start_waiting(self) -> None:
        if self._suspects:
            # Alone, so that a second crash tells whose it is.
            if not self._running:
                self._start(self._suspects.popleft(), alone=True)
            return
        while self._waiting and len(self._running) < 2 * self.jobs:
            self._start(self._waiting.popleft())

    def _start(self, task: _Task, *, alone: bool = False) -> None:
        if self.executor is not None:
            try:
                future = self.executor.submit(task.function, *task.arguments)
            except BrokenExecutor as error:
                raise CollectionError(f"the executor takes no more work: {error}") from error
        else:
            jobs = 1 if alone else self.jobs
            try:
                future = _submit(self._pool(jobs), task.function, *task.arguments)
            except BrokenExecutor:
                # A worker died between two calls.
                self._drop_pool()
                future = _submit(self._pool(jobs), task.function, *task.arguments)
        self._running[future] = task

    def _pool(self, jobs: int) -> ProcessPoolExecutor:
        """Return the worker processes, started if there are none.

        Raises
        ------
        CollectionError
            They do not start.
        """
        if self._own is not None and self._own_jobs != jobs and not self._running:
            self._drop_pool()
        if self._own is None:
            context = multiprocessing.get_context("spawn")
            # Known before it is waited for, so that it is ended where that is interrupted.
            self._own_jobs = jobs
            self._own = ProcessPoolExecutor(jobs, mp_context=context, initializer=start_worker)
            try:
                _submit(self._own, available_cores).result()
            except BrokenExecutor as error:
                raise CollectionError(
                    "worker processes do not start; a script that builds a library must do so "
                    "below if __name__ == '__main__'"
                ) from error
        return self._own

    def _after_crash(self, broken: list[_Task]) -> list[Failed]:
        """Sort out which of the calls that were under way made a worker crash."""
        broken += self._running.values()
        self._running.clear()
        self._drop_pool()
        if len(broken) == 1:
            return [Failed(broken[0].path, CRASHED)]
        self._suspects += sorted(broken, key=lambda task: task.path)
        return []

    def _drop_pool(self) -> None:
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)
            self._own = None

    def close(self, *, now: bool = False) -> None:
        """End the workers; ``now``: without waiting for what they are doing."""
        for future in self._running:
            future.cancel()
        self._running.clear()
        self._waiting.clear()
        self._suspects.clear()
        if self._own is None:
            return
        if now:
            # The public way to do this came with Python 3.14.
            for process in list((getattr(self._own, "_processes", None) or {}).values()):
                process.terminate()
        self._own.shutdown(wait=True, cancel_futures=True)
        self._own = None


def _submit(
    pool: ProcessPoolExecutor, function: Callable[..., Any], *arguments: Any
) -> Future[Any]:
    """Hand a call to a pool, which starts another process where none is free."""
    # Libraries read the environment when they are first imported, before the initializer runs.
    with undisturbed(), _environment(dict.fromkeys(_THREADS, "1")):
        return pool.submit(function, *arguments)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let processes be started that Ctrl-C does not reach, and whole.

    Ctrl-C reaches every process of a terminal. One that still starts would answer with a
    traceback; it inherits that the signal is blocked. This process, if it stopped half-way, would
    leave one that waits for what it is to do; it takes the signal when that is done.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting it unblocks signals.
    resource_tracker.ensure_running()
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {
            number: signal.signal(number, lambda which, _: came.append(which))
            for number in (signal.SIGINT, signal.SIGTERM)
            # One that was not set from Python could not be set again.
            if signal.getsignal(number) is not None
        }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for which in came:
            signal.raise_signal(which)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
