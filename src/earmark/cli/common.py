"""What several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console

EXIT_PARTLY = 3

F = TypeVar("F", bound=Callable[..., Any])


def library_option(command: F) -> F:
    """Add ``--library``: a file, or the name of a library of the package."""
    return click.option(
        "--library",
        "-l",
        "library_name",
        metavar="FILE",
        help="The library to compare with: a file, or 'reference' or 'classic' for those of the "
        "package. Without it: $EARMARK_LIBRARY, else your own, else 'reference'.",
    )(command)


def console(*, stderr: bool = False) -> Console:
    """Return where to print: results to stdout, progress and warnings to stderr."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True)
