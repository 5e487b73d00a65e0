"""``earmark copy``: a library moved between a file and a database."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import LibraryName, NewLibrary
from earmark.cli.progress import progress_of, steps
from earmark.words import plural, shown

EXIT_CODES = (
    "Exit codes: 0 the copy is there and sound; 1 it is not; 2 wrong usage; 130 interrupted."
)


@click.command(epilog=EXIT_CODES, short_help="Move a library between a file and a database.")
@click.argument("source", type=LibraryName(), metavar="FROM")
@click.argument("target", type=NewLibrary(), metavar="TO")
@click.option("--force", is_flag=True, help="Replace a library that is at TO.")
def copy(source: str, target: Path | str, force: bool) -> None:
    """Copy the library FROM, with all that it holds, to TO, and check the copy.

    Each is a file or the address of a PostgreSQL database. A copy that ends early goes on where it
    stopped when the same command is given again. Nobody can open TO before all is there.

    \b
    earmark copy my.earmark postgresql://ada@db.example/music
    earmark copy postgresql://ada@db.example/music my.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for the database.
    from earmark.library.copying import copy_library

    with progress_of("copying", ends_with_line=False) as update:
        copied = copy_library(source, target, overwrite=force, progress=steps(update))
    said = f"{copied.location}: {copied.tracks} {plural(copied.tracks, 'track')}, checked"
    if copied.before:
        said += f"; {copied.before} of them were there from a copy that had ended early"
    click.echo(shown(said))
