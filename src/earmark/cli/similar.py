"""``earmark similar``: tracks that sound like a song."""

from __future__ import annotations

from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES
from earmark.cli.lists import (
    SONG_HELP,
    chance_options,
    give_out,
    list_options,
    played,
    rules_of,
    songs_of,
)


@click.command(epilog=f"{SONG_HELP} {EXIT_CODES}", short_help="List tracks that sound like a song.")
@click.argument("songs", nargs=-1, required=True, metavar="SONG...")
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@click.option("--unlike", multiple=True, metavar="SONG", help="Keep away from this song.")
@chance_options
@list_options
def similar(
    songs: tuple[str, ...],
    count: int,
    unlike: tuple[str, ...],
    variety: float,
    seed: int,
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
    r"""List the tracks of a library that sound most like SONG, or like several.

    The songs themselves, copies and other versions of them are not listed. The share behind a track
    is how many of the library's own pairs of tracks are farther apart.

    \b
    earmark similar song.mp3
    earmark similar "Nina Simone - Sinnerman" -n 50 --not-genre pop -o more.m3u8
    """
    from earmark.library import open_default
    from earmark.recommend import Recommender

    with open_default(library_name) as library:
        suggestions = Recommender(library).similar(
            songs_of(library, songs),
            count,
            away=songs_of(library, unlike) if unlike else None,
            left_out=played(library, history),
            genres=genres,
            not_genres=not_genres,
            rules=rules_of(per_artist, per_album, spacing, versions),
            variety=variety,
            seed=seed,
        )
    title = f"Like {Path(songs[0]).stem}"
    give_out(
        suggestions, "similar", title, asked=count, output=output, force=force, as_json=as_json
    )
