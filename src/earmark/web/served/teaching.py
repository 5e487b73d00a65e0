"""Corrections as the server takes them: into its library or, where that is read only, a copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import PurePath

from earmark import corrections
from earmark.errors import LibraryBusy, LibraryError, LibraryReadOnly
from earmark.library import Change, Library, Track, TrackChanges
from earmark.web.errors import NotFound
from earmark.web.served.removed import Removed, keep_copy
from earmark.web.songs.answers import Answer
from earmark.web.songs.jobs import Job
from earmark.web.state import ServerState

MOST_CHANGES = 10**9
"""All of them."""

LATEST = 200
"""Corrections that are looked through for that of a song."""


def writable_library(state: ServerState) -> Library:
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
    served = state.served
    served.require_unchanged()
    library = corrections.writable(served.library)
    if library is served.library:
        return library
    return state.serve_copy(library, of=served).library


def teach(
    state: ServerState,
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
    answer = job.answer
    if answer is None:
        raise NotFound(f"{job.name}: has no answer that could be corrected")
    state.songs.require_in_use(job)
    prediction = answer.prediction
    song = Track(
        name=PurePath(prediction.path).stem or "song",
        genre=genre,
        artist=answer.artist,
        title=answer.title,
        content_hash=prediction.content_hash,
        audio_hash=prediction.audio_hash,
        duration=prediction.duration,
    )
    change = corrections.teach(
        writable_library(state), song, prediction.vector, artist=artist, title=title
    )
    state.metrics.corrections.inc()
    return change


def correction_of(library: Library, answer: Answer) -> Change | None:
    """Return the correction that gave a song its genre, where it can be taken back."""
    prediction = answer.prediction
    if not answer.taught:
        return None
    for change in library.history(LATEST):
        track = change.after
        if track is None or change.undone or not track.taught:
            continue
        if track.content_hash == prediction.content_hash or (
            track.audio_hash is not None and track.audio_hash == prediction.audio_hash
        ):
            return change
    return None


def change_track(state: ServerState, track_id: int, changes: TrackChanges) -> Track:
    """Change genre, artist or title of a track; return it as it is then.

    Where nothing would change, nothing is written and no copy of the package's library is made.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    state.served.require_unchanged()
    track = state.served.track(track_id)
    if dataclasses.replace(track, **corrections.with_taught(changes)) == track:
        return track
    library = writable_library(state)
    corrections.require_held(library, track)
    change = corrections.relabel(library, track, changes)
    state.metrics.corrections.inc()
    return track if change is None else change.track


def remove_track(state: ServerState, track_id: int) -> Track:
    """Take a track out of the library; return what it was.

    Raises
    ------
    TrackNotFound
        There is no such track.
    LibraryError
        The library cannot be changed.
    """
    state.served.require_unchanged()
    track = state.served.track(track_id)
    library = writable_library(state)
    corrections.require_held(library, track)
    change = corrections.remove(library, track)
    state.metrics.corrections.inc()
    return change.track


def change_tracks(state: ServerState, track_ids: Sequence[int], genre: str | None) -> list[Change]:
    """Label tracks, or take them out where the genre is None, as one step; return the changes.

    Raises
    ------
    TrackNotFound
        One of them is not there; nothing was changed.
    LibraryError
        The library cannot be changed.
    """
    state.served.require_unchanged()
    tracks = [state.served.track(track_id) for track_id in track_ids]
    if genre is not None:
        tracks = [track for track in tracks if track.genre != genre or not track.taught]
    if not tracks:
        return []
    library = writable_library(state)
    for track in tracks:
        corrections.require_held(library, track)
    ids = [track.id for track in tracks if track.id is not None]
    if genre is None:
        made = corrections.change_all(library, {}, ids)
    else:
        made = corrections.change_all(library, {track_id: {"genre": genre} for track_id in ids})
    state.metrics.corrections.inc(len(made))
    return made


def undo_all(state: ServerState, change_ids: Sequence[int]) -> list[Change]:
    """Take back several changes, the newest first; return them as they are then.

    Raises
    ------
    ChangeNotFound
        One of them is not there; nothing was taken back.
    LibraryError
        One was undone already, or its track was changed again since; older ones stay as they are.
    """
    state.served.require_unchanged()
    changes = [state.library.change(change_id) for change_id in change_ids]
    return corrections.undo_all(state.library, changes)


def undo_everything(state: ServerState) -> tuple[int, int, Removed | None]:
    """Take back every change of the history that can be taken back, after a copy was kept.

    Returns
    -------
    tuple
        How many were taken back, how many could not be, and the copy of before; None where there
        was nothing to take back.

    Raises
    ------
    LibraryError
        The library cannot be changed, or no copy can be kept.
    """
    with state.changing_libraries():
        served = state.served
        served.require_unchanged()
        library = served.library
        holding = holding_changes(library)
        if not holding:
            return 0, 0, None
        if library.read_only:
            raise LibraryReadOnly(f"{library.location}: may not be written")
        kept = keep_copy(state.libraries, library, library.name)
        left = 0
        for change in holding:
            try:
                library.undo(change.id or 0)
            except (LibraryBusy, LibraryReadOnly):
                raise
            except LibraryError:
                # Its track was changed since by something that is not of the history.
                left += 1
        return len(holding) - left, left, kept


def holding_changes(library: Library) -> list[Change]:
    """Return the changes by hand that hold, the newest first."""
    return [change for change in library.history(MOST_CHANGES) if not change.undone]


def undo(state: ServerState, change_id: int) -> Change:
    """Take back a change; return it as it is then.

    Raises
    ------
    ChangeNotFound
        There is no such change.
    LibraryError
        It was undone already, or the track was changed again since.
    """
    state.served.require_unchanged()
    # What is not there is said even where nothing can be changed.
    state.library.change(change_id)
    return state.library.undo(change_id)
