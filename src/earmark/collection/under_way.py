"""Calls that are under way on an executor, of this machine or of a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import Any

from earmark.errors import (
    AudioError,
    ClusterError,
    CollectionError,
    EarmarkError,
    WorkerError,
    WorkersDoNotStart,
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be used, and why; ``reason`` does not repeat its name."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a call for a file returned."""

    path: str
    result: Any


class UnderWay:
    """Calls for files, each of which costs its own file when it fails.

    Parameters
    ----------
    executor
        Runs them; it is not shut down.
    room
        How many calls to hand to the executor at a time: more than it has workers, so that none
        waits, but not so many that what they are to do is forgotten on the way. Asked anew each
        time, since clusters grow and shrink.
    """

    def __init__(self, executor: Executor, room: Callable[[], int]) -> None:
        self._executor = executor
        self._room = room
        self._waiting: deque[tuple[str, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._running: dict[Future[Any], str] = {}

    def submit(self, path: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Put a call in the queue; ``path`` is the file that it is for."""
        self._waiting.append((path, function, arguments))

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits."""
        return not (self._waiting or self._running)

    @property
    def has_room(self) -> bool:
        """Whether more calls are needed to keep all workers busy."""
        return len(self._waiting) + len(self._running) < self._room()

    @property
    def names(self) -> list[str]:
        """The files that workers have now, the one that came first at the beginning."""
        return [path for future, path in self._running.items() if future.running()]

    def results(self, timeout: float | None = None) -> list[Done | Failed]:
        """Wait for calls to end, at most ``timeout`` seconds, and return what became of them.

        Raises
        ------
        CollectionError
            The executor takes no more work.
        WorkersDoNotStart, ClusterError
            Worker processes end while they start; the cluster does no more.
        """
        room = self._room()
        while self._waiting and len(self._running) < room:
            path, function, arguments = self._waiting.popleft()
            try:
                future = self._executor.submit(function, *arguments)
            except BrokenExecutor as error:
                raise CollectionError(f"the executor takes no more work: {error}") from error
            self._running[future] = path
        if not self._running:
            return []
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        return [self._outcome(self._running.pop(future), future) for future in done]

    def _outcome(self, path: str, future: Future[Any]) -> Done | Failed:
        try:
            return Done(path, future.result())
        except (WorkersDoNotStart, ClusterError):
            raise
        except BrokenExecutor as error:
            raise CollectionError(f"the executor takes no more work: {error}") from error
        except (AudioError, WorkerError) as error:
            return Failed(path, error.problem)
        except EarmarkError as error:
            return Failed(path, str(error))
        except MemoryError:
            return Failed(path, "needs more memory than there is")
        except Exception as error:
            # One odd file must not end a run over thousands; and clusters have errors of their own
            # for a worker that was lost.
            return Failed(path, f"failed unexpectedly ({type(error).__name__}: {error})")

    def cancel(self) -> None:
        """Call off all that has not begun."""
        self._waiting.clear()
        for future in self._running:
            future.cancel()
        self._running.clear()
