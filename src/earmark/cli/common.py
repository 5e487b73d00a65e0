"""What several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from earmark.cli.named import FileOrName, complete_libraries
from earmark.words import shown as shown

if TYPE_CHECKING:
    from rich.console import Console

    from earmark.workers import Limits

MEGABYTE = 2**20

EXIT_PARTLY = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

EXIT_CODES = (
    "Exit codes: 0 all done; 1 nothing could be done; 2 wrong usage; 3 done, but some files were "
    "skipped; 130 interrupted."
)

LIBRARY_HELP = (
    "The library to compare with: a file, an address, 'reference', 'gtzan' or 'classic'. Without "
    "it: $EARMARK_LIBRARY, else your own, else 'reference'."
)

F = TypeVar("F", bound=Callable[..., Any])


class Terminated(SystemExit):
    """SIGTERM came."""

    def __init__(self) -> None:
        super().__init__(EXIT_TERMINATED)


class FileName(click.Path):
    """The name of a file or folder; what is wrong with it is said by those who open it."""

    def __init__(self) -> None:
        # By default click itself looks whether a file may be read.
        super().__init__(readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty name, which would otherwise be the current folder."""
        if not value:
            self.fail("an empty name is no file", param, ctx)
        return super().convert(value, param, ctx)


class LibraryName(FileOrName):
    """Where a library is: a file, an address, or a name; what is wrong is said on opening it."""

    name = "library"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take the password out of an address, so that nothing later can print it."""
        text = str(value)
        if "://" not in text:
            return text
        # Imported here, so that --help does not wait for the database.
        from earmark.library import printable_location

        return printable_location(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete files and the names of the package."""
        return complete_libraries(incomplete)


class NewLibrary(LibraryName):
    """Where a library is to be made: a file, or an address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty name, too."""
        named = super().convert(value, param, ctx)
        return named if "://" in str(named) else FileName().convert(value, param, ctx)


def library_option_with(told: str) -> Callable[[F], F]:
    """Return what adds ``--library``: a file, an address, or the name of one of the package.

    Parameters
    ----------
    told
        Its help.
    """
    return click.option(
        "--library", "-l", "library_name", type=LibraryName(), metavar="LIBRARY", help=told
    )


library_option = library_option_with(LIBRARY_HELP)
"""Adds ``--library`` to a command that compares with a library."""


def console(*, stderr: bool = False) -> Console:
    """Return where to print: results to stdout, progress and warnings to stderr."""
    # Every command imports this module, also for its help.
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def shown_lines(text: str) -> str:
    """Return text of several lines as it may be printed."""
    return "\n".join(map(shown, text.split("\n")))


def padded(text: str, width: int) -> str:
    """Fill text up to a width on the screen, where some characters take two columns."""
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


def limit_options(command: F) -> F:
    """Add ``--time-limit`` and ``--memory-limit``: what one file may take."""
    command = click.option(
        "--memory-limit",
        type=click.IntRange(1, 1_000_000),
        default=400,
        show_default=True,
        metavar="MB",
        help="Memory for one file.",
    )(command)
    return click.option(
        "--time-limit",
        type=click.FloatRange(0, min_open=True),
        default=120.0,
        show_default=True,
        metavar="SECONDS",
        help="How long one file may take.",
    )(command)


def limits_of(time_limit: float, memory_limit: int) -> Limits:
    """Return what one file may take, as these options say it."""
    from earmark.workers import Limits

    return Limits(seconds=time_limit, processor_seconds=time_limit, memory=memory_limit * MEGABYTE)


def sound_options(command: F) -> F:
    """Add ``--films`` and ``--max-duration``: which files are taken, and how long they may be."""
    command = click.option(
        "--max-duration",
        type=click.FloatRange(0, min_open=True),
        default=4.0,
        show_default=True,
        metavar="HOURS",
        help="The longest recording taken.",
    )(command)
    return click.option(
        "--films", is_flag=True, help="Films of a folder, too: mkv, avi and others."
    )(command)


def passed_over(counts: Mapping[str, int]) -> str:
    """Say which files of a folder were left out for their names.

    Parameters
    ----------
    counts
        Of files, by their endings.

    >>> passed_over({".jpg": 12, "": 1})
    '12 .jpg, 1 without an ending'
    """
    told = [
        f"{count} {shown(ending, 20) or 'without an ending'}"
        for ending, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    more = f" and {sum(sorted(counts.values(), reverse=True)[12:])} more" if told[12:] else ""
    return f"{', '.join(told[:12])}{more}"


def films_too(counts: Mapping[str, int]) -> str:
    """Say which option takes the films among the files that were left out; nothing without films.

    >>> films_too({".jpg": 12, ".mkv": 1}), films_too({".jpg": 12})
    ('--films takes films, ', '')
    """
    # Imported here, so that --help does not wait for decoders.
    from earmark.audio.names import FILM_EXTENSIONS

    return "--films takes films, " if counts.keys() & FILM_EXTENSIONS else ""
