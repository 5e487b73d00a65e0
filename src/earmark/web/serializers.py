"""What is shown of predictions, jobs and tracks: plain values for JSON and templates."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import url_for

from earmark import corrections
from earmark.library import Change, Library, Track
from earmark.prediction import Neighbor, Prediction
from earmark.web.problems import problem, without_folders
from earmark.web.served.building import Making
from earmark.web.served.libraries import is_same_place
from earmark.web.served.removed import all_removed
from earmark.web.served.report import TrackAnswer
from earmark.web.songs.answers import Answer
from earmark.web.songs.jobs import Job
from earmark.web.songs.music_folder import MusicFolder
from earmark.web.state import ServerState


def audio_url(music: MusicFolder, track: Track) -> str | None:
    """Return where a track can be heard; None where it is not on this machine."""
    if track.id is None or music.file_of(track) is None:
        return None
    return url_for("media.track", track_id=track.id)


def neighbor(music: MusicFolder, near: Neighbor, in_use: bool = True) -> dict[str, Any]:
    """Show a neighbor; only tracks of the library in use can be heard."""
    track = near.source if in_use else None
    return {
        **near.to_json(),
        "audio": None if track is None else audio_url(music, track),
    }


def prediction(music: MusicFolder, answer: Answer, in_use: bool) -> dict[str, Any]:
    """Show what was answered for a song, by the library in use or by a former one."""
    found = answer.prediction
    return {
        **found.to_json(),
        "artist": answer.artist,
        "title": answer.title,
        "neighbors": [neighbor(music, near, in_use) for near in found.neighbors],
        "taught": answer.taught,
        "voted": None if answer.voted is None else vote(answer.voted),
    }


def vote(found: Prediction) -> dict[str, Any]:
    """Show what a vote says, in short."""
    return {
        "genre": found.genre,
        "confidence": found.confidence,
        "abstained": found.abstained,
    }


def job_state(shown: Job) -> dict[str, Any]:
    """Show how far a job is."""
    return {
        "id": shown.id,
        "name": shown.name,
        "state": shown.state,
        "ahead": shown.ahead,
        "done": round(shown.done, 3),
        "answered": shown.answer is not None,
        "problem": None if shown.error is None else problem(shown.error),
        "created": datetime.datetime.fromtimestamp(shown.created, datetime.UTC),
        "self_url": url_for("songs.get_job", job_id=shown.id),
        "result_url": url_for("songs.get_result", job_id=shown.id),
    }


def job_result(music: MusicFolder, shown: Job, answer: Answer, in_use: bool) -> dict[str, Any]:
    """Show what a job found so far: its answer, and waveform and timeline once they are there."""
    drawn = shown.drawn
    return {
        "job": job_state(shown),
        "prediction": prediction(music, answer, in_use),
        "in_use": in_use,
        "waveform": None if drawn is None else [round(float(p), 4) for p in drawn.peaks],
        "timeline": None if drawn is None else [asdict(segment) for segment in drawn.segments],
        "place": answer.place,
    }


def track(music: MusicFolder, shown: Track) -> dict[str, Any]:
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
        "audio": audio_url(music, shown),
    }


def track_answers(
    music: MusicFolder, library: Library, answers: Sequence[TrackAnswer]
) -> list[dict[str, Any]]:
    """Show what tracks were taken for, with the tracks as they are now."""
    held = library.get_many([one.track_id for one in answers])
    return [
        {
            "track": track(music, held[one.track_id]) if one.track_id in held else None,
            "label": one.label,
            "answer": one.answer,
            "probability": one.probability,
            "abstained": one.abstained,
        }
        for one in answers
    ]


def libraries(state: ServerState) -> list[dict[str, Any]]:
    """Show the libraries that can be chosen, that in use first."""
    now, listed = state.library, state.libraries.all()
    found = []
    for one in listed:
        in_use = is_same_place(one.location, now.location)
        facts = state.libraries.describe(one, now if in_use else None)
        problem_line = facts["problem"] and without_folders(facts["problem"])
        found.append(
            {
                "name": one.name,
                "title": one.title,
                "kind": one.kind,
                "in_use": in_use,
                "started": is_same_place(one.location, state.libraries.started),
                **facts,
                "problem": problem_line,
            }
        )
    return sorted(found, key=lambda one: not one["in_use"])


def removed_libraries(state: ServerState) -> list[dict[str, Any]]:
    """Show the libraries that were removed and can be put back, the latest first."""
    return [asdict(one) for one in all_removed(state.libraries)]


def making(shown: Making) -> dict[str, Any]:
    """Show how far a library is that is being made."""
    found = shown.to_json()
    for one in (*found["files"], *found["warnings"]):
        one["reason"] = without_folders(one["reason"])
    return {**found, "problem": None if shown.error is None else problem(shown.error)}


def correction(change: Change) -> dict[str, Any]:
    """Show a change of the library."""
    return {**corrections.to_json(change), "time": change.time}
