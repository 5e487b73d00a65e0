"""What one call may take of the machine, and how much of it a process has taken."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one call to a worker process may take; None: as much as it likes.

    Attributes
    ----------
    seconds
        Of the clock. A busy machine makes everything slower, so this is for what waits for ever.
    processor_seconds
        Of one core, whatever else the machine does; this is for what computes for ever.
    memory
        Bytes of main memory beyond what the process holds when it is ready for its first call, so
        that a large network, loaded before, does not count.
    """

    seconds: float | None = 300.0
    processor_seconds: float | None = 120.0
    memory: int | None = 400 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has taken so far: seconds of the processor, and bytes of main memory now."""

    processor_seconds: float
    memory: int


def usage_of(pid: int) -> Usage | None:
    """Return what a process of this user has taken; None where there is no such process any more.

    The memory is what lies in main memory (the resident set). Addresses alone cost nothing: ONNX
    Runtime and NumPy reserve gigabytes that they never touch.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Usage(times.user + times.system, process.memory_info().rss)
    except psutil.Error:
        return None


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
