"""``earmark connect``: which tracks a music server's songs are."""

from __future__ import annotations

import os

import click

from earmark.cli.common import EXIT_CODES, console, library_option
from earmark.words import json_text, plural, shown

PASSWORD = "EARMARK_PLAYER_PASSWORD"  # noqa: S105 - the name of a variable
API_KEY = "EARMARK_PLAYER_API_KEY"
SHOWN = 20


@click.command(epilog=EXIT_CODES, short_help="Learn by which ids a music server knows your tracks.")
@click.argument("kind", type=click.Choice(["navidrome", "subsonic"]))
@click.argument("address", metavar="URL")
@click.option("--user", "-u", help="Your name at the server.")
@click.option(
    "--api-key",
    is_flag=True,
    help=f"Use an API key instead of a password: ${API_KEY}, else it is asked for.",
)
@library_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON object.")
def connect(
    kind: str,
    address: str,
    user: str | None,
    api_key: bool,
    library_name: str | None,
    as_json: bool,
) -> None:
    """Ask the music server at URL for its songs, and find the track of each in a library.

    Then the routes of 'earmark serve' that players call answer by the server's ids. The password is
    asked for, or taken from $EARMARK_PLAYER_PASSWORD; it is not kept. Run it again after new songs.

    \b
    earmark connect navidrome http://music.example:4533 --user nina -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    if user is None and not api_key:
        raise click.UsageError("name your user at the server with --user, or use --api-key")
    from earmark.library import open_default
    from earmark.players import PlayerIds, SubsonicClient, ids_path, match
    from earmark.schemas import named

    if api_key:
        key = os.environ.get(API_KEY) or click.prompt("API key", hide_input=True, err=True)
        client = SubsonicClient(address, api_key=key)
    else:
        word = os.environ.get(PASSWORD) or click.prompt("Password", hide_input=True, err=True)
        client = SubsonicClient(address, user=user, password=word)
    with open_default(library_name) as library:
        songs = list(client.songs())
        found = match(songs, library.tracks(limit=library.count()))
        artists = {
            song.artist_id: song.artist
            for song in songs
            if song.artist_id is not None and song.artist is not None
        }
        path = ids_path(library.location)
        PlayerIds(client.address, found, artists).write(path)
    left = [song for song in songs if song.id not in found]
    if as_json:
        body = {
            "server": client.address,
            "songs": len(songs),
            "mapped": len(found),
            "file": str(path),
            "left": [
                {"id": song.id, "path": song.path, "artist": song.artist, "title": song.title}
                for song in left
            ],
        }
        click.echo(json_text(named("connected", body), indent=1))
        return
    out = console()
    count = len(songs)
    out.print(
        f"{len(found)} of {count} {plural(count, 'song')} are tracks of the library, "
        f"written to {shown(str(path))}",
        markup=False,
    )
    for song in left[:SHOWN]:
        name = " – ".join(part for part in (song.artist, song.title) if part) or song.id
        out.print(f"  no track: {shown(name, 60)}  {shown(song.path or '', 80)}", markup=False)
    if len(left) > SHOWN:
        out.print(f"  and {len(left) - SHOWN} more; --json lists all", markup=False)
