"""Kinds of arguments that a shell can complete: songs, libraries, genres."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from earmark.errors import EarmarkError


class FileOrName(click.types.StringParamType):
    """A file as its user wrote it, or a name; a shell completes it as a file."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete a file."""
        return [CompletionItem(incomplete, type="file")]


def complete_libraries(incomplete: str) -> list[CompletionItem]:
    """Complete names of libraries in the package, unless files begin in the same way."""
    # Imported here, so that no start waits for databases.
    from earmark.library import PACKAGED

    names = [name for name in PACKAGED if incomplete and name.startswith(incomplete)]
    if names and not any(path.name.startswith(incomplete) for path in Path().iterdir()):
        return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, type="file")]


class GenreName(click.types.StringParamType):
    """A genre; a shell completes those of the library that was named before it, or the default."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete genres of the library, in any casing."""
        from earmark.library import open_default

        name = ctx.params.get("library_name")
        try:
            with open_default(os.fspath(name) if name else None, read_only=True) as library:
                genres = library.genres()
        except EarmarkError:
            return []
        begun = incomplete.casefold()
        return [CompletionItem(genre) for genre in genres if genre.casefold().startswith(begun)]
