"""Corrections as the server takes them: into its library or, where that is read only, a copy."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath

from earmark import corrections
from earmark.library import Change, Library, Track, TrackChanges
from earmark.web.errors import NotFound
from earmark.web.jobs import Job
from earmark.web.service import Service

LATEST = 200
"""Corrections that are looked through for that of a song."""


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
    library = corrections.writable(service.library)
    if library is not service.library:
        service.change_library(library)
    return service.library


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
        The library cannot be changed, or the song has that genre there already.
    """
    prediction = job.prediction
    if prediction is None:
        raise NotFound(f"{job.name}: has no answer that could be corrected")
    song = Track(
        name=PurePath(prediction.path).stem or "song",
        genre=genre,
        artist=job.artist,
        title=job.title,
        content_hash=prediction.content_hash,
        audio_hash=prediction.audio_hash,
        duration=prediction.duration,
    )
    change = corrections.teach(
        writable_library(service), song, prediction.vector, artist=artist, title=title
    )
    service.metrics.corrections.inc()
    return change


def correction_of(service: Service, job: Job) -> Change | None:
    """Return the correction that gave a song its genre, where it can be taken back."""
    prediction = job.prediction
    if not job.taught or prediction is None:
        return None
    for change in service.library.history(LATEST):
        track = change.after
        if track is None or change.undone or not track.taught:
            continue
        if track.content_hash == prediction.content_hash or (
            track.audio_hash is not None and track.audio_hash == prediction.audio_hash
        ):
            return change
    return None


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
    if dataclasses.replace(track, **corrections.with_taught(changes)) == track:
        return track
    library = writable_library(service)
    corrections.require_held(library, track)
    change = corrections.relabel(library, track, changes)
    service.metrics.corrections.inc()
    return track if change is None else change.track


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
    library = writable_library(service)
    corrections.require_held(library, track)
    change = corrections.remove(library, track)
    service.metrics.corrections.inc()
    return change.track


def undo(service: Service, change_id: int) -> Change:
    """Take back a change; return it as it is then.

    Raises
    ------
    ChangeNotFound
        There is no such change.
    LibraryError
        It was undone already, or the track was changed again since.
    """
    service.check_library()
    # What is not there is said even where nothing can be changed.
    service.library.change(change_id)
    return service.library.undo(change_id)
