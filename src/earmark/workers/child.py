"""The worker's side: what runs in the process that reads files of strangers."""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import IO, Any

from earmark.errors import AudioError, BadReply, EarmarkError, WorkerError
from earmark.workers import protocol, sandbox

LONGEST_PROBLEM = 1000
"""Characters of an error that are sent; it may quote a file."""

_telling_now = threading.local()


def report_progress(share: float) -> None:
    """Say how much of the call under way is done, from 0 to 1; elsewhere than in a worker: nothing.

    >>> report_progress(0.5)
    """
    tell = getattr(_telling_now, "tell", None)
    if tell is not None:
        tell(share)


def preload(modules: list[str]) -> None:
    """Import modules, so that the first call does not wait for that."""
    for name in modules:
        importlib.import_module(name)


def main() -> None:
    """Answer requests from standard input on standard output, until the input ends."""
    replies = _own_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    # A main process that was killed cannot end its workers: their input ends, whatever they do.
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    setup = requests.get()
    _restrict(setup)
    serve(requests.get, replies, max_message=setup["max_message"])


def serve(
    next_request: Callable[[], dict[str, Any]], replies: IO[bytes], *, max_message: int
) -> None:
    """Answer requests, one after the other, until the main process is gone.

    Parameters
    ----------
    next_request
        Waits for a request and returns it.
    replies
        Where messages go.
    max_message
        Bytes of the longest result.
    """
    with contextlib.suppress(BrokenPipeError, EOFError):
        protocol.send(replies, {"kind": "ready"})
        while True:
            _answer(next_request(), replies, max_message)


def _own_output() -> IO[bytes]:
    """Keep standard output for messages: what C libraries print there goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _read(stream: IO[bytes], requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    with contextlib.suppress(EOFError, OSError, BadReply):
        while True:
            request = protocol.receive(stream)[0]
            if request.get("confined"):
                # Each thread for itself.
                sandbox.confine()
            requests.put(request)
    os._exit(0)


def _restrict(setup: dict[str, Any]) -> None:
    if setup["nice"] and hasattr(os, "nice"):
        os.nice(setup["nice"])
    if sys.platform != "win32":
        import resource

        # A decoder that crashes must not leave a dump of somebody's music.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: dict[str, Any], replies: IO[bytes], limit: int) -> None:
    number = request["number"]
    failed: dict[str, Any]
    try:
        if request["confined"]:
            sandbox.confine()
        function = _find(request["function"])
        with _limited(request["processor_seconds"], request["memory"]), _telling(replies, number):
            value = function(*request["arguments"], **request["options"])
        protocol.send(replies, {"kind": "done", "number": number}, value, limit=limit)
        return
    except BrokenPipeError:
        raise
    except EarmarkError as error:
        failed = _told(error)
    except MemoryError:
        failed = {"error": "TookTooMuchMemory", "problem": "needs more memory than it may take"}
    except Exception as error:
        # One odd file must not end a run over thousands; it is listed with what happened.
        failed = {
            "error": "",
            "problem": f"failed unexpectedly ({type(error).__name__}: {error})"[:LONGEST_PROBLEM],
            "trace": traceback.format_exc(limit=-8)[-4000:],
        }
    protocol.send(replies, {"kind": "failed", "number": number, **failed})


def _told(error: EarmarkError) -> dict[str, Any]:
    named = isinstance(error, AudioError | WorkerError)
    problem = error.problem if named else str(error)  # type: ignore[attr-defined]
    return {"error": type(error).__name__, "problem": problem[:LONGEST_PROBLEM]}


@functools.cache
def _find(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert callable(found)  # noqa: S101
    return found  # type: ignore[no-any-return]


@contextlib.contextmanager
def _telling(replies: IO[bytes], number: int) -> Iterator[None]:
    """Let `report_progress` speak of a call, a few times a second at most."""
    last = 0.0

    def tell(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.05:
            last = now
            share = min(1.0, max(0.0, float(share)))
            protocol.send(replies, {"kind": "progress", "number": number, "done": share})

    _telling_now.tell = tell
    try:
        yield
    finally:
        _telling_now.tell = None


@contextlib.contextmanager
def _limited(processor_seconds: float | None, memory: int | None) -> Iterator[None]:
    """Let the system itself hold a call to its limits, where it can.

    The main process watches, too. But it may be gone, and it looks only now and then: a single
    allocation of many gigabytes is over before that.
    """
    if sys.platform == "win32":
        yield
        return
    import resource

    wanted: list[tuple[int, int]] = []
    if processor_seconds is not None:
        # Whole seconds, and after the main process would have noticed.
        wanted.append((resource.RLIMIT_CPU, math.ceil(time.process_time() + processor_seconds) + 2))
    held = _data_size() if memory is not None else None
    if memory is not None and held is not None:
        # Addresses that are never touched count here, hence twice.
        wanted.append((resource.RLIMIT_DATA, held + 2 * memory))
    before = [(what, resource.getrlimit(what)) for what, _ in wanted]
    for (what, value), (_, (_, hard)) in zip(wanted, before, strict=True):
        if hard == resource.RLIM_INFINITY or value <= hard:
            resource.setrlimit(what, (value, hard))
    try:
        yield
    finally:
        for what, limits in before:
            resource.setrlimit(what, limits)


def _data_size() -> int | None:
    """Return how many bytes of data this process has reserved, where the system says so."""
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"VmData:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
