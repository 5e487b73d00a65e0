"""The README's examples are what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.forked import earmark

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_first_command_prints_what_is_shown() -> None:
    (console,) = blocks("console")
    command, *shown = console.splitlines()
    program, *arguments = command.removeprefix("$ ").split()
    assert program == "earmark"
    printed = run(sys.executable, "-m", "earmark", *arguments).splitlines()
    for expected, line in zip(shown[: shown.index("…")], printed, strict=False):
        assert masked(line) == masked(expected)
        # Another processor may move the last digit.
        for number, told in zip(numbers(line), numbers(expected), strict=True):
            assert number == pytest.approx(told, abs=0.003 if told < 1 else 1)


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", line)]


def masked(line: str) -> str:
    return re.sub(r"[\d.]+ *|[█░]+ *", "#", line)


def test_the_python_example_runs() -> None:
    (code,) = blocks("python")
    genre, share = run(sys.executable, "-c", code).split()[:2]
    assert genre == "metal"
    assert float(share.rstrip("%")) == pytest.approx(89, abs=1)


@pytest.mark.parametrize("command", re.findall(r"^\| `earmark (\w+)", README, flags=re.MULTILINE))
def test_every_command_of_the_table_explains_itself(command: str) -> None:
    assert "Usage: earmark" in earmark(command, "--help", text=True).stdout


def test_every_page_and_picture_that_is_linked_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
