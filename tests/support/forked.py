"""``earmark`` in processes of its own that need not import it anew: what tests run most often.

One process imports it once and forks for each command, which has its own folder, environment,
output and exit code, and ends as Python ends. Importing is most of what a short command takes.
What is read when modules are imported cannot differ: a test of such things starts Python itself.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path


class Forks:
    """The process that is forked.

    It is started when it is first needed, and ends with the tests.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.close)

    def run(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as place:
            files = [str(Path(place) / name) for name in ("out", "err")]
            asked = [arguments, str(folder), dict(environment), files]
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            out, errors = (Path(file).read_bytes() for file in files)
        return subprocess.CompletedProcess(["earmark", *arguments], code, out, errors)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@cache
def _forks() -> Forks:
    return Forks()


def earmark(
    *arguments: object, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``earmark`` in a process of its own; return its exit code and the bytes that it wrote.

    Parameters
    ----------
    arguments
        Of the command.
    folder
        Where it runs; None: where the tests do.
    environment
        Variables that it has besides those of the tests.
    """
    listed = [str(argument) for argument in arguments]
    if not hasattr(os, "fork"):
        return subprocess.run(
            [sys.executable, "-m", "earmark", *listed],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
        )
    return _forks().run(listed, folder or Path.cwd(), {**os.environ, **environment})


def _serve() -> None:
    """Run what each line of standard input asks for; say how it ended."""
    import earmark.classify
    import earmark.cli
    import earmark.collection.builder
    import earmark.evaluation.evaluating
    import earmark.library
    import earmark.neighbors.fitting  # noqa: F401

    answers = os.dup(1)
    for line in sys.stdin:
        arguments, folder, environment, files = json.loads(line)
        child = os.fork()
        if not child:
            os.close(answers)
            _become(arguments, folder, environment, files)
            return
        _, status = os.waitpid(child, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(
    arguments: list[str], folder: str, environment: dict[str, str], files: list[str]
) -> None:
    """Be the command."""
    from earmark.cli import main

    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # As `python -m earmark` has it there.
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["earmark", *arguments]
    main()


if __name__ == "__main__":
    _serve()
