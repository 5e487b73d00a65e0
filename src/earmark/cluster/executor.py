"""The side of whoever asks: calls go to a cluster some at a time, and their answers come back."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from earmark.cluster import task
from earmark.cluster.task import Answer, Batch, Refusal, Seen, Setup, Work
from earmark.errors import (
    ClusterError,
    EarmarkError,
    NotAudio,
    Shutdown,
    WorkerDied,
    WorkerError,
)
from earmark.version import __version__
from earmark.workers import Limits

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

T = TypeVar("T")

BATCH_SIZE = 16
"""Calls that go to a worker together."""

GATHER_SECONDS = 0.05
"""So long the first of them waits for others."""

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer."""

RETRIES = 2
"""So often a worker's own fault, such as a full disk, is tried anew, on any worker."""

MEGABYTE = 2**20

_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?([^\s/:]+|\[[^\s/]+\]):\d{1,5}")

SENT_AT_ONCE = 128 * MEGABYTE
"""Bytes of files on their way at a time: the scheduler keeps them until they are heard."""

LARGEST_SENT = 512 * MEGABYTE
"""Bytes of a file that is sent; larger ones have to lie where workers see them."""

SIZE_SECONDS = 2.0
"""How long it is believed how many workers there are."""

END_SECONDS = 5.0
"""How long workers may take to end what they do; they do so by themselves, but later."""


