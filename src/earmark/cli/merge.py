"""``earmark merge``: several libraries as one."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import LibraryName, NewLibrary
from earmark.words import json_text, plural, shown


@click.command(short_help="Make one library of several.")
@click.argument(
    "libraries", nargs=-1, required=True, type=LibraryName(), metavar="LIBRARY LIBRARY..."
)
@click.option(
    "--output", "-o", required=True, type=NewLibrary(), metavar="FILE", help="The library to make."
)
@click.option("--force", is_flag=True, help="Replace a library that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as a JSON object.")
def merge(libraries: tuple[str, ...], output: Path | str, force: bool, as_json: bool) -> None:
    """Make one library of the tracks of each LIBRARY; those stay as they are.

    A recording that several have under one genre is one track. Where they call it differently the
    genre that was given by hand holds, else that of the LIBRARY named first; that is listed.

    \b
    earmark merge mine.earmark friends.earmark -o both.earmark
    earmark merge reference mine.earmark -o more.earmark
    """  # noqa: D301 (click looks for the character itself)
    if len(libraries) < 2:
        raise click.UsageError("name at least two libraries")
    from earmark.library.merging import merge_libraries
    from earmark.schemas import named

    merged = merge_libraries(libraries, output, overwrite=force)
    if as_json:
        click.echo(json_text(named("merge", merged.to_json(str(output)))))
        return
    for one in merged.conflicts[:20]:
        click.echo(
            shown(f"  {one.track}: {one.kept} is kept, {one.library} says {one.other}"), err=True
        )
    if len(merged.conflicts) > 20:
        click.echo(f"  and {len(merged.conflicts) - 20} more", err=True)
    genres = len(merged.genres)
    click.echo(
        f"{shown(str(output))}: {merged.tracks} {plural(merged.tracks, 'track')} of {genres} "
        f"{plural(genres, 'genre')}; {merged.same} in several, {len(merged.conflicts)} of them "
        "under different genres"
    )
