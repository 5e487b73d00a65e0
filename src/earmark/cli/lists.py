"""What the commands share that make lists of songs: their options, and how songs are named."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from earmark.cli.common import FileName, console, library_option, padded
from earmark.cli.named import GenreName
from earmark.errors import PlaylistError, RecommendError
from earmark.words import clock, json_text, plural, shown

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.recommend import Rules, Suggestion

F = TypeVar("F", bound=Callable[..., Any])

SONG_HELP = (
    "A SONG is a sound file, or a track of the library: its name, its title, 'artist - title', or "
    "'#' and its number."
)

_WIDTH = 60


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the options say that all lists have."""

    library_name: str | None
    genres: tuple[str, ...]
    not_genres: tuple[str, ...]
    words: tuple[str, ...]
    not_words: tuple[str, ...]
    per_artist: int
    per_album: int
    spacing: int
    versions: bool
    history: Path | None
    output: Path | None
    mpd: str | None
    force: bool
    as_json: bool

    @property
    def rules(self) -> Rules:
        """The rules that the options ask for."""
        from earmark.recommend import Rules

        return Rules(
            per_artist=self.per_artist or None,
            per_album=self.per_album or None,
            spacing=self.spacing,
            versions=self.versions,
        )


_OPTIONS = (
    library_option,
    click.option(
        "--genre",
        "genres",
        type=GenreName(),
        metavar="GENRE",
        multiple=True,
        help="Only songs of this genre.",
    ),
    click.option(
        "--not-genre",
        "not_genres",
        type=GenreName(),
        metavar="GENRE",
        multiple=True,
        help="No song of this genre.",
    ),
    click.option(
        "--word",
        "words",
        multiple=True,
        metavar="WORD",
        help="Only songs that this word fits best, a tenth of the library, such as jazz.",
    ),
    click.option(
        "--not-word",
        "not_words",
        metavar="WORD",
        multiple=True,
        help="None that this word fits best.",
    ),
    click.option(
        "--per-artist",
        type=click.IntRange(min=0),
        metavar="N",
        default=3,
        show_default=True,
        help="At most so many songs of an artist; 0: any.",
    ),
    click.option(
        "--per-album",
        type=click.IntRange(min=0),
        metavar="N",
        default=2,
        show_default=True,
        help="At most so many songs of an album; 0: any.",
    ),
    click.option(
        "--spacing",
        type=click.IntRange(min=0),
        metavar="N",
        default=2,
        show_default=True,
        help="At least this many other songs between two of one artist.",
    ),
    click.option(
        "--versions", is_flag=True, help="Take other versions of a song (live, remaster)."
    ),
    click.option(
        "--history",
        type=FileName(),
        metavar="LIST.m3u",
        help="Leave out the songs of this playlist.",
    ),
    click.option(
        "--output",
        "-o",
        type=FileName(),
        metavar="FILE",
        help="Write a playlist: .m3u8, .m3u, .xspf or .jspf.",
    ),
    click.option(
        "--mpd",
        is_flag=False,
        flag_value="",
        metavar="[HOST[:PORT]]",
        help="Put the songs into the queue of this MPD; alone: of $MPD_HOST, else of this machine.",
    ),
    click.option("--force", is_flag=True, help="Replace a playlist that is there."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


def list_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all lists have, given to the command as one ``options``."""
    names = [field.name for field in fields(ListOptions)]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        options = ListOptions(**{name: given.pop(name) for name in names})
        command(options=options, **given)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def chance_options(command: F) -> F:
    """Add ``--variety`` and ``--seed``."""
    command = click.option(
        "--seed",
        type=int,
        default=0,
        help="Start of the random choice; the same seed gives the same list.",
    )(command)
    return click.option(
        "--variety",
        type=click.FloatRange(0, 1),
        default=0.0,
        metavar="0..1",
        help="How much of the choice is random.",
    )(command)


def played(library: Library, history: Path | None) -> list[int]:
    """Return the ids of the tracks that a playlist names.

    Raises
    ------
    PlaylistError
        It cannot be read.
    """
    if history is None:
        return []
    from earmark.recommend.files import read_playlist

    found = (library.find_path(os.path.abspath(file)) for file in read_playlist(history))  # noqa: PTH100
    return [track.id for track in found if track is not None and track.id is not None]


def give_out(
    suggestions: Sequence[Suggestion],
    kind: str,
    title: str,
    options: ListOptions,
    *,
    asked: int | None,
) -> None:
    """Print a list, and write it as a playlist where that is asked for.

    Where there are fewer songs than were ``asked`` for, that is said on stderr.

    Raises
    ------
    RecommendError
        The list is empty.
    PlaylistError
        The playlist cannot be written.
    PlayerError
        The MPD cannot be reached, or has none of the songs.
    """
    from earmark.recommend.recommender import to_json

    if not suggestions:
        raise RecommendError("no other song of the library fits; allow more with --per-artist 0")
    output = options.output
    if output is not None:
        _write(suggestions, title, output, options.force)
    if options.mpd is not None:
        _play(suggestions, options.mpd)
    if asked is not None and len(suggestions) < asked:
        console(stderr=True).print(
            f"{len(suggestions)} of {asked} songs: the rules leave no more; --per-artist, "
            "--per-album and --spacing change them",
            markup=False,
        )
    if options.as_json:
        click.echo(json_text(to_json(kind, suggestions), indent=1))
        return
    out = console()
    for number, song in enumerate(suggestions, 1):
        track = song.track
        known = " – ".join(part for part in (track.artist, track.title) if part)
        told = shown(known or track.name, _WIDTH)
        length = "" if track.duration is None else clock(track.duration)
        line = f"{number:4}. {padded(told, _WIDTH)} {song.similarity:6.1%}  {length:>7}  "
        out.print(line + shown(track.genre or "", 30), markup=False)
    total = sum(song.track.duration or 0 for song in suggestions)
    written = "" if output is None else f", written to {shown(str(output))}"
    out.print(f"  {len(suggestions)} songs, {clock(total)}{written}", markup=False)


def _play(suggestions: Sequence[Suggestion], place: str) -> None:
    from earmark.players import MpdClient

    with MpdClient(place or None) as player:
        left = player.play([song.track for song in suggestions])
        name = player.name
    told = console(stderr=True)
    count = len(suggestions) - len(left)
    told.print(f"{count} {plural(count, 'song')} put into the queue of {name}", markup=False)
    for track in left:
        told.print(f"  not there: {shown(track.name)}", markup=False)


def _write(suggestions: Sequence[Suggestion], title: str, output: Path, force: bool) -> None:
    from earmark.atomic import new_file
    from earmark.recommend.files import Entry, written

    without = [song.track.name for song in suggestions if song.track.path is None]
    if without:
        raise PlaylistError(
            f"{output}: {len(without)} of the songs have no file here ({without[0]} …), so no "
            "playlist can name them; use a library that was built from your own files"
        )
    entries = [
        Entry(song.track.path or "", song.track.artist, song.track.title, song.track.duration)
        for song in suggestions
    ]
    content = written(entries, output, title)
    try:
        with new_file(output, overwrite=force) as part:
            part.write_bytes(content)
    except FileExistsError as error:
        raise PlaylistError(f"{output}: is there already; replace it with --force") from error
    except OSError as error:
        raise PlaylistError(f"{output}: cannot be written ({error.strerror})") from error
