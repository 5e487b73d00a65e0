"""Worker processes, each with a slot of its own.

A decoder may crash on a hostile file, or an analysis may have to be stopped. Either ends one
process and with it one request; the slot starts another process and the other slots do not notice.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from earmark.collection.pool import undisturbed
from earmark.errors import EarmarkError
from earmark.web import wire
from earmark.web.trouble import Busy, Canceled, Shutdown, TookTooLong, WorkerDied

logger = logging.getLogger(__name__)

WorkerMain = Callable[..., None]
OnMessage = Callable[[dict[str, Any], wire.Arrays], None]
OnEnd = Callable[[EarmarkError | None], None]

START_LIMIT = 120.0
"""Seconds that a new process may take to say that it is ready."""

DRAIN_LIMIT = 5.0
"""Seconds that a process may go on with a request whose answer nobody can use any more."""


class Ticket:
    """One request on its way through the pool.

    Parameters
    ----------
    request
        What the worker is told, as JSON.
    shown
        The file's name as its sender knows it, for errors.
    on_message
        Called for every message of the worker, in the slot's thread. An ``EarmarkError`` that it
        raises is how the request ends; it is not called again then.
    on_end
        Called exactly once, at the end, with None or what went wrong.
    """

    def __init__(
        self, request: Mapping[str, Any], shown: str, on_message: OnMessage, on_end: OnEnd
    ) -> None:
        self.request = request
        self.shown = shown
        self.on_message = on_message
        self.on_end = on_end
        self.canceled = False
        self.slot: Slot | None = None


class Pool:
    """A fixed number of slots and one bounded queue before them.

    Parameters
    ----------
    main
        What a worker process runs: a function of a module, given a connection and ``arguments``.
    arguments
        Further arguments of it.
    size
        How many processes.
    queue
        How many requests may wait.
    time_limit
        Seconds that one request may take a process.
    """

    def __init__(
        self,
        main: WorkerMain,
        arguments: tuple[Any, ...] = (),
        *,
        size: int,
        queue: int,
        time_limit: float,
    ) -> None:
        self.queue = queue
        self.time_limit = time_limit
        self.restarts = 0
        self._main = main
        self._arguments = arguments
        self._waiting: deque[Ticket] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._slots = [Slot(self, number) for number in range(size)]
        for slot in self._slots:
            slot.thread.start()

    @property
    def size(self) -> int:
        """How many processes there are."""
        return len(self._slots)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """How many requests are with a process."""
        return sum(slot.ticket is not None for slot in self._slots)

    @property
    def started(self) -> int:
        """How many processes have started and take requests."""
        return sum(slot.ready for slot in self._slots)

    def submit(self, ticket: Ticket) -> None:
        """Put a request into the queue.

        Raises
        ------
        Busy
            The queue is full.
        Shutdown
            The pool is closed.
        """
        with self._condition:
            if self._closing:
                raise Shutdown("the server is stopping; try again when it runs again")
            free = self.size - self.working
            if len(self._waiting) >= self.queue + free:
                raise Busy(f"{len(self._waiting)} songs wait already; try again in a moment")
            self._waiting.append(ticket)
            self._condition.notify()

    def place(self, ticket: Ticket) -> int | None:
        """How many requests are before this one in the queue; None when it is not waiting."""
        with self._condition:
            try:
                return self._waiting.index(ticket)
            except ValueError:
                return None

    def cancel(self, ticket: Ticket) -> None:
        """Call a request off: out of the queue, or by ending the process that has it."""
        with self._condition:
            ticket.canceled = True
            try:
                self._waiting.remove(ticket)
            except ValueError:
                if ticket.slot is not None:
                    ticket.slot.kill(ticket)
                return
        ticket.on_end(Canceled(f"{ticket.shown}: called off"))

    def take(self, slot: Slot) -> Ticket | None:
        """Wait for the next request; None when the pool closes."""
        with self._condition:
            while not self._waiting and not self._closing:
                self._condition.wait()
            if self._closing:
                return None
            ticket = self._waiting.popleft()
            ticket.slot = slot
            slot.ticket = ticket
            return ticket

    def start_process(self, number: int) -> tuple[SpawnProcess, Connection]:
        """Start one process and return it with our end of its connection."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._main,
            args=(theirs, *self._arguments),
            name=f"earmark-worker-{number}",
            daemon=True,
        )
        with undisturbed():
            process.start()
        # Without this the end of the process would not be seen as the end of the connection.
        theirs.close()
        return process, ours

    def close(self) -> None:
        """End all processes; what waits or runs ends with ``Shutdown``."""
        with self._condition:
            if self._closing:
                return
            self._closing = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._condition.notify_all()
        for ticket in waiting:
            ticket.on_end(Shutdown(f"{ticket.shown}: the server stopped before it was analyzed"))
        for slot in self._slots:
            slot.kill(slot.ticket)
        for slot in self._slots:
            slot.thread.join(timeout=10)

    @property
    def closing(self) -> bool:
        """Whether the pool is being closed."""
        return self._closing


