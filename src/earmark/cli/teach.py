"""``earmark teach``: songs as examples of a genre."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from earmark.cli.common import EXIT_CODES, EXIT_PARTLY, FileName
from earmark.cli.named import FileOrName, GenreName
from earmark.cli.tracks import changed_library_option, library_to_change, show_changes
from earmark.errors import CollectionError, EarmarkError
from earmark.words import is_one_line, shown

if TYPE_CHECKING:
    from earmark.hearing import Found
    from earmark.library import Library, Track


@click.command(epilog=EXIT_CODES, short_help="Add songs to a library as examples of a genre.")
@click.argument("songs", type=FileOrName(), nargs=-1, metavar="[SONG...]")
@click.option(
    "--genre", "-g", type=GenreName(), required=True, help="What they are; it may be a new genre."
)
@click.option(
    "--from",
    "playlist",
    type=FileName(),
    metavar="LIST.m3u8",
    help="The songs of a playlist, too.",
)
@changed_library_option
@click.option("--json", "as_json", is_flag=True, help="Print what was changed as a JSON object.")
def teach(
    songs: tuple[str, ...],
    genre: str,
    playlist: Path | None,
    library_name: str | None,
    as_json: bool,
) -> None:
    """Tell a library that each SONG, a sound file, is of a genre.

    Songs that it does not know are heard and added; those that it knows get the genre. No file is
    touched, a later build keeps the genre, and 'earmark undo' takes all of it back.

    \b
    earmark teach song.mp3 other.flac --genre shoegaze -l my.earmark
    earmark teach --from "Sunday morning.m3u8" --genre mellow
    """  # noqa: D301 (click looks for the character itself)
    if not songs and playlist is None:
        raise click.UsageError("name a SONG, or a playlist with --from")
    if not is_one_line(genre):
        raise click.UsageError("--genre is one line of up to 200 characters")
    from earmark import corrections
    from earmark.recommend.files import read_playlist

    # A song counts once, however often a playlist names it.
    named = [*songs, *(map(str, read_playlist(playlist)) if playlist is not None else ())]
    paths = list(dict.fromkeys(os.path.abspath(name) for name in named))  # noqa: PTH100
    if not paths:
        raise CollectionError(f"{playlist}: names no file")
    with library_to_change(library_name) as library:
        taught, failed = [], 0
        for path, found in _heard(library, paths):
            if isinstance(found, EarmarkError):
                failed += 1
                click.echo(f"earmark: {shown(str(found))}", err=True)
            else:
                taught.append((_track(path, genre, found), found.extracted.vector))
        if not taught:
            raise CollectionError(f"none of the {len(paths)} songs can be used")
        changes = corrections.teach_all(library, taught)
    show_changes(changes, as_json=as_json)
    if failed:
        sys.exit(EXIT_PARTLY)


def _heard(library: Library, paths: list[str]) -> list[tuple[str, Found | EarmarkError]]:
    from earmark.cache import EmbeddingCache
    from earmark.cli.stages import stages
    from earmark.hearing import Hearing
    from earmark.workers import WorkerPool, available_cores

    cache = EmbeddingCache(library.spec)
    with stages() as stage, WorkerPool(min(available_cores(), len(paths))) as pool:
        hearing = Hearing(pool, library.spec, cache=cache)
        told = stage("listening")
        found = list(hearing.all(paths, lambda: told(hearing.finished, len(paths))))
    cache.trim()
    return found


def _track(path: str, genre: str, found: Found) -> Track:
    from earmark.collection.labelled_files import readable
    from earmark.library import Track

    looked = found.looked
    return Track(
        name=readable(PurePath(path).stem),
        genre=genre,
        artist=looked.artist,
        title=looked.title,
        path=path,
        content_hash=looked.content_hash,
        audio_hash=looked.audio_hash,
        duration=found.extracted.duration,
        size=looked.size,
        modified_ns=looked.modified_ns,
    )
