"""``earmark watch`` as a process of its own, and what it says."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

from support.forked import start
from support.web import wait_until

SOON = 60.0
"""Seconds within which a line comes on the slowest machine."""


class Running:
    """``earmark watch`` as people start it, and its lines; forked, or by Python itself."""

    def __init__(self, home: Path, *arguments: object, forked: bool = True) -> None:
        self.home = home
        own = {"XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache")}
        own["XDG_STATE_HOME"] = str(home / "state")
        self.process = start(
            ["watch", *map(str, arguments)],
            forked=forked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **own},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=SOON)

    def wait_until_noted(self, file: Path) -> None:
        """Wait until a file is known to have been dealt with: a line comes a moment before."""
        folder = self.home / "data" / "earmark" / "watch"
        wait_until(lambda: any(file.name in one.read_text() for one in folder.glob("*.jsonl")))

    def stop(self) -> tuple[int, list[str], str]:
        """End it by SIGTERM; return its code, the lines that were not read, and its errors."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=SOON)
        self._thread.join(SOON)
        assert self.process.stderr is not None
        errors = self.process.stderr.read()
        self.process.stderr.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code, list(self._lines.queue), errors
