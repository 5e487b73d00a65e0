"""``earmark path``: songs that lead from one track to another."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES
from earmark.cli.lists import SONG_HELP, give_out, list_options, played, rules_of, track_of


@click.command(
    epilog=f"{SONG_HELP} {EXIT_CODES}", short_help="Lead from one track to another by small steps."
)
@click.argument("start")
@click.argument("end")
@click.option(
    "-n",
    "count",
    type=click.IntRange(2, 200),
    default=10,
    show_default=True,
    help="How many songs, with the first and the last.",
)
@list_options
def path(
    start: str,
    end: str,
    count: int,
    library_name: str | None,
    genres: tuple[str, ...],
    not_genres: tuple[str, ...],
    per_artist: int,
    per_album: int,
    spacing: int,
    versions: bool,
    history: Path | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    r"""List songs that lead from the track START to the track END, each near to the one before.

    The share behind a track is how many of the library's own pairs are farther apart than it and
    the song before it.

    \b
    earmark path "Chopin - Nocturne" "Slayer - Raining Blood" -n 12 -o bridge.m3u8
    """
    from earmark.library import open_default
    from earmark.recommend import Recommender

    with open_default(library_name) as library:
        suggestions = Recommender(library).path(
            track_of(library, start),
            track_of(library, end),
            count,
            left_out=played(library, history),
            genres=genres,
            not_genres=not_genres,
            rules=rules_of(per_artist, per_album, spacing, versions),
        )
    title = f"{Path(start).stem} to {Path(end).stem}"
    give_out(suggestions, "path", title, asked=count, output=output, force=force, as_json=as_json)
