"""Help is there at once: nothing that takes long is loaded for it."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from earmark.cli import COMMANDS, earmark, evaluate
from earmark.evaluation.split_choice import SPLITS
from support import scripts

SLOW = {"av", "flask", "numpy", "onnxruntime", "rich", "scipy", "sklearn", "sqlalchemy", "sqlite3"}


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    with click.Context(earmark) as context:
        for name, (_, line) in COMMANDS.items():
            command = earmark.get_command(context, name)
            assert command is not None
            assert command.get_short_help_str(limit=200) == line


def test_help_shows_no_marks_of_its_markup() -> None:
    with click.Context(earmark) as context:
        for name in COMMANDS:
            command = earmark.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name) as inner:
                shown = command.get_help(inner)
            assert "\\b" not in shown, name
            assert "\b" not in shown, name


def loaded(*arguments: str) -> set[str]:
    """Return the packages that a command line loads."""
    code = (
        "import sys\nfrom earmark.cli import earmark\n"
        f"earmark.main({list(arguments)!r}, standalone_mode=False)\n"
        "print('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_nothing_slow_is_loaded_for_help(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) & SLOW == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", [*COMMANDS, "extractors check"])
def test_commands_load_what_they_need_when_they_run(command: str) -> None:
    assert loaded(*command.split(), "--help") & (SLOW - {"rich"}) == set()


def test_the_splits_of_the_help_are_those_that_there_are() -> None:
    assert evaluate.SPLITS == SPLITS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_has_an_example(name: str) -> None:
    with click.Context(earmark) as context:
        command = earmark.get_command(context, name)
    assert command is not None
    with click.Context(command, info_name=f"earmark {name}", terminal_width=80) as inner:
        lines = command.get_help(inner).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    # A line of its own, with what a user may type after the name.
    assert any(
        line.strip().startswith((f"earmark {name}", 'eval "$(earmark')) for line in lines[1:]
    )


def test_the_page_of_commands_is_that_of_the_code() -> None:
    made = scripts.load("make_cli_page")
    assert made.PAGE.read_text("utf-8") == made.page(), "run scripts/make_cli_page.py"
    names = re.findall(r"^## (.+)$", made.page(), re.M)
    assert [name for name in names if " " not in name] == list(COMMANDS)
    assert "extractors check" in names
