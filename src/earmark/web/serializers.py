"""What is shown of predictions, jobs and tracks: plain values for JSON and templates."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any, cast

from flask import url_for

from earmark import corrections
from earmark.library import Change, Track
from earmark.prediction import Neighbor, Prediction
from earmark.web.jobs import Job
from earmark.web.problems import problem
from earmark.web.service import Service


def audio_url(service: Service, track: Track) -> str | None:
    """Return where a track can be heard; None where it is not on this machine."""
    if track.id is None or service.music.file_of(track) is None:
        return None
    return url_for("media.track", track_id=track.id)


def neighbor(service: Service, near: Neighbor) -> dict[str, Any]:
    """Show a neighbor."""
    track = near.source
    return {
        **near.to_json(),
        "audio": None if track is None else audio_url(service, track),
    }


def prediction(service: Service, job: Job) -> dict[str, Any]:
    """Show the prediction of a job that has one."""
    found = cast(Prediction, job.prediction)
    return {
        **found.to_json(),
        "artist": job.artist,
        "title": job.title,
        "neighbors": [neighbor(service, near) for near in found.neighbors],
        "taught": job.taught,
        "voted": None if job.voted is None else vote(job.voted),
    }


def vote(found: Prediction) -> dict[str, Any]:
    """Show what a vote says, in short."""
    return {
        "genre": found.genre,
        "confidence": found.confidence,
        "abstained": found.abstained,
    }


def job_state(service: Service, shown: Job) -> dict[str, Any]:
    """Show how far a job is."""
    return {
        "id": shown.id,
        "name": shown.name,
        "state": shown.state,
        "ahead": shown.ahead,
        "done": round(shown.done, 3),
        "answered": shown.prediction is not None,
        "problem": None if shown.error is None else problem(shown.error),
        "created": datetime.datetime.fromtimestamp(shown.created, datetime.UTC),
        "self_url": url_for("songs.get_job", job_id=shown.id),
        "result_url": url_for("songs.get_result", job_id=shown.id),
    }


def job_result(service: Service, shown: Job) -> dict[str, Any]:
    """Show what a job found so far, by the library as it is now; it must have an answer."""
    service.renew(shown)
    timeline = shown.timeline
    return {
        "job": job_state(service, shown),
        "prediction": prediction(service, shown),
        "waveform": None if shown.peaks is None else [round(float(p), 4) for p in shown.peaks],
        "timeline": None if timeline is None else [asdict(segment) for segment in timeline],
        "place": shown.place,
    }


def track(service: Service, shown: Track) -> dict[str, Any]:
    """Show a track."""
    return {
        "id": shown.id,
        "name": shown.name,
        "genre": shown.genre,
        "artist": shown.artist,
        "title": shown.title,
        "duration": shown.duration,
        "taught": shown.taught,
        "content_hash": shown.content_hash,
        "audio": audio_url(service, shown),
    }


def correction(change: Change) -> dict[str, Any]:
    """Show a change of the library."""
    return {**corrections.to_json(change), "time": change.time}
