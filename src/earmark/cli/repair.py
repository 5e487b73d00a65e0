"""``earmark repair``: what can be saved of a damaged library."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import EXIT_PARTLY, FileName, LibraryName
from earmark.words import plural, shown

EXIT_CODES = "Exit codes: 0 all was saved; 1 nothing could be; 2 wrong usage; 3 a part was saved."


@click.command(epilog=EXIT_CODES, short_help="Save what can be saved of a damaged library.")
@click.argument("damaged", type=LibraryName(), metavar="DAMAGED")
@click.option(
    "--output", "-o", "target", type=FileName(), required=True, metavar="FILE", help="The new one."
)
@click.option("--force", is_flag=True, help="Replace FILE if it is a library.")
def repair(damaged: str, target: Path, force: bool) -> None:
    """Make a new library, FILE, of all tracks of DAMAGED that are whole.

    DAMAGED stays as it is. Tracks whose entry or vector cannot be read are left out; history and
    fitted vote are not taken along. Then 'earmark build' hears again what is missing.

    \b
    earmark repair my.earmark -o repaired.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for the database.
    from earmark.library.repair import repair as save

    saved = save(damaged, target, overwrite=force)
    said = f"{target}: {saved.tracks} {plural(saved.tracks, 'track')} saved"
    if saved.lost:
        said += f", {saved.lost} lost"
    if saved.without_genre:
        said += f", {saved.without_genre} without a genre"
    click.echo(shown(said))
    if saved.lost:
        raise SystemExit(EXIT_PARTLY)
