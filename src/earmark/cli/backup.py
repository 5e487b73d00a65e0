"""``earmark backup``: a copy of a library that may be in use."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import NewLibrary, library_option
from earmark.words import plural, shown

EXIT_CODES = "Exit codes: 0 the copy is there and sound; 1 it is not; 2 wrong usage."


@click.command(epilog=EXIT_CODES, short_help="Copy a library, also one that is in use.")
@click.argument("target", type=NewLibrary(), metavar="FILE")
@library_option
@click.option("--force", is_flag=True, help="Replace FILE if it is a library.")
def backup(target: Path | str, library_name: str | None, force: bool) -> None:
    """Write the library, as it is at this moment, into FILE, and check the copy.

    Other programs may go on reading and changing it meanwhile. FILE is there when it is whole and
    on the disk, or not at all.

    \b
    earmark backup saved.earmark --library my.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for the database.
    from earmark.library import open_default, open_library

    with open_default(library_name) as library:
        library.copy(target, overwrite=force)
    with open_library(target, read_only=True) as copy:
        copy.check()
        count = copy.count()
    click.echo(shown(f"{target}: {count} {plural(count, 'track')}, checked"))
