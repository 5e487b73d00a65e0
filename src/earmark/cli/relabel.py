"""``earmark relabel``: another genre, artist or title for tracks of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from earmark.cli.named import FileOrName, GenreName
from earmark.cli.tracks import (
    TRACK_HELP,
    changed_library_option,
    chosen_tracks,
    library_to_change,
    show_changes,
)
from earmark.errors import LibraryError
from earmark.words import is_one_line

if TYPE_CHECKING:
    from earmark.library import TrackChanges


@click.command(epilog=TRACK_HELP, short_help="Give tracks of a library another genre.")
@click.argument("tracks", type=FileOrName(), nargs=-1, metavar="[TRACK...]")
@changed_library_option
@click.option(
    "--genre",
    "-g",
    "genres",
    type=GenreName(),
    multiple=True,
    help="The new genre; it may be one that the library has not yet. Given again: a further one.",
)
@click.option("--no-genre", is_flag=True, help="Take the genre away: the tracks vote no longer.")
@click.option("--artist", help="The new artist.")
@click.option("--title", help="The new title, for one track.")
@click.option(
    "--of-genre", type=GenreName(), metavar="GENRE", help="All tracks that have this genre now."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was changed as a JSON object.")
def relabel(
    tracks: tuple[str, ...],
    library_name: str | None,
    genres: tuple[str, ...],
    no_genre: bool,
    artist: str | None,
    title: str | None,
    of_genre: str | None,
    as_json: bool,
) -> None:
    """Change the genre, artist or title of each TRACK in a library; no file is touched.

    A later build keeps such a genre. 'earmark undo' takes the change back.

    \b
    earmark relabel "Nina Simone - Sinnerman" --genre soul
    earmark relabel --of-genre "Hip Hop" --genre hip-hop -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    if not tracks and of_genre is None:
        raise click.UsageError("name a TRACK, or the tracks --of-genre")
    if genres and no_genre:
        raise click.UsageError("--genre or --no-genre, not both")
    changes = [("genre", genre) for genre in genres] + [("artist", artist), ("title", title)]
    for name, value in changes:
        if value is not None and not is_one_line(value):
            raise click.UsageError(f"--{name} is one line of up to 200 characters")
    given: TrackChanges = {}
    if genres or no_genre:
        each = tuple(dict.fromkeys(genres))
        given["genre"] = each[0] if each else None
        given["other_genres"] = each[1:]
    if artist is not None:
        given["artist"] = artist
    if title is not None:
        given["title"] = title
    if not given:
        raise click.UsageError("say what to change: --genre, --no-genre, --artist or --title")
    from earmark import corrections

    with library_to_change(library_name) as library:
        found = chosen_tracks(library, tracks, of_genre)
        if title is not None and len(found) > 1:
            raise LibraryError(f"--title is for one track, and these are {len(found)}")
        changed = corrections.change_all(
            library,
            {int(track.id or 0): given for track in found},
        )
    show_changes(changed, as_json=as_json)