class _Call(Future[T]):
    """One call on its way: since when, whether with its file, and how many bytes that holds."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.since = time.monotonic()
        self.sends_file = False
        self.held = 0


class ClusterExecutor(Executor):
    """Does calls on a Dask cluster; what `earmark build --cluster` uses.

    Functions are those of modules that `earmark.workers.WorkerPool` takes. Where the first argument
    is the path of a file, a worker opens it if it sees the same file at the same path, by size and
    time; else the bytes are sent. Errors are as those of a pool: a file that crashes its process,
    or takes more than the limits, is a `WorkerError` of that file alone. A worker that ends takes
    no file along: what it had is done by another one.

    Parameters
    ----------
    cluster
        The address of a scheduler, such as ``"tcp://scheduler:8786"``, or a client of
        ``distributed``, which stays open.
    batch_size
        Calls that go to a worker together.
    limits
        What one call may take.

    Attributes
    ----------
    size
        How many calls the cluster does at a time, as far as is known now.
    sent_bytes
        Of files that workers did not see.

    Raises
    ------
    ClusterError
        The scheduler is away, or the package ``distributed`` is not installed. Calls raise it
        where the connection is lost, or a worker has another Earmark or lacks the extractor.

    Examples
    --------
    >>> from earmark.collection import build, open_for_build, scan_folder
    >>> with ClusterExecutor("tcp://scheduler:8786") as executor:      # doctest: +SKIP
    ...     with open_for_build("my.earmark") as library:
    ...         build(library, scan_folder("/music"), executor=executor)
    """

    def __init__(
        self,
        cluster: str | Client,
        *,
        batch_size: int = BATCH_SIZE,
        limits: Limits | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.sent_bytes = 0
        self._owned = isinstance(cluster, str)
        if isinstance(cluster, str):
            self._client, self._where = _connect(cluster), cluster
        else:
            self._client, self._where = cluster, str(cluster.scheduler_info()["address"])
        self._where = (
            str(cluster)
            if isinstance(cluster, str)
            else str(self._client.scheduler_info()["address"])
        )
        self._setup = Setup(secrets.token_hex(8), __version__, limits or Limits())
        self._condition = threading.Condition()
        self._waiting: deque[_Call[Any]] = deque()
        # To be done by themselves, and to be sent with their files.
        self._alone: deque[_Call[Any]] = deque()
        self._unseen: deque[_Call[Any]] = deque()
        self._under_way: dict[DaskFuture[Any], list[_Call[Any]]] = {}
        self._sending = 0
        self._number = 0
        self._closing = False
        self._broken: ClusterError | None = None
        self.size = 0
        self._measure()
        self._feeder = threading.Thread(target=self._feed, name="earmark-cluster", daemon=True)
        self._feeder.start()
        # By itself: who asks a scheduler that just went away waits long.
        threading.Thread(target=self._keep_measuring, daemon=True).start()

    @property
    def room(self) -> int:
        """How many calls to hand over at a time, so that no worker waits."""
        return 2 * max(1, self.size) * self.batch_size

    def prepare(self, function: Callable[..., Any], /, *arguments: Any) -> None:
        """Run a function in every guarded process before its first call, in those to come, too.

        Raises
        ------
        ClusterError
            A worker has another Earmark, or none.
        """
        self._setup = replace(self._setup, prepared=(function, arguments))
        try:
            found = self._client.run(task.other_version, self._setup.version, on_error="return")
        except Exception as error:
            raise self._lost(error) from error
        for address, problem in sorted(found.items()):
            if isinstance(problem, BaseException):
                raise ClusterError(f"the worker {address} {_said(problem)}")
            if problem is not None:
                raise ClusterError(f"the worker {address} {problem}")

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Let the cluster call ``fn(*args, **kwargs)``; errors name the first argument.

        Raises
        ------
        ClusterError
            The cluster does no more.
        Shutdown
            The executor is closed.
        """
        name = str(args[0]) if args else ""
        work = Work(fn, args, kwargs, name, _seen(name) if name else None)
        call: _Call[T] = _Call(work)
        with self._condition:
            if self._broken is not None:
                raise self._broken
            if self._closing:
                raise Shutdown("no more work is taken; the program is ending")
            self._waiting.append(call)
            self._condition.notify_all()
        return call

    def _measure(self) -> None:
        if self._client.status == "running":
            with contextlib.suppress(Exception):  # a scheduler that leaves is noticed elsewhere
                self.size = sum(self._client.nthreads().values())

    def _keep_measuring(self) -> None:
        while True:
            with self._condition:
                if self._condition.wait_for(lambda: self._closing, SIZE_SECONDS):
                    return
            self._measure()

    # In the feeder's thread

    def _feed(self) -> None:
        while (calls := self._next()) is not None:
            try:
                self._hand_over(calls)
            except Exception as error:
                self._break(self._lost(error), calls)

    def _next(self) -> list[_Call[Any]] | None:
        """Wait for calls that can go to a worker together; None when there will be none."""
        with self._condition:
            while not self._closing:
                if self._alone:
                    return [self._alone.popleft()]
                if self._unseen and self._sending < SENT_AT_ONCE:
                    return [self._unseen.popleft()]
                if not self._waiting:
                    self._condition.wait()
                    continue
                left = self._waiting[0].since + GATHER_SECONDS - time.monotonic()
                if len(self._waiting) >= self.batch_size or left <= 0:
                    count = min(self.batch_size, len(self._waiting))
                    return [self._waiting.popleft() for _ in range(count)]
                self._condition.wait(left)
        return None

    def _hand_over(self, calls: list[_Call[Any]]) -> None:
        import dask

        calls = [call for call in calls if call.running() or call.set_running_or_notify_cancel()]
        work = []
        for call in list(calls):
            try:
                work.append(self._with_content(call))
            except EarmarkError as error:
                _fail(call, error)
                calls.remove(call)
        if not calls:
            return
        self._number += 1
        # A file that is sent is meant to be that large.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            future = self._client.submit(
                task.run,
                Batch(self._setup, work),
                key=f"earmark-{self._setup.token}-{self._number}",
                pure=False,
                retries=RETRIES,
            )
        with self._condition:
            self._under_way[future] = calls
        future.add_done_callback(self._settle)

    def _with_content(self, call: _Call[Any]) -> Work:
        """Return what a call asks, with the bytes of its file where a worker did not see it."""
        if not call.sends_file:
            return call.work
        path = call.work.arguments[0]
        try:
            with Path(path).open("rb") as file:
                about = os.fstat(file.fileno())
                if about.st_size > LARGEST_SENT:
                    raise WorkerError(
                        f"is too large to be sent to a worker ({about.st_size // MEGABYTE} MB); "
                        "put it where workers see it under the same path",
                        call.work.name,
                    )
                content = file.read()
        except OSError as error:
            raise NotAudio(path, f"it cannot be read: {error.strerror}") from error
        seen = Seen(about.st_size, about.st_mtime_ns)
        call.held = len(content)
        with self._condition:
            self._sending += call.held
            self.sent_bytes += call.held
        return replace(call.work, seen=seen, content=content)

    # In threads of the client

    def _settle(self, future: DaskFuture[Any]) -> None:
        """Take what became of some calls."""
        with self._condition:
            calls = self._under_way.pop(future, [])
            closing = self._closing
            for call in calls:
                self._sending -= call.held
                call.held = 0
            self._condition.notify_all()
        if closing or not calls:
            return
        try:
            found = future.result()
        except Exception as error:
            self._retry(calls, error)
            return
        finally:
            future.release()
        if isinstance(found, Refusal):
            self._break(ClusterError(f"a worker of {self._where}: {found.problem}"), calls)
            return
        for call, answer in zip(calls, found, strict=True):
            self._take(call, answer)

    def _take(self, call: _Call[Any], answer: Answer) -> None:
        if answer.unseen:
            call.sends_file = True
            with self._condition:
                self._unseen.append(call)
                self._condition.notify_all()
        elif answer.error is not None:
            _fail(call, answer.error)
        else:
            with contextlib.suppress(InvalidStateError):
                call.set_result(answer.value)

    def _retry(self, calls: list[_Call[Any]], error: Exception) -> None:
        """Go on after the cluster gave up some calls, to find the one that is to blame."""
        import distributed
        from distributed.comm.core import CommClosedError

        if isinstance(error, distributed.CancelledError | CommClosedError):
            self._break(self._lost(error), calls)
        elif isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("earmark"):
            self._break(ClusterError(f"a worker of {self._where} {_said(error)}"), calls)
        elif len(calls) > 1:
            with self._condition:
                self._alone.extend(calls)
                self._condition.notify_all()
        elif isinstance(error, distributed.scheduler.KilledWorker):
            died = "the workers of the cluster that had it ended, one after the other"
            _fail(calls[0], WorkerDied(f"{died}; look at what they print", calls[0].work.name))
        else:
            problem = f"failed unexpectedly ({type(error).__name__}: {error})"
            _fail(calls[0], WorkerError(problem[:1000], calls[0].work.name))

    def _lost(self, error: BaseException) -> ClusterError:
        if isinstance(error, ClusterError):
            return error
        return ClusterError(
            f"the connection to the scheduler at {self._where} is lost; see whether it runs, and "
            "try again"
        )

    def _break(self, error: ClusterError, calls: list[_Call[Any]]) -> None:
        """Let all calls end with the reason why the cluster does no more."""
        with self._condition:
            self._broken = self._broken or error
            ended = [*calls, *self._taken()]
        for call in ended:
            _fail(call, error)

    def _taken(self) -> list[_Call[Any]]:
        """Take all calls that are not done out of the lists."""
        queues = (self._waiting, self._alone, self._unseen)
        found = [call for queue in queues for call in queue]
        found += [call for calls in self._under_way.values() for call in calls]
        for queue in queues:
            queue.clear()
        return found

    # The end

    def close(self) -> None:
        """Call off all that is not done, on the workers, too; such calls end with `Shutdown`."""
        with self._condition:
            if self._closing:
                return
            self._closing = True
            self._condition.notify_all()
            ended = self._taken()
            under_way = list(self._under_way)
            self._under_way.clear()
        self._feeder.join(timeout=END_SECONDS)
        if self._client.status == "running":
            # Whatever hangs there, this program ends.
            ending = threading.Thread(target=self._end_work, args=[under_way], daemon=True)
            ending.start()
            ending.join(END_SECONDS)
        for call in ended:
            _fail(call, Shutdown("the program ended before it was done", call.work.name))
        if self._owned:
            with contextlib.suppress(Exception):
                self._client.close(timeout=END_SECONDS)

    def _end_work(self, futures: list[DaskFuture[Any]]) -> None:
        with contextlib.suppress(Exception):
            self._client.cancel(futures, force=True)
            self._client.run(task.end, self._setup.token, on_error="ignore")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End it; as for any executor.

        Parameters
        ----------
        wait
            Until all calls are done.
        cancel_futures
            Call off what is not done.
        """
        while wait and not cancel_futures:
            with self._condition:
                calls = [*self._waiting, *self._alone, *self._unseen]
                calls += [call for some in self._under_way.values() for call in some]
            if not calls or self._closing:
                break
            with contextlib.suppress(Exception):
                calls[0].exception()
        self.close()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait until all is done; after an error, such as Ctrl-C, end all at once."""
        self.shutdown(cancel_futures=kind is not None)


