"""Corrections: what people tell the library, and how it is taken back."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import PurePath
from typing import cast

import numpy as np

from earmark.errors import LibraryError, LibraryReadOnly, TrackNotFound
from earmark.library import Change, Library, Track, TrackChanges, user_library
from earmark.web.jobs import Job
from earmark.web.service import Service
from earmark.web.trouble import NotFound


def writable_library(service: Service) -> Library:
    """Return a library that can be changed; the package's own is copied for the user first.

    Raises
    ------
    LibraryReadOnly
        The user's own library cannot be written either.
    LibraryExtractor
        The user's own library is of another feature extractor.
    LibraryError
        The library's file was replaced or deleted.
    """
    service.check_library()
    if service.library.read_only:
        own = user_library(service.library)
        if own.read_only:
            raise LibraryReadOnly(f"{own.path}: may not be written; name another with --library")
        service.change_library(own)
    return service.library


def _library_of(service: Service, track: Track) -> Library:
    """Return a library that can be changed and holds the track that was shown.

    Raises
    ------
    LibraryError
        The user's own library was made of something else, so that the number means another track.
    """
    library = writable_library(service)
    with contextlib.suppress(TrackNotFound):
        held = library.get(_id(track))
        if (held.name, held.content_hash) == (track.name, track.content_hash):
            return library
    raise LibraryError(
        f"{track.name}: is not in your own library, which takes the changes and is used from now "
        "on; look the track up there"
    )


def teach(
    service: Service,
    job: Job,
    genre: str,
    *,
    artist: str | None = None,
    title: str | None = None,
) -> Change:
    """Add a song that was heard, with the genre that it has; return the change.

    A recording that the library holds already is labelled anew instead. Artist and title are those
    of the file's own tags unless given.

    Raises
    ------
    NotFound
        The job has no answer.
    LibraryError
        The library cannot be changed.
    """
    prediction = job.prediction
    if prediction is None:
        raise NotFound(f"{job.name}: has no answer that could be corrected")
    library = writable_library(service)
    held = library.find_hash(prediction.content_hash)
    if held:
        track = held[-1]
        changes: TrackChanges = {"genre": genre, "taught": True}
        if artist is not None:
            changes["artist"] = artist
        if title is not None:
            changes["title"] = title
        track_id = _id(track)
        library.update(track_id, **changes)
    else:
        song = Track(
            name=PurePath(prediction.path).stem or "song",
            genre=genre,
            artist=artist or job.artist,
            title=title or job.title,
            content_hash=prediction.content_hash,
            duration=prediction.duration,
            taught=True,
        )
        (track_id,) = library.add([song], np.asarray(prediction.vector)[None])
    changed = library.history(1, track_id=track_id)
    if not changed:
        raise LibraryError(f"{prediction.path}: is {genre} already, so there is nothing to change")
    service.metrics.corrections.inc()
    return changed[0]


def change_track(service: Service, track_id: int, changes: TrackChanges) -> Track:
    """Change genre, artist or title of a track; return it as it is then.

    Where nothing would change, nothing is written and no copy of the package's library is made.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    service.check_library()
    track = service.get_track(track_id)
    if "genre" in changes:
        changes = {**changes, "taught": True}
    if dataclasses.replace(track, **changes) == track:
        return track
    library = _library_of(service, track)
    library.update(track_id, **changes)
    service.metrics.corrections.inc()
    return library.get(track_id)


def remove_track(service: Service, track_id: int) -> Track:
    """Take a track out of the library; return what it was.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    service.check_library()
    track = service.get_track(track_id)
    _library_of(service, track).remove([track_id])
    service.metrics.corrections.inc()
    return track


def undo(service: Service, change_id: int) -> Change:
    """Take back a change; return it as it is then.

    Raises
    ------
    TrackNotFound
        There is no such change.
    LibraryError
        It was undone already, or the track was changed again since.
    """
    service.check_library()
    library = service.library
    known = [change for change in library.history(1_000_000) if change.id == change_id]
    if not known:
        raise TrackNotFound(f"{library.path}: has no correction {change_id}")
    of_track = library.history(1_000_000, track_id=known[0].track_id)
    _check_order(known[0], of_track)
    try:
        library.undo(change_id)
    except LibraryError as error:
        file = known[0].before.path if known[0].before else None
        if file is None:
            raise
        # The library names the whole path of the track's file, which is the server's own.
        raise type(error)(str(error).replace(file, PurePath(file).name)) from error
    changed = library.history(1_000_000, track_id=known[0].track_id)
    return next(change for change in changed if change.id == change_id)


def _check_order(change: Change, of_track: list[Change]) -> None:
    """See that a change is the latest of its track that holds, in words that fit a list.

    Raises
    ------
    LibraryError
        It is not.
    """
    name = _name(change)
    if change.undone:
        raise LibraryError(f"{name}: this change was undone already")
    later = [other for other in of_track if other.id > change.id and not other.undone]
    if later:
        raise LibraryError(f"{name}: was {_what(later[0])} after this change; undo that one first")


def _name(change: Change) -> str:
    track = change.after or change.before
    return track.name if track else f"track {change.track_id}"


def _what(change: Change) -> str:
    """Return what a change did, to follow the word "was"."""
    before, after = change.before, change.after
    if after is None:
        return "removed"
    if before is None:
        return "added"
    return "edited" if before.genre == after.genre else f"labelled {after.genre or 'nothing'}"


def _id(track: Track) -> int:
    """Return the number of a track that comes from a library, and so has one."""
    return cast(int, track.id)
