"""``earmark path``: songs that lead from one track to another."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES
from earmark.cli.lists import SONG_HELP, ListOptions, give_out, list_options, played
from earmark.cli.named import FileOrName


@click.command(
    epilog=f"{SONG_HELP} {EXIT_CODES}", short_help="Lead from one track to another by small steps."
)
@click.argument("start", type=FileOrName())
@click.argument("end", type=FileOrName())
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
    options: ListOptions,
) -> None:
    """List songs that lead from the track START to the track END, each near to the one before.

    The share behind a track is how many of the library's own pairs are farther apart than it and
    the song before it.

    \b
    earmark path "Chopin - Nocturne" "Slayer - Raining Blood" -n 12 -o bridge.m3u8
    """  # noqa: D301 (click looks for the character itself)
    from earmark.library import open_default
    from earmark.recommend import Recommender
    from earmark.recommend.songs import track_of

    with open_default(options.library_name) as library:
        suggestions = Recommender(library).path(
            track_of(library, start),
            track_of(library, end),
            count,
            left_out=played(library, options.history),
            genres=options.genres,
            not_genres=options.not_genres,
            words=options.words,
            not_words=options.not_words,
            rules=options.rules,
        )
    title = f"{Path(start).stem} to {Path(end).stem}"
    give_out(suggestions, "path", title, options, asked=count)
