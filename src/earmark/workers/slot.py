"""One worker process after the other, and the thread that speaks with it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earmark import errors
from earmark.errors import (
    AudioError,
    BadReply,
    EarmarkError,
    Shutdown,
    TookTooLong,
    TookTooMuchMemory,
    WorkerDied,
    WorkerError,
    WorkersDoNotStart,
)
from earmark.workers import protocol
from earmark.workers.limits import MEGABYTE, Limits
from earmark.workers.process import Process, describe_exit

if TYPE_CHECKING:
    from earmark.workers.pool import Call, WorkerPool

logger = logging.getLogger(__name__)

START_TRIES = 3
"""So many processes in a row may end while they start, before calls are given up for it."""

STARTING = Limits(seconds=120.0, processor_seconds=None, memory=None)
"""What a new process may take until it is ready for calls."""


class Slot:
    """One process after the other, and the thread that speaks with it."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self.call: Call[Any] | None = None
        self.ready = False
        self.thread = threading.Thread(target=self._run, name=f"earmark-slot-{number}", daemon=True)
        self._pool = pool
        self._lock = threading.RLock()
        self._process: Process | None = None
        self._prepared: dict[str, Any] | None = None
        self._is_confined = False
        self._limits = STARTING
        self._deadline: float | None = None
        self._idle_memory = 0
        self._processor_before = 0.0
        # Why the process is being ended while it has something to do.
        self._verdict: EarmarkError | None = None
        self._number = 0
        self._why = "it does not answer"

    # From other threads

    @property
    def is_watched(self) -> bool:
        """Whether the process has something to do."""
        return self._deadline is not None

    @property
    def is_unprepared(self) -> bool:
        """Whether there is something that the process has to run before its next call."""
        return self.ready and self._prepared is not self._pool.prepared

    def take(self, call: Call[Any]) -> None:
        """Note what the slot works on."""
        with self._lock:
            self.call = call
            self._verdict = None
            call.started = time.monotonic()

    def end(self, call: Call[Any] | None, verdict: EarmarkError | None) -> bool:
        """End the process where it still has ``call``, for a reason; None: whatever it does."""
        with self._lock:
            if call is not None and (self.call is not call or call.done()):
                return False
            self._verdict = self._verdict or verdict
            if self._process is not None:
                self._process.kill()
            return True

    def watch(self, now: float, lost: float) -> None:
        """End the process if what it does goes beyond the limits."""
        with self._lock:
            process, deadline, limits = self._process, self._deadline, self._limits
            if process is None or deadline is None or self._verdict is not None:
                return
            self._deadline = deadline + lost
            name = "" if self.call is None else self.call.name
            if now > self._deadline:
                self._verdict = TookTooLong(
                    f"takes longer than {limits.seconds:g} s; shorten it, or raise the limit", name
                )
            else:
                self._verdict = self._beyond(process, limits, name)
            if self._verdict is not None:
                process.kill()

    def _beyond(self, process: Process, limits: Limits, name: str) -> EarmarkError | None:
        usage = process.usage()
        if usage is None:
            return None
        memory = usage.memory - self._idle_memory
        if limits.memory is not None and memory > limits.memory:
            return TookTooMuchMemory(
                f"needs more than {limits.memory // MEGABYTE} MB of memory; convert it to another "
                "format, or raise the limit",
                name,
            )
        seconds = usage.processor_seconds - self._processor_before
        if limits.processor_seconds is not None and seconds > limits.processor_seconds:
            return TookTooLong(
                f"takes more than {limits.processor_seconds:g} s of the processor; shorten it, or "
                "raise the limit",
                name,
            )
        return None

    # In the slot's own thread

    def _run(self) -> None:
        while not self._pool.ends:
            # Also without a call: the first one shall find a process that is ready.
            if self._process is None and self._pool.failed_starts == 0:
                self._start()
            if self.is_unprepared:
                if self._is_confined:
                    # It could not prepare any more what needs more than reading.
                    self._stop()
                    continue
                self._prepare()
            call = self._pool.take(self)
            if call is None:
                continue
            try:
                value, error = self._serve(call), None
            except EarmarkError as problem:
                value, error = None, problem
            except Exception:
                logger.exception("a call was lost")
                value, error = None, WorkerDied("its analysis failed; try again", call.name)
                self._stop()
            with self._lock:
                self.call = self._deadline = None
                verdict = self._verdict
            if verdict is not None:
                # The process may be dying just now; the next call must not meet it.
                self._stop()
                error = verdict
            if error is None:
                call.set_result(value)
            else:
                call.set_exception(error)
        self._stop()

    def _start(self) -> bool:
        """Start a process and wait until it is ready; False when it never was."""
        try:
            process = self._pool.start_process()
        except OSError as error:
            self._why = str(error.strerror or error)
            self._pool.note_start(failed=True)
            return False
        with self._lock:
            self._process = process
            self._prepared = None
            self._is_confined = False
            self._watch_from(STARTING)
            if self._pool.closing:
                process.kill()
        try:
            message, _, _ = protocol.receive(process.replies)
            self.ready = message.get("kind") == "ready"
        except (EOFError, OSError, BadReply):
            self.ready = False
        if not self.ready:
            self._why = describe_exit(process.wait(5))
            self._stop()
            if not self._pool.closing:
                logger.warning("a worker process ended while it started: %s", self._why)
                self._pool.note_start(failed=True)
            return False
        self._settle()
        return self._prepare()

    def _prepare(self) -> bool:
        """Let the process run what comes before its first call; False when that ended it."""
        wanted, process = self._pool.prepared, self._process
        if wanted is None or process is None or wanted is self._prepared:
            self._pool.note_start(failed=False)
            return process is not None
        with self._lock:
            self._watch_from(STARTING)
        try:
            self._ask(process, wanted, None)
        except EarmarkError as error:
            # Calls will say it of their files.
            logger.warning("a worker process could not be prepared: %s", error)
        except (EOFError, OSError):
            self._why = describe_exit(process.wait(5))
            self._stop()
            if not self._pool.closing:
                self._pool.note_start(failed=True)
            return False
        self._prepared = wanted
        self._settle()
        self._pool.note_start(failed=False)
        return True

    def _watch_from(self, limits: Limits) -> None:
        """Count from now on against limits."""
        usage = None if self._process is None else self._process.usage()
        self._processor_before = 0.0 if usage is None else usage.processor_seconds
        self._limits = limits
        self._deadline = time.monotonic() + (limits.seconds or 1e9)
        self._pool.wake_watch()

    def _settle(self) -> None:
        """Note what the process holds when it is ready for calls."""
        with self._lock:
            self._deadline = None
            usage = None if self._process is None else self._process.usage()
            self._idle_memory = 0 if usage is None else usage.memory

    def _stop(self) -> None:
        with self._lock:
            process = self._process
            self._process = self._deadline = None
            self.ready = False
        if process is not None:
            process.close()
            self._pool.note_end()

    def _serve(self, call: Call[Any]) -> Any:
        """Let the process do one call, and return what the function returned."""
        process = self._ready_process(call)
        with self._lock:
            if self._verdict is not None:
                raise self._verdict
            self._watch_from(self._pool.limits)
            self._is_confined = self._pool.confined
        try:
            content, arrays = self._ask(process, call.request, call)
        except BadReply as babble:
            # Nobody knows where its next message begins.
            self._stop()
            raise self._verdict or BadReply(babble.problem, call.name) from babble
        except (EOFError, OSError):
            code = process.wait(5)
            self._stop()
            if self._verdict is not None:
                raise self._verdict from None
            if self._pool.closing:
                raise Shutdown("the program ended before it was done", call.name) from None
            logger.warning("a worker process ended during a call: %s", describe_exit(code))
            raise _died(code, call.name) from None
        self._recycle(process)
        return protocol.unpack(content, arrays, call.kind)

    def _ready_process(self, call: Call[Any]) -> Process:
        """Return the process, started where there is none that lives.

        Raises
        ------
        WorkersDoNotStart
            Several in a row ended while they started.
        """
        while True:
            process = self._process
            if process is not None and not process.is_alive():
                # It died of idleness, for instance when memory ran out.
                self._stop()
                process = None
            if process is not None:
                return process
            if self._pool.closing:
                raise Shutdown("the program ended before it was its turn", call.name)
            if self._verdict is not None:
                raise self._verdict
            if not self._start() and self._pool.failed_starts >= START_TRIES:
                raise WorkersDoNotStart(
                    f"worker processes end while they start ({self._why}); see that memory and "
                    "the limit of processes suffice, and try again"
                )

    def _ask(
        self, process: Process, request: dict[str, Any], call: Call[Any] | None
    ) -> tuple[Any, protocol.Arrays]:
        """Send a request, and take all that the process says of it off the connection.

        Raises
        ------
        EarmarkError
            As the function raised it, or `BadReply`.
        EOFError, OSError
            The process is gone.
        """
        self._number += 1
        own = {
            "number": self._number,
            "processor_seconds": self._limits.processor_seconds,
            "memory": self._limits.memory,
            # What comes before the first call is the program's own: it may write caches.
            "confined": self._pool.confined and call is not None,
        }
        protocol.send(process.requests, {**request, **own})
        limit = self._pool.max_message
        while True:
            message, content, arrays = protocol.receive(process.replies, limit=limit)
            if message.get("number") != self._number:
                raise BadReply("a worker process spoke of another call than its own")
            kind = message.get("kind")
            if kind == "done":
                return content, arrays
            if kind == "failed":
                raise error_of(message, "" if call is None else call.name)
            done = message.get("done")
            if call is not None and isinstance(done, int | float):
                call.progress = min(1.0, max(0.0, float(done)))

    def _recycle(self, process: Process) -> None:
        """Start anew where a process keeps much of what former calls needed."""
        limit = self._pool.limits.memory
        usage = process.usage() if limit is not None else None
        kept = 0 if usage is None else usage.memory - self._idle_memory
        if limit is not None and kept > 3 * limit // 4:
            self._stop()


