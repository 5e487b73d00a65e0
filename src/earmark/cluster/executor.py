"""The side of whoever asks: calls go to a cluster some at a time, and their answers come back."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from earmark.cluster import task
from earmark.cluster.call import MEGABYTE, Call, look_at, with_content
from earmark.cluster.scheduler import connect, said_of_worker
from earmark.cluster.task import Answer, Batch, Refusal, Setup, Work
from earmark.errors import (
    ClusterError,
    EarmarkError,
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

RETRIES = 2
"""So often a worker's own fault, such as a full disk, is tried anew, on any worker."""

SENT_AT_ONCE = 128 * MEGABYTE
"""Bytes of files on their way at a time: the scheduler keeps them until they are heard."""

SIZE_SECONDS = 2.0
"""How long it is believed how many workers there are."""

END_SECONDS = 5.0
"""How long workers may take to end what they do; they do so by themselves, but later."""


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
            self._client, self._where = connect(cluster), cluster
        else:
            self._client, self._where = cluster, str(cluster.scheduler_info()["address"])
        self._setup = Setup(secrets.token_hex(8), __version__, limits or Limits())
        self._condition = threading.Condition()
        self._waiting: deque[Call[Any]] = deque()
        # To be done by themselves, and to be sent with their files.
        self._alone: deque[Call[Any]] = deque()
        self._unseen: deque[Call[Any]] = deque()
        self._under_way: dict[DaskFuture[Any], list[Call[Any]]] = {}
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
                raise ClusterError(f"the worker {address} {said_of_worker(problem)}")
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
        work = Work(fn, args, kwargs, name, look_at(name) if name else None)
        call: Call[T] = Call(work)
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

    def _next(self) -> list[Call[Any]] | None:
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

    def _hand_over(self, calls: list[Call[Any]]) -> None:
        import dask

        calls = [call for call in calls if call.running() or call.set_running_or_notify_cancel()]
        work = []
        for call in list(calls):
            try:
                work.append(self._with_content(call))
            except EarmarkError as error:
                call.fail(error)
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

    def _with_content(self, call: Call[Any]) -> Work:
        """Return what a call asks, with the bytes of its file where a worker did not see it."""
        if not call.sends_file:
            return call.work
        work = with_content(call.work)
        call.held = len(work.content or b"")
        with self._condition:
            self._sending += call.held
            self.sent_bytes += call.held
        return work

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

    def _take(self, call: Call[Any], answer: Answer) -> None:
        if answer.unseen:
            call.sends_file = True
            with self._condition:
                self._unseen.append(call)
                self._condition.notify_all()
        elif answer.error is not None:
            call.fail(answer.error)
        else:
            call.answer(answer.value)

    def _retry(self, calls: list[Call[Any]], error: Exception) -> None:
        """Go on after the cluster gave up some calls, to find the one that is to blame."""
        import distributed
        from distributed.comm.core import CommClosedError

        if isinstance(error, distributed.CancelledError | CommClosedError):
            self._break(self._lost(error), calls)
        elif isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("earmark"):
            self._break(ClusterError(f"a worker of {self._where} {said_of_worker(error)}"), calls)
        elif len(calls) > 1:
            with self._condition:
                self._alone.extend(calls)
                self._condition.notify_all()
        elif isinstance(error, distributed.scheduler.KilledWorker):
            died = "the workers of the cluster that had it ended, one after the other"
            calls[0].fail(WorkerDied(f"{died}; look at what they print", calls[0].work.name))
        else:
            problem = f"failed unexpectedly ({type(error).__name__}: {error})"
            calls[0].fail(WorkerError(problem[:1000], calls[0].work.name))

    def _lost(self, error: BaseException) -> ClusterError:
        if isinstance(error, ClusterError):
            return error
        return ClusterError(
            f"the connection to the scheduler at {self._where} is lost; see whether it runs, and "
            "try again"
        )

    def _break(self, error: ClusterError, calls: list[Call[Any]]) -> None:
        """Let all calls end with the reason why the cluster does no more."""
        with self._condition:
            self._broken = self._broken or error
            ended = [*calls, *self._taken()]
        for call in ended:
            call.fail(error)

    def _taken(self) -> list[Call[Any]]:
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
            call.fail(Shutdown("the program ended before it was done", call.work.name))
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
