"""What the commands share that care for the tracks of a library: how tracks are named and shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from earmark.cli.common import console, library_option_with
from earmark.errors import TrackNotFound
from earmark.words import json_text, plural, shown

if TYPE_CHECKING:
    from earmark.library import Change, Library, Track

TRACK_HELP = (
    "A TRACK is the file, the name, the title or 'artist - title' of a track of the library, or "
    "'#' and its number as 'earmark list' gives it, in quotes."
)

CHANGED_HELP = (
    "The library to change. Without it: $EARMARK_LIBRARY, else your own, which begins as a copy of "
    "'reference'."
)

SHOWN = 50
"""Changes of one command that are printed before the rest is only counted."""


changed_library_option = library_option_with(CHANGED_HELP)
"""Adds ``--library`` to a command that changes the library."""


@contextlib.contextmanager
def library_to_change(name: str | None) -> Iterator[Library]:
    """Open the library that a command changes; in place of one that may not be, the user's own.

    Raises
    ------
    LibraryReadOnly
        A library was named that may not be written.
    LibraryError
        It cannot be used.
    """
    from earmark import corrections
    from earmark.errors import LibraryReadOnly
    from earmark.library import PACKAGED, open_default

    with contextlib.ExitStack() as opened:
        library = opened.enter_context(open_default(name))
        if library.read_only and name is not None and name not in PACKAGED:
            raise LibraryReadOnly(f"{library.location}: may not be written; change a copy of it")
        own = corrections.writable(library)
        if own is not library:
            opened.enter_context(own)
            click.echo(f"changes go into your own library, {shown(own.location)}", err=True)
        yield own


def chosen_tracks(library: Library, names: Sequence[str], of_genre: str | None) -> list[Track]:
    """Return the tracks that arguments name, and those of a genre, each once.

    Raises
    ------
    TrackNotFound
        A name is that of no track, or the library has no such genre.
    LibraryError
        A name is that of several tracks.
    """
    from earmark.library.naming import named_track

    found = {track.id: track for track in (named_track(library, name) for name in names)}
    if of_genre is not None:
        tracks = library.tracks(genre=of_genre)
        if not tracks:
            known = ", ".join(list(library.genres())[:20]) or "none"
            raise TrackNotFound(f"{library.name}: has no genre {of_genre!r}; it has {known}")
        found |= {track.id: track for track in tracks}
    return list(found.values())


def show_changes(changes: Sequence[Change], *, as_json: bool) -> None:
    """Print what was changed."""
    if as_json:
        from earmark import corrections
        from earmark.schemas import named

        body = {"corrections": [corrections.to_json(change) for change in changes]}
        click.echo(json_text(named("corrections", body), indent=1))
        return
    out = console()
    for change in changes[:SHOWN]:
        out.print(f"  {shown(told(change))}", markup=False)
    if len(changes) > SHOWN:
        out.print(f"  and {len(changes) - SHOWN} more")
    count = len(changes)
    if not count:
        out.print("nothing to change: all is so already")
    elif not any(change.undone for change in changes):
        out.print(f"{count} {plural(count, 'track')} changed; earmark undo takes it back")


def told(change: Change) -> str:
    """Say in a line what a change did."""
    name = f"#{change.track_id} {change.track.name}"
    before, after = change.before, change.after
    if before is None:
        what = f"added as {_genres(after)}" if after else "nothing"
    elif after is None:
        what = f"removed, was {_genres(before)}"
    elif before.genres != after.genres:
        what = f"{_genres(before)} → {_genres(after)}"
    else:
        fields = [name for name in ("artist", "title") if _differs(before, after, name)]
        what = ", ".join(f"{name} {getattr(after, name) or 'unknown'}" for name in fields)
        what = what or f"{_genres(after)}, by hand"
    return f"{name}: {what}{' (undone)' if change.undone else ''}"


def _genres(track: Track) -> str:
    return "; ".join(track.genres) or "unlabelled"


def _differs(before: Track, after: Track, name: str) -> bool:
    return bool(getattr(before, name) != getattr(after, name))
