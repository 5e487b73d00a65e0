"""Write docs/cli.md: every command with its options, as the code has them.

python scripts/make_cli_page.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from earmark.cli import COMMANDS, earmark

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

INTRODUCTION = """\
# Commands

Every command and its options, as `earmark COMMAND --help` has them. This page is made from the code
by `scripts/make_cli_page.py`.

The library that is used: `--library`, else `$EARMARK_LIBRARY`, else your own, which the web page
makes when you correct it, else `reference`. Exit codes: 0 all done; 1 nothing could be done; 2
wrong usage; 3 done, but some files were skipped; 130 interrupted; 143 ended by SIGTERM.

Your shell completes commands, options, files, libraries and genres: see
[completion](#completion).
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield all commands and those below them, with their names."""
    with click.Context(earmark) as context:
        for name in COMMANDS:
            command = earmark.get_command(context, name)
            assert command is not None
            yield name, command
            for below in getattr(command, "commands", {}):
                yield f"{name} {below}", command.commands[below]  # type: ignore[attr-defined]


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION, *(section(name, command) for name, command in commands())]
    return "\n".join(parts)


def section(name: str, command: click.Command) -> str:
    """Return what the page says of one command."""
    context = click.Context(command, info_name=f"earmark {name}")
    usage = " ".join([f"earmark {name}", *command.collect_usage_pieces(context)])
    lines = [f"## {name}", "", f"`{usage}`", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            lines += ["```sh", paragraph.removeprefix("\b\n"), "```", ""]
        else:
            lines += [markdown(paragraph), ""]
    options = (option for option in command.params if isinstance(option, click.Option))
    rows = [record for option in options if (record := option.get_help_record(context))]
    lines += ["| option | what it does |", "| --- | --- |"]
    lines += [f"| {cell(option, code=True)} | {cell(what)} |" for option, what in rows]
    return "\n".join([*lines, ""])


def cell(text: str, *, code: bool = False) -> str:
    """Return a cell of a table."""
    joined = " ".join(text.split()).replace("|", "\\|")
    return f"`{joined}`" if code else markdown(joined)


def markdown(text: str) -> str:
    """Return text with options as code, and without what Markdown would take for its own signs."""
    parts = re.split(r"(?<![\w-])(--[a-z][a-z0-9-]*)", text)
    return "".join(
        f"`{part}`" if number % 2 else re.sub(r"([*_<>#\[\]~$])", r"\\\1", part)
        for number, part in enumerate(parts)
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
