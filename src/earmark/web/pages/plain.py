"""Answers of one line for scripts, and the counters for a monitoring system."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from earmark.errors import EarmarkError
from earmark.web.access import no_form_secret, takes_song
from earmark.web.api.schemas import FileIn
from earmark.web.api.songs import SONG_PROBLEMS
from earmark.web.problems import answer_problem, status_of
from earmark.web.request_context import client_gone, saver, server_state, shown_name, uploaded

plain = APIBlueprint("plain", __name__)


@plain.post("/predict")
@no_form_secret
@takes_song
@plain.input(FileIn, location="files", validation=False)
@plain.doc(tags=["Songs"], responses={200: "The sentence, as plain text.", **SONG_PROBLEMS})
def predict(files_data: dict[str, Any]) -> ResponseReturnValue:
    """Answer one song with one sentence.

    For scripts. The field may also be called “image”. Errors are one line of text, too.
    """
    state = server_state()
    file = uploaded("file", "image")[0]
    job = state.songs.submit_upload(saver(file), shown_name(file), picture=False)
    try:
        sentence = state.songs.wait(job, gone=client_gone()).prediction.sentence()
    finally:
        state.jobs.forget(job)
    return Response(sentence, mimetype="text/plain")


@plain.get("/metrics")
@plain.doc(tags=["System"], responses={200: "The counters, as text."})
def metrics() -> Response:
    """Count requests and songs, for Prometheus."""
    state = server_state()
    state.metrics.waiting.set(state.pool.waiting)
    state.metrics.working.set(state.pool.working)
    state.metrics.restarts.set(state.pool.restarts)
    state.metrics.tracks.set(state.library.count(labelled=True))
    return Response(generate_latest(state.metrics.registry), content_type=CONTENT_TYPE_LATEST)


@plain.errorhandler(EarmarkError)
def _plain_error(error: EarmarkError) -> Response:
    return answer_problem(status_of(error), str(error))
