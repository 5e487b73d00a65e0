"""``earmark export``: libraries as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import library_option
from earmark.errors import ImportFormatError


@click.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
@library_option
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def export(target: Path, library_name: str | None, force: bool) -> None:
    """Write a library of classic features as FILE, a my.dat.

    The file holds numbers instead of genres: 1, 2, 3, … in alphabetical order. What they stand for
    is printed, in the form that 'earmark import --genres' reads.
    """
    # Imported here, so that --help does not wait for the database.
    from earmark.library import open_default
    from earmark.library.classic import export_classic

    if target.exists() and not force:
        raise ImportFormatError(f"{target}: is there already; choose another name, or use --force")
    with open_default(library_name) as library:
        labels = export_classic(library, target)
        count = len(library.snapshot())
    named = ",".join(f"{label}={genre}" for label, genre in labels.items())
    click.echo(f"{target}: {count} rows; --genres {named}")
