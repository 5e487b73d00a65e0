"""``earmark list``: the tracks of a library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earmark.cli.common import FileName, console, library_option, padded
from earmark.cli.named import GenreName
from earmark.words import clock, json_text, plural, shown

if TYPE_CHECKING:
    from earmark.library import Library, Track

_WIDTH = 56


@click.command("list", short_help="List the tracks of a library.")
@library_option
@click.option("--genre", type=GenreName(), help="Only tracks of this genre.")
@click.option("--artist", help="Only tracks of this artist.")
@click.option("--search", metavar="TEXT", help="Only where name, artist or title hold this.")
@click.option("--below", type=FileName(), metavar="FOLDER", help="Only files of this folder.")
@click.option("--taught", is_flag=True, help="Only tracks that were labelled by hand.")
@click.option("--unlabelled", is_flag=True, help="Only tracks without a genre.")
@click.option("--limit", "-n", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table that build --manifest reads.")
def list_command(
    library_name: str | None,
    genre: str | None,
    artist: str | None,
    search: str | None,
    below: Path | None,
    taught: bool,
    unlabelled: bool,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the tracks of a library, by name.

    The number before a track is what other commands know it by.

    \b
    earmark list --genre jazz --search trane
    earmark list -l my.earmark --unlabelled --csv > unlabelled.csv
    """  # noqa: D301 (click looks for the character itself)
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    if unlabelled and genre is not None:
        raise click.UsageError("--unlabelled tracks have no --genre; leave one out")
    # Imported here, so that --help does not wait for the database.
    from earmark.importing.table import track_json, write_table
    from earmark.library import open_default
    from earmark.schemas import named

    with open_default(library_name) as library:
        found = _found(library, genre, artist, search, below, taught, unlabelled)
    tracks = found[:limit]
    if as_csv:
        write_table(tracks, sys.stdout)
    elif as_json:
        body = {"tracks": [track_json(track) for track in tracks], "total": len(found)}
        click.echo(json_text(named("tracks", body), indent=1))
    else:
        _show(tracks, len(found))


def _found(
    library: Library,
    genre: str | None,
    artist: str | None,
    search: str | None,
    below: Path | None,
    taught: bool,
    unlabelled: bool,
) -> list[Track]:
    from earmark.collection.labelled_files import absolute

    tracks = library.tracks(
        genre=genre,
        artist=artist,
        search=search,
        taught=taught or None,
        labelled=False if unlabelled else None,
    )
    if below is not None:
        folder = absolute(below)
        tracks = [t for t in tracks if t.path is not None and Path(t.path).is_relative_to(folder)]
    return tracks


def _show(tracks: list[Track], total: int) -> None:
    out = console()
    width = max((len(f"#{track.id}") for track in tracks), default=0)
    for track in tracks:
        known = " – ".join(part for part in (track.artist, track.title) if part)
        called = f"{track.name} ({known})" if known else track.name
        length = "" if track.duration is None else clock(track.duration)
        genre = shown("; ".join(track.genres) or "unlabelled", 30)
        genre += ", by hand" if track.taught else ""
        name = padded(shown(called, _WIDTH), _WIDTH)
        out.print(f"{f'#{track.id}':>{width}}  {name} {length:>7}  {genre}", markup=False)
    more = f" of {total}" if total > len(tracks) else ""
    out.print(f"{len(tracks)}{more} {plural(len(tracks), 'track')}", markup=False)
