"""Changes what is stored in processes of their own, which a test may end at any moment.

Run as a program: each line of standard input is a JSON list, the name of an act and its arguments;
a new process does it. It says its number and, where the act goes in steps, a letter after each that
was confirmed; at the end how it ended. What it printed of errors goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import earmark.cli
import earmark.cli.backup
import earmark.cli.build
import earmark.cli.import_
import earmark.collection
import earmark.importing.npz
import earmark.library.fitting
import earmark.neighbors
import earmark.web.config
from earmark.corrections import teach
from earmark.errors import EarmarkError
from earmark.library import Track, open_library


def main() -> None:
    """Do what each line says."""
    for line in sys.stdin:
        act, *arguments = json.loads(line)
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            say(f"\nended {os.waitstatus_to_exitcode(status)}\n")
            continue
        say(f"{os.getpid()}\n")
        code = 1
        with contextlib.suppress(EarmarkError, SystemExit):
            try:
                code = ACTS[act](*arguments)
            except EarmarkError as error:
                sys.stderr.write(f"{error}\n")
                raise
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def say(text: str) -> None:
    """Write to standard output at once."""
    os.write(1, text.encode())


def command(*arguments: str) -> int:
    """Run a command as its users do."""
    sys.argv = ["earmark", *arguments]
    # Standard output is for what this program says.
    os.dup2(2, 1)
    earmark.cli.main()
    return 0


def teach_many(path: str, count: int) -> int:
    """Teach a library many songs, and say of each that it was confirmed."""
    with open_library(path) as library:
        for number in range(count):
            song = Track(name=f"taught {number}", genre="taught", content_hash=f"{number:064x}")
            with contextlib.suppress(EarmarkError):
                teach(library, song, np.full(library.spec.dimension, 1.0 + number))
            if library.find_hash(song.content_hash or ""):
                say("t")
    return 0


def migrate(path: str) -> int:
    """Open a library of an older format, which brings it up to date."""
    with open_library(path) as library:
        library.check()
    return 0


def fill(path: str, leave: int) -> int:
    """Fill a disk up to some bytes."""
    state = os.statvfs(Path(path).parent)
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(bytes(max(0, state.f_bavail * state.f_frsize - leave)))
    return 0


ACTS: dict[str, Callable[..., int]] = {
    "command": command,
    "teach": teach_many,
    "migrate": migrate,
    "fill": fill,
}


if __name__ == "__main__":
    main()
