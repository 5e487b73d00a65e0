"""The page that takes songs, and what it shows of their answers."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from earmark.errors import EarmarkError
from earmark.prediction import Prediction
from earmark.web import serializers
from earmark.web.access import takes_song
from earmark.web.errors import BadRequest, NotFound
from earmark.web.language import gettext
from earmark.web.pages.blueprint import pages
from earmark.web.problems import without_folders
from earmark.web.request_context import (
    client_gone,
    saver,
    server_state,
    shown_name,
    submit_all,
    uploaded,
)
from earmark.web.served import teaching
from earmark.web.songs.answers import Answer
from earmark.web.songs.jobs import Job
from earmark.web.songs.queue import SongQueue


@pages.get("/")
def home() -> ResponseReturnValue:
    """Say what this is and take a song; or show an answer that somebody sent the link of."""
    asked = request.args.get("song")
    if asked is None:
        return render_template("home.html", answer=None, several=())
    try:
        shown = _answer_with(asked)
    except EarmarkError as error:
        told = (
            gettext("The answer of this link is not kept any more. Drop in the song again.")
            if isinstance(error, NotFound)
            else without_folders(str(error))
        )
        page = render_template("home.html", answer=None, several=(), trouble=told)
        return page, 404 if isinstance(error, NotFound) else 409
    return render_template("home.html", answer=shown, several=(), shared=True)


@pages.post("/")
@takes_song
def classify() -> ResponseReturnValue:
    """Answer a form that was sent without scripts."""
    songs = server_state().songs
    files = uploaded("file")
    if len(files) == 1:
        job = songs.submit_upload(saver(files[0]), shown_name(files[0]), picture=False)
        shown = _answer_of(job, songs.wait(job, gone=client_gone()))
        return render_template("home.html", answer=shown, several=())
    gone = client_gone()
    return render_template(
        "home.html",
        answer=None,
        several=[(name, *_said(songs, entry, gone)) for name, entry in submit_all(songs, files)],
    )


def _said(
    songs: SongQueue, entry: Job | EarmarkError, gone: Callable[[], bool] | None
) -> tuple[Prediction | None, str]:
    """Return what is said of one of several songs: its answer, or the problem."""
    try:
        if isinstance(entry, EarmarkError):
            raise entry
        return songs.wait(entry, gone=gone).prediction, ""
    except EarmarkError as error:
        return None, without_folders(str(error))


def _answer_of(job: Job, answer: Answer) -> dict[str, Any]:
    """Return what an answer shows: its result, and the correction that it can take back."""
    state = server_state()
    in_use = state.songs.is_in_use(job)
    served = state.songs.library_of(job)
    result = serializers.job_result(state.music, job, answer, in_use)
    return {
        **result,
        "library_name": served.library.name,
        "correction": teaching.correction_of(served.library, answer) if in_use else None,
        "typical": served.typical_distances(),
        "kept_until": _kept_until(job),
    }


def _kept_until(job: Job) -> datetime.datetime:
    """Return when an answer is forgotten at the latest."""
    since = time.time() if job.ended is None else job.ended
    return datetime.datetime.fromtimestamp(since + server_state().jobs.lifetime, datetime.UTC)


@pages.get("/answers/<job_id>")
def answer(job_id: str) -> ResponseReturnValue:
    """Show the answer of a job: the part of the page that a script puts in."""
    return render_template("_answer.html", answer=_answer_with(job_id))


def _answer_with(job_id: str) -> dict[str, Any]:
    """Return what the answer of a job shows.

    Raises
    ------
    EarmarkError
        There is no such job, it failed, or is not answered yet.
    """
    state = server_state()
    job = state.jobs.get(job_id)
    found = state.songs.answer(job)
    if found is None:
        raise job.error or BadRequest(f"{job.name}: is not answered yet")
    return _answer_of(job, found)