def _seen(path: str) -> Seen | None:
    """Return what is seen of a regular file; None where there is none, or none may be opened."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return Seen(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _fail(call: _Call[Any], error: EarmarkError) -> None:
    # What was called off meanwhile takes no answer.
    with contextlib.suppress(InvalidStateError):
        call.set_exception(error)


def _said(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("earmark"):
        return f"has no Earmark ({error}); install it there"
    return f"does not answer ({type(error).__name__}: {error})"


def _connect(address: str) -> Client:
    """Open a connection to a scheduler.

    Raises
    ------
    ClusterError
        Nothing answers there, or nothing here can ask.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError("clusters need another package: pip install 'earmark[cluster]'")
    if not _ADDRESS.fullmatch(address):
        raise ClusterError(
            f"{address!r} is no address of a Dask scheduler; give one such as tcp://scheduler:8786"
        )
    import dask

    if "distributed" not in sys.modules:
        # What it logs by itself is said by our errors.
        quiet = ("distributed", "distributed.client", "tornado")
        dask.config.set({"logging": dict.fromkeys(quiet, "critical")})
    from distributed import Client

    found: list[Client | Exception] = []

    def connect() -> None:
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="earmark")
        except Exception as error:
            found.append(error)
        else:
            found.append(client)

    # Where something else answers than a scheduler, Dask waits for ever.
    asking = threading.Thread(target=connect, name="earmark-connect", daemon=True)
    asking.start()
    asking.join(2 * CONNECT_SECONDS)
    if found and not isinstance(found[0], Exception):
        return found[0]
    raise ClusterError(
        f"no Dask scheduler answers at {address}; see whether it runs (dask scheduler), and "
        "whether its address is right, such as tcp://scheduler:8786"
    )
