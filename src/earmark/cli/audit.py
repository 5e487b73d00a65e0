"""``earmark audit``: what is wrong with a library."""

from __future__ import annotations

import click

from earmark.cli.common import EXIT_CODES, shown_lines
from earmark.words import json_text


@click.command(epilog=EXIT_CODES, short_help="Look for what is wrong with a library.")
@click.argument("library")
@click.option(
    "--artists",
    metavar="FILE.csv",
    help="Columns track and artist (and duplicate_of), where the library has no artists. 'none': "
    "do not use what is known of GTZAN's.",
)
@click.option("--no-files", is_flag=True, help="Do not look at the files that were heard.")
@click.option("--json", "as_json", is_flag=True, help="Print every finding as JSON.")
def audit(library: str, artists: str | None, no_files: bool, as_json: bool) -> None:
    """Look for what is wrong with LIBRARY.

    Recordings that are there twice, artists under several genres, labels that the neighborhood
    disagrees with, hubs, genres too small to judge, and files that are gone or changed. LIBRARY is
    a file, or 'reference' or 'classic'. Nothing is changed.
    """
    # Imported here, so that --help does not wait for NumPy and the database.
    from earmark.cli.stages import stages
    from earmark.evaluation.auditing import audit as audit_set
    from earmark.evaluation.evaluation_set import load_evaluation_set
    from earmark.evaluation.reporting.text import audit_text
    from earmark.library import open_library

    with open_library(library, read_only=True) as opened:
        data = load_evaluation_set(opened, artists)
    with stages() as stage:
        found = audit_set(data, files=not no_files, progress=stage("files"))
    if as_json:
        click.echo(json_text(found.to_json(), indent=1))
    else:
        click.echo(shown_lines(audit_text(found)), nl=False)
