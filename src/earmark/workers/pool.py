"""A fixed number of worker processes, and one queue before them.

Each process has a slot: a thread that starts it, gives it one call after the other, and starts
another where it ends. One more thread watches over all of them and ends a process whose call goes
beyond its limits, in the middle of a message as well. Whatever a call does to its process costs
that call and no other.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from earmark.errors import Busy, Canceled, Shutdown
from earmark.workers import protocol
from earmark.workers.limits import Limits, available_cores
from earmark.workers.process import Process, WorkerProcess
from earmark.workers.slot import Slot

T = TypeVar("T")

WATCH_EVERY = 0.05
"""Seconds between two looks at the processes that work."""


class Call(Future[T]):
    """One call on its way through a pool: a future that is also told how far it is.

    Attributes
    ----------
    name
        What it works on, as errors call it.
    progress
        How much of it is done, from 0 to 1, as far as the function says.
    started
        When a process took it, by `time.monotonic`; None while it waits.
    """

    def __init__(self, pool: WorkerPool, name: str, request: dict[str, Any], kind: Any) -> None:
        super().__init__()
        self.name = name
        self.progress = 0.0
        self.started: float | None = None
        self.request = request
        self.kind = kind
        self._pool = pool

    @property
    def ahead(self) -> int | None:
        """How many calls are before this one in the queue; None when it does not wait."""
        return self._pool.place(self)

    def cancel(self) -> bool:
        """Call it off, also while a process works on it; False where it was done before.

        It then ends with `Canceled`.
        """
        return self._pool.cancel(self)


class WorkerPool(Executor):
    """Runs functions in worker processes that may crash, hang or eat memory.

    It is a `concurrent.futures.Executor` for functions of modules (no lambdas, no methods) that
    take JSON values and declare what they return, as `earmark.workers.protocol.unpack` lists it.
    An `EarmarkError` that the function raises is raised by the call; everything else that goes
    wrong is a `WorkerError`.

    Parameters
    ----------
    size
        How many processes; None: one a core.
    queue
        How many calls may wait; None: as many as come.
    limits
        What one call may take.
    nice
        By how much others go before the processes when all cores are busy.
    max_message
        Bytes of the longest result.
    confined
        Let processes give up, before their first call, all that reading files does not need: they
        then write no file, open no connection and start no program, as far as the system can see
        to that (`earmark.workers.sandbox`). What `prepare` runs is not confined.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        queue: int | None = None,
        limits: Limits | None = None,
        nice: int = 0,
        max_message: int = protocol.MAX_MESSAGE,
        confined: bool = True,
    ) -> None:
        self.confined = confined
        self.queue = queue
        self.limits = limits or Limits()
        self.max_message = max_message
        self.restarts = 0
        self.failed_starts = 0
        self._nice = nice
        self._prepared: dict[str, Any] | None = None
        self._waiting: deque[Call[Any]] = deque()
        self._behind: deque[Call[Any]] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._draining = False
        self._watched = threading.Condition()
        self._slots = [Slot(self, number) for number in range(size or available_cores())]
        for slot in self._slots:
            slot.thread.start()
        threading.Thread(target=self._watch, name="earmark-watchdog", daemon=True).start()

    @property
    def size(self) -> int:
        """How many processes there are."""
        return len(self._slots)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting) + len(self._behind)

    @property
    def working(self) -> int:
        """How many calls are with a process."""
        return sum(slot.call is not None for slot in self._slots)

    @property
    def started(self) -> int:
        """How many processes have started and take calls."""
        return sum(slot.ready and not slot.is_unprepared for slot in self._slots)

    @property
    def closing(self) -> bool:
        """Whether the pool is being closed."""
        return self._closing

    def prepare(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> None:
        """Run a function in every process before its next call, and in those to come.

        Such as loading a network: what it takes of time and memory is not counted against the
        first call.
        """
        self._prepared = _request(function, arguments, options)
        with self._condition:
            self._condition.notify_all()

    @property
    def prepared(self) -> dict[str, Any] | None:
        """What every process is to run first."""
        return self._prepared

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Call[T]:
        """Let a process call ``fn(*args, **kwargs)``; errors name the first argument.

        Raises
        ------
        Busy, Shutdown
            See `call`.
        TypeError
            The function or its arguments cannot be told to another process.
        """
        return self.call(fn, *args, name=str(args[0]) if args else "", options=kwargs)

    def call(
        self,
        function: Callable[..., T],
        *arguments: Any,
        name: str,
        options: Mapping[str, Any] | None = None,
        behind: bool = False,
    ) -> Call[T]:
        """Let a process call a function.

        Parameters
        ----------
        function, arguments, options
            What to call, with which arguments and arguments by name.
        name
            What it works on, as errors shall call it.
        behind
            It can wait until nothing else does, and is never refused.

        Raises
        ------
        Busy
            The queue is full.
        Shutdown
            The pool is closed.
        TypeError
            The function or its arguments cannot be told to another process.
        """
        request = _request(function, arguments, options or {})
        call: Call[T] = Call(self, name, request, protocol.result_type(function))
        with self._condition:
            if self._closing or self._draining:
                raise Shutdown("no more work is taken; the program is ending")
            if not behind:
                self.check_room()
            (self._behind if behind else self._waiting).append(call)
            self._condition.notify()
        return call

    def check_room(self) -> None:
        """See that the next call would not be refused.

        Raises
        ------
        Busy
            The queue is full.
        """
        waiting = self.waiting
        if self.queue is not None and waiting >= self.queue + self.size - self.working:
            raise Busy(f"{waiting} songs wait already; try again in a moment")

    def place(self, call: Call[Any]) -> int | None:
        """How many calls are before this one in the queue; None when it does not wait."""
        with self._condition:
            for before, queue in ((0, self._waiting), (len(self._waiting), self._behind)):
                if call in queue:
                    return before + queue.index(call)
        return None

    def cancel(self, call: Call[Any]) -> bool:
        """Call a call off: out of the queue, or by ending the process that has it."""
        canceled = Canceled("called off", call.name)
        with self._condition:
            waits = any(call in queue for queue in (self._waiting, self._behind))
            if waits:
                (self._waiting if call in self._waiting else self._behind).remove(call)
        if waits:
            call.set_exception(canceled)
            return True
        return any(slot.end(call, canceled) for slot in self._slots)

    def take(self, slot: Slot) -> Call[Any] | None:
        """Wait for the next call; None when there will be none."""
        with self._condition:
            while not self._closing and not slot.is_unprepared:
                if self._waiting or self._behind:
                    break
                if self._draining:
                    return None
                self._condition.wait()
            else:
                return None
            call = (self._waiting or self._behind).popleft()
            call.set_running_or_notify_cancel()
            slot.take(call)
        with self._watched:
            self._watched.notify()
        return call

    @property
    def ends(self) -> bool:
        """Whether no call will come any more."""
        return self._closing or (self._draining and not self.waiting)

    def start_process(self) -> Process:
        """Start one process.

        Raises
        ------
        OSError
            The system does not let us.
        """
        return WorkerProcess(nice=self._nice, max_message=self.max_message)

    def note_start(self, *, failed: bool) -> None:
        """Count the processes that end while they start, since the last one that did not."""
        with self._condition:
            self.failed_starts = self.failed_starts + 1 if failed else 0

    def note_end(self) -> None:
        """Count a process that was ended."""
        with self._condition:
            self.restarts += 1

    def _watch(self) -> None:
        """End the processes whose calls go beyond their limits."""
        last = time.monotonic()
        while not self._closing:
            with self._watched:
                while not self._closing and not any(slot.is_watched for slot in self._slots):
                    self._watched.wait()
                    last = time.monotonic()
                self._watched.wait(WATCH_EVERY)
            now = time.monotonic()
            # Where this process itself was stopped, its workers may have waited for it.
            lost = max(0.0, now - last - 1.0)
            last = now
            for slot in self._slots:
                slot.watch(now, lost)

    def wake_watch(self) -> None:
        """Let the watchdog look again, since a process has something to do."""
        with self._watched:
            self._watched.notify()

    def close(self) -> None:
        """End all processes now; what waits or runs ends with `Shutdown`."""
        with self._condition:
            self._closing = True
            waiting = [*self._waiting, *self._behind]
            self._waiting.clear()
            self._behind.clear()
            self._condition.notify_all()
        with self._watched:
            self._watched.notify_all()
        for call in waiting:
            call.set_exception(Shutdown("the program ended before it was its turn", call.name))
        for slot in self._slots:
            slot.end(None, None)
        for slot in self._slots:
            if slot.thread is not threading.current_thread():
                slot.thread.join(timeout=10)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the processes when those that were taken are done.

        Parameters
        ----------
        wait
            Until then.
        cancel_futures
            Call off those that no process has yet.
        """
        with self._condition:
            self._draining = True
            waiting = [*self._waiting, *self._behind] if cancel_futures else []
            self._condition.notify_all()
        for call in waiting:
            call.cancel()
        if wait:
            for slot in self._slots:
                slot.thread.join()
            self.close()


def _request(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> dict[str, Any]:
    where = f"{function.__module__}:{function.__qualname__}"
    if "<" in where or function.__module__ == "__main__":
        raise TypeError(f"{where} is no function of a module, so no other process finds it")
    request = {"function": where, "arguments": list(arguments), "options": dict(options)}
    # What cannot be told is an error of the caller, and not of the slot that would tell it.
    json.dumps(request)
    return request
