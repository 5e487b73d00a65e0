"""``earmark remove``: tracks taken out of a library."""

from __future__ import annotations

import click

from earmark.cli.named import FileOrName, GenreName
from earmark.cli.tracks import (
    TRACK_HELP,
    changed_library_option,
    chosen_tracks,
    library_to_change,
    show_changes,
)


@click.command(epilog=TRACK_HELP, short_help="Take tracks out of a library.")
@click.argument("tracks", type=FileOrName(), nargs=-1, metavar="[TRACK...]")
@changed_library_option
@click.option("--of-genre", type=GenreName(), metavar="GENRE", help="All tracks of this genre.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as a JSON object.")
def remove(
    tracks: tuple[str, ...], library_name: str | None, of_genre: str | None, as_json: bool
) -> None:
    """Take each TRACK out of a library; its file stays where it is.

    'earmark undo' puts the tracks back. A later build of a folder with their files adds them again.

    \b
    earmark remove "jazz.00054" '#17' -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    if not tracks and of_genre is None:
        raise click.UsageError("name a TRACK, or the tracks --of-genre")
    from earmark import corrections

    with library_to_change(library_name) as library:
        found = chosen_tracks(library, tracks, of_genre)
        changed = corrections.change_all(library, {}, [int(track.id or 0) for track in found])
    show_changes(changed, as_json=as_json)
