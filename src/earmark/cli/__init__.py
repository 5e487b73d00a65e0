"""The command line: one module a command, thin: parse, call, print.

Exit codes: 0 all done; 1 nothing could be done; 2 wrong usage; 3 done, but some files were skipped;
130 interrupted; 143 ended by SIGTERM.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from earmark.cli.common import EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from earmark.errors import EarmarkError
from earmark.version import __version__
from earmark.words import shown

OBJECTS_A_COLLECTION = 20_000

COMMANDS = {
    "audit": ("earmark.cli.audit:audit", "Look for what is wrong with a library."),
    "backup": ("earmark.cli.backup:backup", "Copy a library, also one that is in use."),
    "build": ("earmark.cli.build:build", "Make a library of a folder of music."),
    "classify": (
        "earmark.cli.classify:classify",
        "Say what genre songs are, and how sure that is.",
    ),
    "completion": (
        "earmark.cli.completion:completion",
        "Let your shell complete commands, files and genres.",
    ),
    "connect": (
        "earmark.cli.connect:connect",
        "Learn by which ids a music server knows your tracks.",
    ),
    "copy": ("earmark.cli.copy:copy", "Move a library between a file and a database."),
    "doctor": ("earmark.cli.doctor:doctor", "Say what this installation is and can do."),
    "evaluate": ("earmark.cli.evaluate:evaluate", "Say how well a library names genres."),
    "export": ("earmark.cli.export:export", "Write a library as a table, an npz or a my.dat."),
    "extractors": (
        "earmark.cli.extractors:extractors",
        "List what can hear music, or check a model.",
    ),
    "history": ("earmark.cli.history:history", "List what was changed in a library by hand."),
    "import": ("earmark.cli.import_:import_command", "Make a library of a my.dat or an npz."),
    "info": ("earmark.cli.info:info", "Say what a library holds, and how it votes."),
    "label": ("earmark.cli.label:label", "Label the songs that teach a library most."),
    "list": ("earmark.cli.list_:list_command", "List the tracks of a library."),
    "mcp": ("earmark.cli.mcp:mcp", "Answer agents by the Model Context Protocol."),
    "merge": ("earmark.cli.merge:merge", "Make one library of several."),
    "path": ("earmark.cli.path:path", "Lead from one track to another by small steps."),
    "playlist": ("earmark.cli.playlist:playlist", "Make a playlist from songs or a genre."),
    "relabel": ("earmark.cli.relabel:relabel", "Give tracks of a library another genre."),
    "remove": ("earmark.cli.remove:remove", "Take tracks out of a library."),
    "repair": ("earmark.cli.repair:repair", "Save what can be saved of a damaged library."),
    "serve": ("earmark.cli.serve:serve", "Open the web application and the HTTP API."),
    "similar": ("earmark.cli.similar:similar", "List tracks that sound like a song."),
    "tag": ("earmark.cli.tag:tag", "Put genres into files, by a plan, with undo."),
    "teach": ("earmark.cli.teach:teach", "Add songs to a library as examples of a genre."),
    "undo": ("earmark.cli.undo:undo", "Take back what was changed in a library."),
    "watch": ("earmark.cli.watch:watch", "Classify or tag files as they come into a folder."),
}
"""Where each command is, and what the list of commands says of it without importing it."""

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What writing to standard output may fail with."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is used, so that every start is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command without importing any, or an option."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=COMMANDS[name][1])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def earmark() -> None:
    """Hear what genre a piece of music is, how sure that is, and which tracks it sounds like."""


def main() -> None:
    """Run the command line; the entry point of the ``earmark`` script."""
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text, and terminals may lack characters: what cannot
        # be written is shown by its number, which in JSON is the right way to write it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Python looks for cycles to throw away after every 700 objects, which is a tenth of the time of
    # a command that imports and counts much.
    gc.set_threshold(OBJECTS_A_COLLECTION, *gc.get_threshold()[1:])
    stops: list[int] = []
    with _stoppable(stops):
        sys.exit(_run(stops))


def _run(stops: Sequence[int]) -> int:
    """Run the command of this process, say what went wrong, and return the exit code."""
    if "_EARMARK_COMPLETE" in os.environ:
        # A shell asks; this says how bash is to be told.
        importlib.import_module("earmark.cli.completion")
    try:
        # By itself click would say "Aborted!" of Ctrl-C, and end like any error.
        code = earmark.main(prog_name="earmark", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        # Also where input ended early; but no command asks for any.
        return _interrupted()
    except click.ClickException as error:
        # It may quote what the user wrote.
        said = io.StringIO()
        error.show(said)
        for line in said.getvalue().splitlines():
            click.echo(shown(line), err=True)
        return error.exit_code
    except EarmarkError as error:
        return _fail(str(error))
    except OSError as error:
        if error.filename is not None:
            return _fail(f"{os.fsdecode(error.filename)}: cannot be used ({error.strerror})")
        if error.errno not in NO_ROOM:
            raise
        _drop_output()
        return _fail(f"the output cannot be written ({error.strerror})")
    except Exception:
        # A library that is just being imported makes an error of its own of an interruption.
        if not stops:
            raise
        return EXIT_TERMINATED if signal.SIGTERM in stops else _interrupted()
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    click.echo("earmark: interrupted", err=True)
    return EXIT_INTERRUPTED


def _fail(message: str) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"earmark: {shown(message)}", err=True)
    return 1


def _drop_output() -> None:
    """Let what could not be written go, or the interpreter would try it again at its end."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _stoppable(stops: list[int]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command in order, and note in ``stops`` that they came.

    In order: without worker processes or half files left behind.
    """

    def stop(number: int, _: FrameType | None) -> NoReturn:
        stops.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    before = {}
    if threading.current_thread() is threading.main_thread():
        # In the background of a script Ctrl-C is ignored, and stays so.
        before = {
            number: signal.signal(number, stop)
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
        }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
