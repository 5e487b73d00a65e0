"""The main process's side of one worker process: how it is started, told, heard and ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import IO, Any, Protocol

from earmark.workers import protocol
from earmark.workers.limits import Usage, usage_of

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Each worker has one core; libraries that start a thread a core would only fight over them."""

_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from earmark.workers.child import main; main()"
)


class Process(Protocol):
    """A worker process as the pool sees it; tests may put threads in its place."""

    @property
    def requests(self) -> IO[bytes]: ...  # noqa: D102
    @property
    def replies(self) -> IO[bytes]: ...  # noqa: D102
    def usage(self) -> Usage | None:
        """Return what it has taken so far, None where that is not known."""
        ...

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        ...

    def kill(self) -> None:
        """End it at once; may be called from any thread, and again."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended; return its exit code, minus the number of a signal."""
        ...

    def close(self) -> None:
        """End it and let go of all that belongs to it."""
        ...


class WorkerProcess:
    """A Python process that imports nothing of the program that starts it.

    It is a new process in every sense: no copy of this one (a fork would take locks and threads
    along), and the program's main module is not run again in it. It has a process group of its own,
    so that Ctrl-C in a terminal reaches the main process alone, which decides what becomes of it.

    Parameters
    ----------
    nice
        By how much others go before it when all cores are busy.
    max_message
        Bytes of its longest message.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, *, nice: int = 0, max_message: int = protocol.MAX_MESSAGE) -> None:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options["process_group"] = 0
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Decoders print what they think of a file, in their own words and without its name.
            stderr=subprocess.DEVNULL,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")},
            **options,
        )
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self.requests: IO[bytes] = self._process.stdin
        self.replies: IO[bytes] = self._process.stdout
        self.pid = self._process.pid
        try:
            # One that has ended already takes nothing; who waits for its reply learns how it ended.
            with contextlib.suppress(BrokenPipeError):
                protocol.send(self.requests, {"nice": nice, "max_message": max_message})
        except OSError:
            self.close()
            raise

    def usage(self) -> Usage | None:
        """Return what it has taken so far, None where that is not known."""
        return usage_of(self.pid)

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, and with it what it may have started."""
        if sys.platform == "win32":
            self._process.kill()
        elif self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended; return its exit code, minus the number of a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def close(self) -> None:
        """End it and let go of all that belongs to it."""
        self.kill()
        self._process.wait()
        for stream in (self.requests, self.replies):
            with contextlib.suppress(OSError):
                stream.close()


def describe_exit(code: int | None) -> str:
    """Say in words how a process ended.

    >>> describe_exit(3)
    'it ended with code 3'
    """
    if code is None:
        return "it does not answer"
    if code >= 0:
        return f"it ended with code {code}"
    try:
        name = signal.strsignal(-code) or signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return name.lower()
