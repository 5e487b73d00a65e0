"""What worker processes are given to do in tests; they import this module themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def crash_or_answer(path: str) -> str:
    """End the whole process where the path says so, as a faulty decoder does."""
    if "crash" in path:
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGSEGV)
    return path


def fail(path: str) -> str:
    """Raise."""
    raise RuntimeError("no")


def threads(path: str) -> tuple[str, list[int]]:
    """Return how many threads arithmetic may use here, as set and as measured."""
    import numpy as np
    import threadpoolctl

    np.ones((2, 2)) @ np.ones((2, 2))
    return os.environ.get("OMP_NUM_THREADS", ""), [
        int(library["num_threads"]) for library in threadpoolctl.threadpool_info()
    ]


def write_pid_and_sleep(path: str) -> None:
    """Say who runs this, be busy for a minute, and say that this is over."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
    Path(path).write_text("done")


def blocked_signals(_path: str) -> list[int]:
    """Return the signals that do not reach this process."""
    return sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, []))
