"""The songs that a list starts from: tracks of the library, and songs that were answered here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.recommend import Songs
from earmark.web.errors import BadRequest
from earmark.web.jobs import Job
from earmark.web.service import Service


def seeds(owner: Service, track_ids: Sequence[int], job_ids: Sequence[str] = ()) -> Songs:
    """Return songs as the recommender takes them.

    A song that was answered here and whose recording is a track stands for that track, so that it
    is not listed as its own likeness.

    Parameters
    ----------
    owner
        What is behind the application.
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
    """
    require_tracks(owner, track_ids)
    known = list(track_ids)
    vectors = []
    for job_id in job_ids:
        job = owner.jobs.get(job_id)
        if job.heard is None:
            raise BadRequest(f"{job.name}: is not answered yet; ask again in a moment")
        track_id = _track_of(owner, job)
        if track_id is None:
            vectors.append(job.heard.extracted.vector)
        else:
            known.append(track_id)
    return Songs(tuple(known), np.stack(vectors) if vectors else None)


def require_tracks(owner: Service, track_ids: Sequence[int]) -> None:
    """See that tracks are in the library.

    Raises
    ------
    TrackNotFound
        One is not.
    """
    known = owner.library.get_many(list(track_ids))
    for track_id in track_ids:
        if track_id not in known:
            owner.get_track(track_id)


def _track_of(owner: Service, job: Job) -> int | None:
    if job.heard is None:
        return None
    looked = job.heard.looked
    held = owner.library.find_hash(looked.content_hash)
    if looked.audio_hash is not None:
        held = held or owner.library.find_audio_hash(looked.audio_hash)
    return next((track.id for track in held), None)
