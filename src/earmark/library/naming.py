"""Which track people mean who write its file, its name, its title or its number."""

from __future__ import annotations

import os

from earmark.errors import LibraryError, TrackNotFound
from earmark.library.base import Library
from earmark.library.model import Track

_MOST_NAMED = 5


def named_track(library: Library, name: str) -> Track:
    """Return the one track that a name means.

    Raises
    ------
    TrackNotFound
        There is none.
    LibraryError
        There are several of that name.
    """
    if name.startswith("#") and name[1:].isdigit():
        return library.get(int(name[1:]))
    track = library.find_path(os.path.abspath(name))  # noqa: PTH100 - links stay
    if track is not None:
        return track
    wanted = name.casefold().strip()
    last = wanted.rpartition(" - ")[2]
    found = [track for track in library.tracks(search=last, limit=1_000) if wanted in _names(track)]
    if len(found) == 1:
        return found[0]
    if not found:
        what = "no track" if os.path.exists(name) else "neither a file nor a track"  # noqa: PTH110
        raise TrackNotFound(f"{name}: is {what} of {library.name}; earmark list names its tracks")
    some = ", ".join(f"'#{track.id}' {track.name}" for track in found[:_MOST_NAMED])
    raise LibraryError(f"{name}: {len(found)} tracks of {library.name} are called so: {some}")


def _names(track: Track) -> set[str]:
    names = {track.name.casefold()}
    if track.title is not None:
        names.add(track.title.casefold())
        names.add(f"{track.artist or ''} - {track.title}".casefold())
    return names
