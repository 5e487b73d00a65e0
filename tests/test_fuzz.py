"""Whatever bytes our own parsers are given, they read them or raise one of our errors.

Inputs are guessed by coverage where atheris is installed (the dependency group ``fuzz``): a few
seconds for each parser, and with `make soak` an hour for all (or `--fuzz-seconds`). Without it they
are known inputs with random changes.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from earmark.errors import EarmarkError
from support import fuzz_targets
from support.fuzz_targets import TARGETS, seeds
from support.skips import require_package

pytestmark = [pytest.mark.slow, pytest.mark.soak]

TESTS = Path(fuzz_targets.__file__).resolve().parent.parent
SHORT = 1
"""Seconds for each target."""

CHANGES = 150
"""Of each known input."""

FEW = 20
"""Of those of which each makes a library, or is sent to many addresses."""

SLOW = {"log", "repaired", "player_routes", "api_query"}


def changed(data: bytes, chance: random.Random) -> bytes:
    """Change some of an input: bytes flipped, parts cut out, repeated, or filled."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(found) + 1)
        length = chance.choice((1, 1, 2, 4, 8, 64, len(found) // 2))
        part = bytes(found[at : at + length])
        match chance.randrange(5):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = part * chance.randrange(1, 20)
            case 3:
                found[at : at + length] = (
                    chance.choice((b"\0", b"\xff", b"[", b'"', b"\n")) * length
                )
            case _:
                found[at : at + length] = chance.randbytes(length)
    return bytes(found)


@pytest.mark.parametrize("name", TARGETS)
def test_known_inputs_with_changes(name: str) -> None:
    chance = random.Random(name)
    for seed in seeds(name):
        for number in range(FEW if name in SLOW else CHANGES):
            data = seed if number == 0 else changed(seed, chance)
            try:
                TARGETS[name](data)
            except EarmarkError as error:
                assert "\n" not in str(error), str(error)  # noqa: PT017


class Guesses:
    """The process that guesses inputs, one target after the other."""

    def __init__(self) -> None:
        require_package("atheris", "fuzz")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.fuzz"],
            cwd=TESTS,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def guess(self, name: str, folder: Path, seconds: int) -> tuple[int, str]:
        """Guess inputs of a target; return the exit code and what was printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        printed = folder.with_suffix(".printed")
        options = ["-timeout=60", "-rss_limit_mb=2048", "-max_len=20000"]
        asked = [name, str(folder), str(printed), seconds, options]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline()
        return int(code), printed.read_text("utf-8", "replace")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def guesses() -> Iterator[Guesses]:
    with closing(Guesses()) as running:
        yield running


@pytest.mark.parametrize("name", TARGETS)
def test_guessed_inputs(
    name: str,
    guesses: Guesses,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[..., None],
) -> None:
    options = request.config.option
    seconds = options.fuzz_seconds // len(TARGETS) if options.soak else SHORT
    folder = tmp_path / "inputs"
    folder.mkdir()
    code, printed = guesses.guess(name, folder, seconds)
    broke = {path.name: path.read_bytes()[:200] for path in folder.glob("broke-*")}
    assert code == 0, (broke, printed[-4000:])
    runs = re.search(r"Done (\d+) runs", printed)
    record_property("inputs", runs[1] if runs else "?")
