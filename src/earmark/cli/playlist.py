"""``earmark playlist``: songs for so many minutes, in a smooth order."""

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


@click.command(
    epilog=f"{SONG_HELP} {EXIT_CODES}", short_help="Make a playlist from songs or a genre."
)
@click.argument("songs", type=FileOrName(), nargs=-1, metavar="[SONG...]")
@click.option(
    "--minutes",
    type=click.FloatRange(0, 10_000, min_open=True),
    help="How long it is.  [default: 60]",
)
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), metavar="N", help="How many songs instead."
)
@click.option(
    "--unlike", type=FileOrName(), multiple=True, metavar="SONG", help="Keep away from this song."
)
@chance_options
@list_options
def playlist(
    songs: tuple[str, ...],
    minutes: float | None,
    count: int | None,
    unlike: tuple[str, ...],
    variety: float,
    seed: int,
    options: ListOptions,
) -> None:
    """Make a playlist of tracks that sound like SONG, in an order of small steps.

    Without SONG, of what is most typical of --genre or --word.

    \b
    earmark playlist song.mp3 --minutes 90 -o evening.m3u8
    earmark playlist --genre jazz --variety 0.5 --seed 7 -o jazz.m3u8
    """  # noqa: D301 (click looks for the character itself)
    if minutes is not None and count is not None:
        raise click.UsageError("--minutes and -n say the length twice; give one of them")
    if not songs and not options.genres and not options.words:
        raise click.UsageError("name a SONG to start from, a --genre or a --word")
    from earmark.library import open_default
    from earmark.recommend import Recommender
    from earmark.recommend.songs import songs_of

    with open_default(options.library_name) as library:
        suggestions = Recommender(library).playlist(
            songs_of(library, songs),
            minutes=None if count is not None else 60.0 if minutes is None else minutes,
            n=count,
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
    title = f"Like {Path(songs[0]).stem}" if songs else ", ".join(options.genres + options.words)
    give_out(suggestions, "playlist", title, options, asked=count)
