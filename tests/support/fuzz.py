"""Guesses inputs by coverage, with atheris; run as a program by the test of fuzzing.

Each line of standard input is a JSON list: the name of a target, a folder, a file for what is
printed, seconds, and options of libFuzzer. The folder gets the known inputs, and the one that broke
something. Each is done in a process that is forked, since looking through all modules for their
branches takes far longer than a short run. What comes back is a line with its exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["earmark"]):
    from support import fuzz_targets

from earmark.errors import EarmarkError

GRACE = 300
"""Seconds after its time that a run may take to end."""


def guess(name: str, folder: str, options: list[str]) -> None:
    """Run until the time is over or something breaks; ends the process."""
    target = fuzz_targets.TARGETS[name]
    for number, seed in enumerate(fuzz_targets.seeds(name)):
        (Path(folder) / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            target(data)
        except EarmarkError:
            return

    atheris.Setup([sys.argv[0], f"-artifact_prefix={folder}/broke-", *options, folder], one)
    atheris.Fuzz()


def wait(child: int, seconds: float) -> int:
    """Wait for a process, and end it where it takes much longer than it should."""
    deadline = time.monotonic() + seconds + GRACE
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Do what the lines ask for."""
    for line in sys.stdin:
        name, folder, printed, seconds, options = json.loads(line)
        child = os.fork()
        if not child:
            place = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(place, 1)
            os.dup2(place, 2)
            guess(name, folder, [f"-max_total_time={seconds}", *options])
            os._exit(0)
        sys.stdout.write(f"{wait(child, seconds)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
