"""What the commands share that propose genres: for which files, and what genres are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from earmark.cli.common import FileName

if TYPE_CHECKING:
    from earmark.tagging.propose import Rules

F = TypeVar("F", bound=Callable[..., Any])


def rule_options(command: F) -> F:
    """Add ``--replace``, ``--add`` and ``--map``, given as ``mode`` and ``genre_map``."""
    command = click.option(
        "--map",
        "genre_map",
        type=FileName(),
        metavar="FILE",
        help="Your names for genres: a table, or beets' tree.",
    )(command)
    command = click.option(
        "--add", "mode", flag_value="add", help="Add to the genres that a file has."
    )(command)
    return click.option(
        "--replace", "mode", flag_value="replace", help="Also files that have a genre."
    )(command)


def rules_of(mode: str | None, min_confidence: float | None, genre_map: Path | None) -> Rules:
    """Return the rules that these options say.

    Raises
    ------
    EarmarkError
        The map cannot be read.
    """
    from earmark.tagging.genremap import GenreMap, read_map
    from earmark.tagging.propose import Rules

    return Rules(
        mode="replace" if mode == "replace" else "add" if mode == "add" else "missing",
        min_confidence=min_confidence,
        names=GenreMap() if genre_map is None else read_map(genre_map),
    )
