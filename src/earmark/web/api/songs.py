"""Classify songs: at once, or as jobs that can be watched and called off."""

from __future__ import annotations

from typing import Any

import numpy as np
from apiflask import APIBlueprint
from flask import url_for

from earmark.errors import EarmarkError
from earmark.library import Track
from earmark.prediction import Prediction
from earmark.web import serializers
from earmark.web.access import takes_song
from earmark.web.api import schemas
from earmark.web.api.bodies import takes_json
from earmark.web.problems import answer_problem, kind_of, problem, status_of
from earmark.web.request_context import (
    Entry,
    client_gone,
    saver,
    server_state,
    shown_name,
    submit_all,
    uploaded,
)
from earmark.web.served.library import ServedLibrary
from earmark.web.songs.jobs import Job
from earmark.web.state import ServerState

blueprint = APIBlueprint("songs", __name__, tag="Songs")

SONG_PROBLEMS = {
    400: "No file was sent.",
    404: "There is no such file.",
    409: "The library has no tracks to compare with, or the work was called off.",
    413: "The request is too large.",
    415: "The file is not sound.",
    422: "The sound cannot be used.",
    429: "Too many requests.",
    503: "Too many songs wait.",
}
PATH_PROBLEMS = {**SONG_PROBLEMS, 403: "The path is outside the folder of music."}


@blueprint.post("/classify")
@takes_song
@blueprint.input(schemas.FilesIn, location="files", validation=False)
@blueprint.output(schemas.ResultsOut)
@blueprint.doc(responses=SONG_PROBLEMS)
def classify(files_data: dict[str, Any]) -> Any:
    """Classify one or several songs.

    Waits for the answers. Where none of the files can be used, the answer is the problem of the
    first; otherwise each result has a prediction or a problem.
    """
    state = server_state()
    return _results(state, submit_all(state.songs, uploaded("file", "image")))


@blueprint.post("/classify/path")
@takes_json
@blueprint.input(schemas.PathIn)
@blueprint.output(schemas.ResultsOut)
@blueprint.doc(responses=PATH_PROBLEMS)
def classify_path(json_data: dict[str, Any]) -> Any:
    """Classify a song in the server's folder of music."""
    state = server_state()
    path = json_data["path"]
    return _results(state, [(path, state.songs.submit_path(path, picture=False))])


def _results(state: ServerState, entries: list[Entry]) -> Any:
    results = []
    first: EarmarkError | None = None
    gone = client_gone()
    for name, entry in entries:
        result: dict[str, Any] = {"name": name, "prediction": None, "problem": None}
        try:
            if isinstance(entry, EarmarkError):
                raise entry
            answer = state.songs.wait(entry, gone=gone)
            in_use = state.songs.is_in_use(entry)
            result["prediction"] = serializers.prediction(state.music, answer, in_use)
        except EarmarkError as error:
            first = first or error
            result["problem"] = problem(error)
        finally:
            if isinstance(entry, Job):
                state.jobs.forget(entry)
        results.append(result)
    if first is not None and all(result["problem"] for result in results):
        extra = {"results": results} if len(results) > 1 else None
        return answer_problem(status_of(first), str(first), kind=kind_of(first), extra=extra)
    return {"results": results}


@blueprint.post("/similar")
@takes_song
@blueprint.input(schemas.FileIn, location="files", validation=False)
@blueprint.input(schemas.SimilarQuery, location="query")
@blueprint.output(schemas.SimilarOut)
@blueprint.doc(responses=SONG_PROBLEMS)
def similar_to_song(files_data: dict[str, Any], query_data: dict[str, Any]) -> Any:
    """Find the tracks of the library that a song sounds like."""
    state = server_state()
    file = uploaded("file", "image")[0]
    job = state.songs.submit_upload(saver(file), shown_name(file), picture=False)
    try:
        found = state.songs.wait(job, gone=client_gone()).prediction
    finally:
        state.jobs.forget(job)
    served = state.songs.require_in_use(job)
    return {"neighbors": near(state, served, found.vector, query_data["k"], found)}


def near(
    state: ServerState,
    served: ServedLibrary,
    vector: np.ndarray[Any, Any],
    k: int,
    song: Prediction | Track,
) -> list[dict[str, Any]]:
    """Return the k tracks nearest to a vector, without those of the same recording."""
    found = served.nearest(vector, k, song.content_hash, song.audio_hash)
    return [serializers.neighbor(state.music, neighbor) for neighbor in found]


@blueprint.post("/jobs")
@takes_song
@blueprint.input(schemas.FileIn, location="files", validation=False)
@blueprint.input(schemas.JobQuery, location="query")
@blueprint.output(schemas.JobOut, status_code=202)
@blueprint.doc(responses=SONG_PROBLEMS)
def submit(files_data: dict[str, Any], query_data: dict[str, Any]) -> Any:
    """Submit a song and go on.

    Ask for the job until it is answered. The result then has the prediction; waveform and timeline
    follow when the state is “done”.
    """
    state = server_state()
    file = uploaded("file", "image")[0]
    job = state.songs.submit_upload(saver(file), shown_name(file), picture=query_data["picture"])
    gone = client_gone()
    if gone is not None and gone():
        # Nobody knows the job, so nobody can ask for it.
        state.songs.cancel(job)
    return (
        serializers.job_state(job),
        202,
        {"Location": url_for("songs.get_job", job_id=job.id)},
    )


@blueprint.post("/jobs/path")
@takes_json
@blueprint.input(schemas.PathIn)
@blueprint.input(schemas.JobQuery, location="query")
@blueprint.output(schemas.JobOut, status_code=202)
@blueprint.doc(responses=PATH_PROBLEMS)
def submit_path(json_data: dict[str, Any], query_data: dict[str, Any]) -> Any:
    """Submit a song in the server's folder of music and go on."""
    state = server_state()
    job = state.songs.submit_path(json_data["path"], picture=query_data["picture"])
    return (
        serializers.job_state(job),
        202,
        {"Location": url_for("songs.get_job", job_id=job.id)},
    )


@blueprint.get("/jobs/<string:job_id>")
@blueprint.output(schemas.JobOut)
@blueprint.doc(responses={404: "There is no such job."})
def get_job(job_id: str) -> Any:
    """Ask how far a job is."""
    state = server_state()
    return serializers.job_state(state.jobs.get(job_id))


@blueprint.get("/jobs/<string:job_id>/result")
@blueprint.output(schemas.JobResultOut)
@blueprint.doc(
    responses={
        404: "There is no such job.",
        409: "There is no answer yet, or the job was called off.",
        415: "The file is not sound.",
        422: "The sound cannot be used.",
        503: "The server stopped.",
    }
)
def get_result(job_id: str) -> Any:
    """Get what a job found so far."""
    state = server_state()
    job = state.jobs.get(job_id)
    answer = state.songs.answer(job)
    if answer is None:
        if job.error is not None:
            raise job.error
        return answer_problem(409, f"{job.name}: is not answered yet; ask again in a moment")
    in_use = state.songs.is_in_use(job)
    return serializers.job_result(state.music, job, answer, in_use)


@blueprint.delete("/jobs/<string:job_id>")
@blueprint.input(schemas.CancelQuery, location="query")
@blueprint.output({}, status_code=204)
@blueprint.doc(responses={404: "There is no such job."})
def cancel(job_id: str, query_data: dict[str, Any]) -> Any:
    """Call a job off, and forget it."""
    state = server_state()
    job = state.jobs.get(job_id)
    state.songs.cancel(job)
    if query_data["forget"]:
        state.jobs.forget(job)
    return ""