class Slot:
    """One process after the other, and the thread that speaks with it."""

    def __init__(self, pool: Pool, number: int) -> None:
        self.number = number
        self.ticket: Ticket | None = None
        self.ready = False
        self.thread = threading.Thread(target=self._run, name=f"earmark-slot-{number}", daemon=True)
        self._pool = pool
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._requests = 0

    def kill(self, ticket: Ticket | None) -> None:
        """End the process, provided that it still has ``ticket``."""
        with self._lock:
            if self._process is not None and self.ticket is ticket:
                self._process.kill()

    def _run(self) -> None:
        self._start()
        while (ticket := self._pool.take(self)) is not None:
            error: EarmarkError | None
            try:
                error = self._serve(ticket)
            except Exception:
                # What the process has still to say of this request must not meet the next one.
                self._stop()
                logger.exception("a request was lost")
                error = WorkerDied(f"{ticket.shown}: the analysis failed; try again")
            with self._lock:
                self.ticket = None
            if ticket.canceled:
                # The process may be dying just now; the next request must not meet it.
                self._stop()
                if error is not None:
                    error = Canceled(f"{ticket.shown}: called off")
            try:
                ticket.on_end(error)
            except Exception:
                # The slot must go on, whatever became of one request.
                logger.exception("the end of a request was lost")
            if self._process is None and not self._pool.closing:
                self._start()
        self._stop()

    def _start(self) -> bool:
        """Start a process and wait until it is ready; False when it never was."""
        try:
            process, connection = self._pool.start_process(self.number)
        except OSError as error:
            logger.error("a worker process cannot be started: %s", error)
            return False
        with self._lock:
            self._process, self._connection = process, connection
        try:
            if connection.poll(START_LIMIT):
                message, _ = wire.receive(connection)
                self.ready = message.get("kind") == "ready"
        except (EOFError, OSError, EarmarkError):
            self.ready = False
        if not self.ready:
            process.join(timeout=1)
            stopped = process.exitcode in (-signal.SIGTERM, -signal.SIGINT)
            if not self._pool.closing and not stopped:
                logger.error("a worker process ended while it started")
            self._stop()
        return self.ready

    def _stop(self) -> None:
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
            self.ready = False
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()
            self._pool.restarts += 1

    def _serve(self, ticket: Ticket) -> EarmarkError | None:
        """Let the process do one request and return what went wrong, if anything did."""
        process, connection = self._process, self._connection
        if process is None or connection is None or not process.is_alive():
            # It died of idleness, for instance when memory ran out.
            self._stop()
            if not self._start():
                return WorkerDied(f"{ticket.shown}: no process could be started to analyze it")
            process, connection = self._process, self._connection
            if process is None or connection is None:
                return Canceled(f"{ticket.shown}: called off")
        if ticket.canceled:
            return Canceled(f"{ticket.shown}: called off")
        self._requests += 1
        try:
            wire.send(connection, {**ticket.request, "number": self._requests})
            return self._listen(ticket, connection)
        except (EOFError, OSError):
            if self._pool.closing:
                return Shutdown(f"{ticket.shown}: the server stopped before it was analyzed")
            process.join(timeout=5)
            logger.warning("a worker process ended (%s) during a request", process.exitcode)
            self._stop()
            return WorkerDied(
                f"{ticket.shown}: the decoder broke down on this file; convert it and try again"
            )

    def _listen(self, ticket: Ticket, connection: Connection) -> EarmarkError | None:
        """Hear all that the process says of a request; return what went wrong.

        Everything up to the last message is taken off the connection, or the process is ended:
        what is left there would be taken for the answer of the next request.

        Raises
        ------
        EOFError, OSError
            The process is gone.
        """
        error: EarmarkError | None = None
        deadline = time.monotonic() + self._pool.time_limit
        while True:
            if not connection.poll(max(0.0, deadline - time.monotonic())):
                self._stop()
                limit = self._pool.time_limit
                return error or TookTooLong(
                    f"{ticket.shown}: took longer than {limit:g} s; send a shorter piece"
                )
            try:
                message, arrays = wire.receive(connection)
            except EarmarkError as babble:
                # Nobody knows where its next message begins.
                self._stop()
                return error or babble
            if message.get("number") != self._requests:
                logger.error("a worker process spoke of another request than its own")
                continue
            kind = message.get("kind")
            if kind == "done":
                return error
            if kind == "failed":
                return error or wire.error_from_message(message, ticket.shown)
            if error is None:
                try:
                    ticket.on_message(message, arrays)
                except EarmarkError as problem:
                    error = problem
                    deadline = min(deadline, time.monotonic() + DRAIN_LIMIT)
