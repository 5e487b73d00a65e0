"""What a type checker says to those who use Earmark in code of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "tests" / "typing"

Reports = dict[int, list[str]]


@pytest.fixture(scope="module")
def reports() -> dict[str, Reports]:
    """What mypy reports of each example: by line, in the order of the lines.

    As at a user's: without the settings of this project, and the package found as it is installed,
    which the marker ``py.typed`` allows. What mypy knows of it is kept for the next time.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary",
         "--cache-dir", str(ROOT / ".mypy_cache" / "users"), "--hide-error-context",
         *map(str, sorted(EXAMPLES.glob("*.py")))],
        capture_output=True,
        text=True,
        cwd=EXAMPLES,
        timeout=600,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found: dict[str, Reports] = {file.name: {} for file in EXAMPLES.glob("*.py")}
    for line in ran.stdout.splitlines():
        told = re.fullmatch(r"(\w+\.py):(\d+): (error|note): (.*)", line)
        assert told is not None, ran.stdout
        if told[3] == "error":
            found[told[1]].setdefault(int(told[2]), []).append(told[4])
    return found


def test_right_use_passes_and_has_the_types_that_are_promised(reports: dict[str, Reports]) -> None:
    assert reports["right_use.py"] == {}


def test_each_mistake_is_reported_where_it_is_made(reports: dict[str, Reports]) -> None:
    found = dict(reports["wrong_use.py"])
    lines = (EXAMPLES / "wrong_use.py").read_text("utf-8").splitlines()
    split = [line.partition("  # E: ") for line in lines]
    expected = {n: text for n, (_, mark, text) in enumerate(split, 1) if mark}
    assert len(expected) > 20
    missed = {n: text for n, text in expected.items() if text not in " ".join(found.get(n, []))}
    astray = {n: text for n, text in found.items() if n not in expected}
    assert (missed, astray) == ({}, {})
