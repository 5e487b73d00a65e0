"""The command line: one module a command, thin: parse, call, print.

Exit codes: 0 all done; 1 nothing could be done; 2 wrong usage; 3 done, but some files were skipped;
130 interrupted.
"""

from __future__ import annotations

import importlib
import io
import sys

import click

from earmark.errors import EarmarkError

COMMANDS = {
    "audit": "earmark.cli.audit:audit",
    "build": "earmark.cli.build:build",
    "classify": "earmark.cli.classify:classify",
    "evaluate": "earmark.cli.evaluate:evaluate",
    "export": "earmark.cli.export:export",
    "import": "earmark.cli.import_:import_command",
    "info": "earmark.cli.info:info",
    "serve": "earmark.cli.serve:serve",
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is used, so that every start is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earmark")
def earmark() -> None:
    """Hear what genre a piece of music is, how sure that is, and which tracks it sounds like."""


def main() -> None:
    """Run the command line; the entry point of the ``earmark`` script."""
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text, and terminals may lack characters: what cannot
        # be written is shown by its number, which in JSON is the right way to write it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        earmark(prog_name="earmark")
    except EarmarkError as error:
        click.echo(f"earmark: {error}", err=True)
        sys.exit(1)
