"""``earmark export``: libraries as files for other programs."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES, FileName, LibraryName
from earmark.errors import ImportFormatError
from earmark.words import plural, shown


@click.command(epilog=EXIT_CODES, short_help="Write a library as a table, an npz or a my.dat.")
@click.argument("target", type=FileName(), metavar="FILE")
@click.option(
    "--library",
    "-l",
    "library_name",
    type=LibraryName(),
    metavar="LIBRARY",
    help="The library to write: a file, or 'classic' for that of the package. Without it: "
    "$EARMARK_LIBRARY, else your own, else 'reference', which has other features.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def export(target: Path, library_name: str | None, force: bool) -> None:
    """Write a library as FILE: any one as x.csv or x.npz, one of classic features also as my.dat.

    A csv holds path, genre, artist and title of all tracks, as 'earmark build --manifest' reads
    them, and name, length and hash. An npz holds arrays 'vectors', 'track', 'genre', 'artist',
    'title' and 'metric' of all tracks,
    as 'earmark import' takes them. A my.dat holds numbers instead of genres: 1, 2, 3, … in
    alphabetical order. What they stand for is printed, in the form that 'earmark import --genres'
    reads, quoted for a shell.

    \b
    earmark export vectors.npz -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for the database.
    from earmark.importing.classic import export_classic
    from earmark.importing.classic.genres import to_text
    from earmark.importing.npz import export_vectors
    from earmark.importing.table import export_table
    from earmark.library import open_default

    # Where the folder may not be entered, writing says so.
    if os.path.exists(target) and not force:  # noqa: PTH110
        raise ImportFormatError(f"{target}: is there already; choose another name, or use --force")
    with open_default(library_name) as library:
        if target.suffix.lower() in (".npz", ".csv"):
            write = export_table if target.suffix.lower() == ".csv" else export_vectors
            count = write(library, target)
            click.echo(shown(f"{target}: {count} {plural(count, 'track')}"))
            return
        try:
            labels = export_classic(library, target)
        except OSError as error:
            raise ImportFormatError(f"{target}: cannot be written ({error.strerror})") from error
        count = len(library.snapshot())
    said = f"{target}: {count} {plural(count, 'row')}; --genres {shlex.quote(to_text(labels))}"
    click.echo(shown(said))
