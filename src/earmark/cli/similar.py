"""``earmark similar``: tracks that sound like a song."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES
from earmark.cli.lists import (
    SONG_HELP,
    ListOptions,
    chance_options,
    give_out,
    list_options,
    played,
)
from earmark.cli.named import FileOrName


@click.command(epilog=f"{SONG_HELP} {EXIT_CODES}", short_help="List tracks that sound like a song.")
@click.argument("songs", type=FileOrName(), nargs=-1, required=True, metavar="SONG...")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=20,
    show_default=True,
    help="How many.",
)
@click.option(
    "--unlike", type=FileOrName(), multiple=True, metavar="SONG", help="Keep away from this song."
)
@chance_options
@list_options
def similar(
    songs: tuple[str, ...],
    count: int,
    unlike: tuple[str, ...],
    variety: float,
    seed: int,
    options: ListOptions,
) -> None:
    """List the tracks of a library that sound most like SONG, or like several.

    The songs themselves, copies and other versions of them are not listed. The share behind a track
    is how many of the library's own pairs of tracks are farther apart.

    \b
    earmark similar song.mp3
    earmark similar "Nina Simone - Sinnerman" -n 50 --not-genre pop -o more.m3u8
    """  # noqa: D301 (click looks for the character itself)
    from earmark.library import open_default
    from earmark.recommend import Recommender
    from earmark.recommend.songs import songs_of

    with open_default(options.library_name) as library:
        suggestions = Recommender(library).similar(
            songs_of(library, songs),
            count,
            away=songs_of(library, unlike),
            left_out=played(library, options.history),
            genres=options.genres,
            not_genres=options.not_genres,
            words=options.words,
            not_words=options.not_words,
            rules=options.rules,
            variety=variety,
            seed=seed,
        )
    title = f"Like {Path(songs[0]).stem}"
    give_out(suggestions, "similar", title, options, asked=count)
