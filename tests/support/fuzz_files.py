"""Where fuzzing keeps its files: one folder for a process, which goes with it."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

_kept: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def folder() -> Path:
    """Return the folder of this process."""
    made = tempfile.TemporaryDirectory(prefix="earmark-fuzz-")
    _kept.append(made)
    return Path(made.name)


def file(name: str, data: bytes) -> Path:
    """Write a file into it."""
    path = folder() / name
    path.write_bytes(data)
    return path
