"""A server for the benchmarks that ask one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def served(
    *options: str | os.PathLike[str],
    environment: Mapping[str, str],
    stderr: int | None = None,
) -> Iterator[tuple[str, int]]:
    """Run ``earmark serve`` at a free port; yield its address, with a slash, and its process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "earmark", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        line = server.stdout.readline() if server.stdout else ""
        found = re.search(r"http://\S+", line)
        if found is None:
            sys.exit("earmark serve did not start")
        yield found.group(), server.pid
    finally:
        server.terminate()
        server.wait()
