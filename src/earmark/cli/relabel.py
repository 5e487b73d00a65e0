"""``earmark relabel``: another genre, artist or title for tracks of a library."""

from __future__ import annotations

import click

from earmark.cli.tracks import (
    TRACK_HELP,
    changed_library_option,
    chosen_tracks,
    library_to_change,
    show_changes,
)
from earmark.errors import LibraryError
from earmark.words import is_one_line


@click.command(epilog=TRACK_HELP, short_help="Give tracks of a library another genre.")
@click.argument("tracks", nargs=-1, metavar="[TRACK...]")
@changed_library_option
@click.option("--genre", "-g", help="The new genre; it may be one that the library has not yet.")
@click.option("--no-genre", is_flag=True, help="Take the genre away: the tracks vote no longer.")
@click.option("--artist", help="The new artist.")
@click.option("--title", help="The new title, for one track.")
@click.option("--of-genre", metavar="GENRE", help="All tracks that have this genre now.")
@click.option("--json", "as_json", is_flag=True, help="Print what was changed as a JSON object.")
def relabel(
    tracks: tuple[str, ...],
    library_name: str | None,
    genre: str | None,
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
    if genre is not None and no_genre:
        raise click.UsageError("--genre or --no-genre, not both")
    changes = {"genre": genre, "artist": artist, "title": title}
    given: dict[str, str | None] = {
        name: value for name, value in changes.items() if value is not None
    }
    if no_genre:
        given["genre"] = None
    if not given:
        raise click.UsageError("say what to change: --genre, --no-genre, --artist or --title")
    for name, value in given.items():
        if value is not None and not is_one_line(value):
            raise click.UsageError(f"--{name} is one line of up to 200 characters")
    from earmark import corrections

    with library_to_change(library_name) as library:
        found = chosen_tracks(library, tracks, of_genre)
        if title is not None and len(found) > 1:
            raise LibraryError(f"--title is for one track, and these are {len(found)}")
        changed = corrections.change_all(
            library,
            {int(track.id or 0): given for track in found},  # type: ignore[misc]
        )
    show_changes(changed, as_json=as_json)
