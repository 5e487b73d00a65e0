"""The songs that a list starts from: tracks of the library, and songs that were answered here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.recommend import Songs
from earmark.web.errors import BadRequest
from earmark.web.state import ServerState


def seeds(state: ServerState, track_ids: Sequence[int], job_ids: Sequence[str] = ()) -> Songs:
    """Return songs as the recommender takes them.

    A song that was answered here and whose recording is a track stands for that track, so that it
    is not listed as its own likeness.

    Parameters
    ----------
    state
        What the server holds.
    track_ids
        Of tracks of the library.
    job_ids
        Of songs that were sent to be classified.

    Raises
    ------
    TrackNotFound
        There is no such track.
    NotFound
        There is no such job, or not any more.
    BadRequest
        A job has no answer yet.
    LibraryError
        A song was answered by a library that is no longer in use.
    """
    require_tracks(state, track_ids)
    known = list(track_ids)
    vectors = []
    for job_id in job_ids:
        job = state.jobs.get(job_id)
        answer = job.answer
        if answer is None:
            raise BadRequest(f"{job.name}: is not answered yet; ask again in a moment")
        held = state.songs.require_in_use(job).tracks_of(answer.analyzed.looked)
        track_id = next((track.id for track in held), None)
        if track_id is None:
            vectors.append(answer.analyzed.extracted.vector)
        else:
            known.append(track_id)
    return Songs(tuple(known), np.stack(vectors) if vectors else None)


def require_tracks(state: ServerState, track_ids: Sequence[int]) -> None:
    """See that tracks are in the library.

    Raises
    ------
    TrackNotFound
        One is not.
    """
    known = state.library.get_many(list(track_ids))
    for track_id in track_ids:
        if track_id not in known:
            state.served.track(track_id)
