"""Corrections: what people tell a library, and how it is taken back.

>>> import numpy as np
>>> from earmark import Track
>>> from earmark.features import get_extractor
>>> from earmark.library import MemoryLibrary
>>> library = MemoryLibrary(get_extractor("mfcc").spec)
>>> song = Track(name="a song", genre="rock", content_hash="0" * 64)
>>> change = teach(library, song, np.ones(104))
>>> change.what, library.genres()
('add', {'rock': 1})
>>> change = relabel(library, find(library, "0" * 64), {"genre": "pop"})
>>> change.before.genre, change.after.genre
('rock', 'pop')
>>> library.undo(change.id).undone
True
>>> library.genres()
{'rock': 1}
>>> remove(library, find(library, "0" * 64)).what
'remove'
"""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
from numpy.typing import NDArray

from earmark.errors import LibraryError, LibraryReadOnly, TrackNotFound
from earmark.library import Change, Library, Track, TrackChanges, user_library


def writable(library: Library) -> Library:
    """Return a library that can be changed: this one or, where it cannot, the user's own.

    That is made as a copy of this one the first time.

    Raises
    ------
    LibraryReadOnly
        The user's own library cannot be written either.
    LibraryExtractor
        The user's own library is of another feature extractor.
    LibraryError
        What lies at the library's location is no longer what was opened.
    """
    library.require_unchanged()
    if not library.read_only:
        return library
    own = user_library(library)
    if own.read_only:
        own.close()
        raise LibraryReadOnly(f"{own.location}: may not be written; name another with --library")
    return own


def require_held(library: Library, track: Track) -> None:
    """See that a library holds a track that was shown from another, under the same id.

    Raises
    ------
    LibraryError
        The user's own library was made of something else, so that the number means another track.
    """
    with contextlib.suppress(TrackNotFound):
        held = library.get(-1 if track.id is None else track.id)
        if (held.name, held.content_hash) == (track.name, track.content_hash):
            return
    raise LibraryError(
        f"{track.name}: is not in your own library, which takes the changes and is used from now "
        "on; look the track up there"
    )


def teach(
    library: Library,
    song: Track,
    vector: NDArray[np.floating],
    *,
    artist: str | None = None,
    title: str | None = None,
) -> Change:
    """Tell a library which genre a song has; return the change.

    A recording that the library holds already is labelled anew instead of being added.

    Parameters
    ----------
    library
        Open for writing.
    song
        What is known of the song, with its genre and the hashes of its file.
    vector
        Its vector [d].
    artist, title
        Given by hand, so that they come before what the library or the file itself says.

    Raises
    ------
    LibraryError
        The library cannot be changed, or the song has that genre there already.
    """
    held = find(library, song.content_hash, song.audio_hash)
    if held is None:
        new = dataclasses.replace(
            song, artist=artist or song.artist, title=title or song.title, taught=True
        )
        return library.add([new], np.asarray(vector)[None])[0]
    changes: TrackChanges = {"genre": song.genre, "taught": True}
    if artist is not None:
        changes["artist"] = artist
    if title is not None:
        changes["title"] = title
    change = library.update(_id(held), **changes)
    if change is None:
        raise LibraryError(f"{song.name}: is {song.genre} already, so there is nothing to change")
    return change


def find(library: Library, content_hash: str | None, audio_hash: str | None = None) -> Track | None:
    """Return the track of a recording, by its file's bytes or else by the sound in them."""
    same_file = library.find_hash(content_hash) if content_hash else []
    held = same_file or (library.find_audio_hash(audio_hash) if audio_hash else [])
    return held[-1] if held else None


def relabel(library: Library, track: Track, changes: TrackChanges) -> Change | None:
    """Change genre, artist or title of a track; return the change, None where all was so.

    A genre that is given here counts as taught: a later build keeps it.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    return library.update(_id(track), **with_taught(changes))


def with_taught(changes: TrackChanges) -> TrackChanges:
    """Return changes as they are made: with a genre comes that it was given by hand."""
    return {**changes, "taught": True} if "genre" in changes else changes


def remove(library: Library, track: Track) -> Change:
    """Take a track out of the library; return the change.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    return library.remove([_id(track)])[0]


def _id(track: Track) -> int:
    if track.id is None:
        raise ValueError(f"{track.name}: is in no library")
    return track.id
