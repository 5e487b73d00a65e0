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
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def teach_all(
    library: Library,
    songs: Sequence[tuple[Track, NDArray[np.floating]]],
    *,
    at: datetime.datetime | None = None,
) -> list[Change]:
    """Tell a library which genres songs have, as one step of its history; return the changes.

    Recordings that it holds already are labelled anew instead of being added; of those that are so
    labelled already, and of further copies among the songs, nothing changes.

    Parameters
    ----------
    library
        Open for writing.
    songs
        What is known of each song, with its genre and the hashes of its file, and its vector [d].
    at
        When, as for `earmark.library.Library.add`.

    Raises
    ------
    LibraryError
        The library cannot be changed.
    """
    at = at or datetime.datetime.now(datetime.UTC)
    held: dict[int, TrackChanges] = {}
    new: dict[str, tuple[Track, NDArray[np.floating]]] = {}
    for number, (song, vector) in enumerate(songs):
        track = find(library, song.content_hash, song.audio_hash)
        if track is not None:
            held[_id(track)] = {"genre": song.genre, "taught": True}
        else:
            recording = song.audio_hash or song.content_hash or str(number)
            new[recording] = dataclasses.replace(song, taught=True), vector
    changes = library.update_many(held, at=at) if held else []
    if new:
        tracks = [track for track, _ in new.values()]
        changes += library.add(tracks, np.stack([vector for _, vector in new.values()]), at=at)
    return changes


def change_all(
    library: Library,
    changes: Mapping[int, TrackChanges],
    removed: Iterable[int] = (),
) -> list[Change]:
    """Change tracks, and take others out, as one step of the history; return what was changed.

    Genres that are given here count as taught, as for `relabel`.

    Parameters
    ----------
    library
        Open for writing.
    changes
        What to change, by the ids of the tracks.
    removed
        Ids of the tracks to take out.

    Raises
    ------
    TrackNotFound
        One of them is not there; nothing was changed.
    LibraryError
        The library cannot be changed.
    """
    at = datetime.datetime.now(datetime.UTC)
    gone = list(removed)
    for track_id in gone:
        library.get(track_id)
    taught = {track_id: with_taught(change) for track_id, change in changes.items()}
    made = library.update_many(taught, at=at) if taught else []
    return made + (library.remove(gone, at=at) if gone else [])


def last_step(library: Library) -> list[Change]:
    """Return what was changed last and holds, newest first: all that one command did."""
    limit = 1
    while True:
        history = library.history(limit)
        holding = [change for change in history if not change.undone]
        step = [change for change in holding if change.time == holding[0].time]
        if len(history) < limit or (step and len(step) < len(holding)):
            return step
        limit *= 4


def undo_all(library: Library, changes: Sequence[Change]) -> list[Change]:
    """Take changes back, the newest first; return them as they are then.

    Raises
    ------
    LibraryError
        One cannot be taken back; those before it in time are left as they are.
    """
    ids = sorted((change.id for change in changes if change.id is not None), reverse=True)
    return [library.undo(change_id) for change_id in ids]


def to_json(change: Change) -> dict[str, Any]:
    """Return a change as JSON values."""
    return {
        "id": change.id,
        "time": change.time.isoformat(),
        "what": change.what,
        "track_id": change.track_id,
        "track": change.track.name,
        "genre_before": change.before.genre if change.before else None,
        "genre_after": change.after.genre if change.after else None,
        "undone": change.undone,
    }


def _id(track: Track) -> int:
    if track.id is None:
        raise ValueError(f"{track.name}: is in no library")
    return track.id
