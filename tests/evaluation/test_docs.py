"""The documentation says what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from earmark.cli import earmark

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def blocks(page: str) -> list[tuple[list[str], list[str]]]:
    """Return the console blocks of a page: a command's arguments, and lines that it prints."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        command, *lines = block.rstrip().splitlines()
        words = shlex.split(command.removeprefix("$ "))
        assert words[0] == "earmark"
        found.append((words[1:], [line for line in lines if line != "…"]))
    return found


def skeleton(line: str) -> str:
    """Return a line without its numbers and without spaces, which follow the numbers' widths."""
    return "".join(NUMBER.sub("#", line).split())


def numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(line)]


def percentages(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"([\d.]+)%", line)]


def test_the_walk_of_the_teaching_page(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gtzan1000.dat").symlink_to(shared_data / "mydat" / "gtzan1000.dat")
    monkeypatch.chdir(tmp_path)
    walk = blocks("teaching.md")
    assert len(walk) == 8
    for arguments, expected in walk:
        result = CliRunner().invoke(earmark, arguments)
        assert result.exit_code == 0, result.output
        printed = result.stdout.splitlines()
        # The learned features and their vote go on being improved, so only about.
        about = "gtzan" in arguments
        pick, points = (percentages, 4.0) if about else (numbers, 0.3)
        for line in expected:
            alike = [p for p in printed if skeleton(p) == skeleton(line)]
            near = [
                p
                for p in alike
                if all(abs(a - b) <= points for a, b in zip(pick(p), pick(line), strict=True))
            ]
            assert near, f"{shlex.join(arguments)}: {line!r} is now {alike}"


def test_the_python_of_the_evaluation_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "evaluation.md").read_text(), re.DOTALL)
    exec(compile(code, "evaluation.md", "exec"), {})
    assert "by artists that it has not heard" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["evaluation.md", "teaching.md"])
def test_every_option_that_a_page_names_is_there(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    help_ = "".join(
        CliRunner().invoke(earmark, [command, "--help"]).output
        for command in ("build", "evaluate", "audit", "import")
    )
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
        assert option in help_, option