def error_of(message: Mapping[str, Any], name: str) -> EarmarkError:
    """Make the error again that a worker told of; it knows the file by another name, perhaps."""
    if trace := message.get("trace"):
        logger.error("%s: %s", name, str(trace)[:4000])
    kind = getattr(errors, str(message.get("error")), None)
    problem = str(message.get("problem"))[:1000]
    if isinstance(kind, type) and issubclass(kind, AudioError):
        return kind(name, problem)
    if isinstance(kind, type) and issubclass(kind, WorkerError):
        return kind(problem, name)
    if isinstance(kind, type) and issubclass(kind, EarmarkError):
        return kind(f"{name}: {problem}" if name else problem)
    return WorkerError(problem, name)


def _died(code: int | None, name: str) -> EarmarkError:
    if code is not None and code == -_signal("SIGXCPU"):
        return TookTooLong("takes too much of the processor; shorten it, or raise the limit", name)
    if code is not None and code == -_signal("SIGKILL"):
        return WorkerDied(
            "the process that decoded it was killed, perhaps since memory ran out; try again", name
        )
    how = describe_exit(code)
    return WorkerDied(
        f"crashes the program that decodes it ({how}); convert it to another format", name
    )


def _signal(name: str) -> int:
    return int(getattr(signal, name, 0))
