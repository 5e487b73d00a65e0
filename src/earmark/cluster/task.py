"""What runs in the workers of a cluster: some calls, each in a guarded process.

A worker of a cluster is a process that thousands of files share, and its end costs all that it has
to do. So it opens no file itself: it keeps a `WorkerPool` with one process for each of its threads.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.errors import EarmarkError, WorkerError
from earmark.version import __version__
from earmark.workers import Limits, WorkerPool

IDLE_SECONDS = 60.0
"""So long after its last call a pool ends, in case that nobody ended it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What whoever asks sees of a file: bytes, and nanoseconds since 1970."""

    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Work:
    """One call.

    Attributes
    ----------
    function, arguments, options
        What to call, with what.
    name
        What it works on, as errors call it.
    seen
        The first argument is the path of a file, of which this is seen; None: it is none.
    content
        The bytes of that file, where they were sent.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    name: str
    seen: Seen | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What all calls of one executor have in common.

    Attributes
    ----------
    token
        Names the executor.
    version
        Of the Earmark that asks.
    limits
        What one call may take.
    prepared
        What every process is to run first.
    """

    token: str
    version: str
    limits: Limits
    prepared: tuple[Callable[..., Any], tuple[Any, ...]] | None = None


class Batch:
    """Calls that go to a worker together.

    No data class: Dask would look into it for values of its own.
    """

    def __init__(self, setup: Setup, work: Sequence[Work]) -> None:
        self.setup = setup
        self.work = tuple(work)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call.

    Attributes
    ----------
    value, error
        What it returned or raised.
    unseen
        It was not done: the worker does not see the file, or sees another one at its path.
    """

    value: Any = None
    error: EarmarkError | None = None
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a worker can do no call at all."""

    problem: str


def run(batch: Batch) -> list[Answer] | Refusal:
    """Do calls, one after the other."""
    setup = batch.setup
    if (problem := other_version(setup.version)) is not None:
        return Refusal(problem)
    with _guarded(setup) as pool:
        if setup.prepared is not None:
            function, arguments = setup.prepared
            try:
                # Every process has done it already; this one says whether that went well.
                pool.call(function, *arguments, name="").result()
            except EarmarkError as error:
                return Refusal(str(error))
        return [_answer(pool, work) for work in batch.work]


def other_version(wanted: str) -> str | None:
    """Say that another Earmark is installed here than whoever asks has; None where it is that."""
    here = __version__
    if here == wanted:
        return None
    return f"has Earmark {here}, and this is {wanted}; install the same on both"


def _answer(pool: WorkerPool, work: Work) -> Answer:
    try:
        with _file_of(work) as arguments:
            if arguments is None:
                return Answer(unseen=True)
            call = pool.call(work.function, *arguments, name=work.name, options=dict(work.options))
            return Answer(call.result())
    except EarmarkError as error:
        return Answer(error=error)
    except OSError as error:
        problem = f"cannot be laid down on a machine of the cluster: {error.strerror or error}"
        return Answer(error=WorkerError(problem, work.name))


@contextlib.contextmanager
def _file_of(work: Work) -> Iterator[tuple[Any, ...] | None]:
    """Give the arguments of a call, with a path that leads to its file; None where none does."""
    if work.seen is None:
        yield work.arguments
        return
    path, *rest = work.arguments
    if work.content is None:
        yield work.arguments if _sees(path, work.seen) else None
        return
    with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
        # Decoders also go by the name, and builds by the time.
        place = Path(folder) / Path(path).name
        place.write_bytes(work.content)
        os.utime(place, ns=(work.seen.modified_ns, work.seen.modified_ns))
        yield str(place), *rest


def _sees(path: str, seen: Seen) -> bool:
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
    except OSError:
        return False
    return Seen(found.st_size, found.st_mtime_ns) == seen


# The pools of this process


class _Guard:
    """The pool of one executor, and how many tasks use it now."""

    def __init__(self, setup: Setup) -> None:
        self.pool = WorkerPool(_threads(), limits=setup.limits)
        self.users = 0
        self.timer: threading.Timer | None = None
        if setup.prepared is not None:
            function, arguments = setup.prepared
            self.pool.prepare(function, *arguments)


_guards: dict[str, _Guard] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def _guarded(setup: Setup) -> Iterator[WorkerPool]:
    """Give the pool of an executor; it ends when nothing was asked of it for a while."""
    token = setup.token
    with _lock:
        guard = _guards.get(token)
        if guard is None:
            guard = _guards[token] = _Guard(setup)
        guard.users += 1
        if guard.timer is not None:
            guard.timer.cancel()
            guard.timer = None
    try:
        yield guard.pool
    finally:
        with _lock:
            guard.users -= 1
            if guard.users == 0:
                guard.timer = threading.Timer(IDLE_SECONDS, _end_idle, [token, guard])
                guard.timer.daemon = True
                guard.timer.start()


def _end_idle(token: str, guard: _Guard) -> None:
    with _lock:
        if guard.users or _guards.get(token) is not guard:
            return
        del _guards[token]
    guard.pool.close()


def end(token: str) -> None:
    """End the processes of an executor, whatever they do."""
    with _lock:
        guard = _guards.pop(token, None)
        if guard is not None and guard.timer is not None:
            guard.timer.cancel()
    if guard is not None:
        # Whoever calls this may be the loop that all messages of a worker go through.
        threading.Thread(target=guard.pool.close, daemon=True).start()


def _threads() -> int:
    """Return how many calls this worker does at a time."""
    from distributed import get_worker

    return int(get_worker().state.nthreads)
