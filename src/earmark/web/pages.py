"""The pages, and the plain answers that classic scripts ask for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from apiflask import APIBlueprint, APIFlask
from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from earmark.audio import AUDIO_EXTENSIONS, FILM_EXTENSIONS
from earmark.errors import EarmarkError
from earmark.library import user_library_path
from earmark.prediction import Prediction, told_genres
from earmark.web import care, playlist_page, serializers, teaching
from earmark.web.access import changes_library, no_form_secret, public, takes_song
from earmark.web.answers import Answer
from earmark.web.api.reference import TAGS, operations
from earmark.web.api.schemas import FileIn
from earmark.web.api.snippets import snippets
from earmark.web.api.songs import SONG_PROBLEMS
from earmark.web.colors import Colors
from earmark.web.config import MEGABYTE
from earmark.web.errors import BadRequest, NotFound
from earmark.web.jobs import Job
from earmark.web.posted import back_to, genre_of_form, own_path
from earmark.web.problems import answer_problem, status_of, without_folders
from earmark.web.request_context import (
    access,
    client_gone,
    saver,
    server_state,
    shown_name,
    submit_all,
    uploaded,
)
from earmark.web.song_queue import SongQueue
from earmark.words import clock, percent, tell_shares, to_like_digits

pages = Blueprint("pages", __name__)
plain = APIBlueprint("plain", __name__)

PER_PAGE = 50

SOUND_ENDINGS = " ".join(sorted(AUDIO_EXTENSIONS | FILM_EXTENSIONS))
"""Of the files that are taken out of a folder that is dropped in."""

EXCERPT = 5.0
"""Seconds; a shorter track is hardly a song."""

MOST_SUGGESTED = 1000
"""Artists that the page of the library carries along."""


def register(app: APIFlask) -> None:
    """Add the pages to ``app``."""
    app.register_blueprint(pages)
    app.register_blueprint(plain)
    app.register_blueprint(care.blueprint)
    app.register_blueprint(playlist_page.blueprint)
    app.extensions["earmark-desk"] = care.Desk(app.extensions["earmark"])
    app.context_processor(_common)
    app.template_filter("percent")(partial(percent, digits=0))
    app.template_filter("told_genres")(told_genres)
    app.template_filter("clock")(lambda seconds: "" if seconds is None else clock(seconds))
    app.template_filter("told")(tell_shares)
    app.template_filter("color")(color)
    app.template_filter("nearness")(nearness)
    app.template_filter("voters")(voters)
    app.template_filter("to_like_digits")(to_like_digits)
    app.extensions["earmark-colors"] = Colors()


def color(genre: str | None) -> str:
    """Return the class of a genre's color and shape."""
    if "colors" not in g:
        # Asked for once a request.
        g.colors = current_app.extensions["earmark-colors"].of(server_state().library)
    return f"g{g.colors[genre]}" if genre in g.colors else "g-none"


def nearness(distances: list[float]) -> list[float]:
    """Return how long the bars of some distances are, from 0 to 1: the nearest has the whole.

    A distance counts together with their mean, so that the others keep a bar that can be seen
    where the nearest is the very song, at a distance of 0.
    """
    if not distances:
        return []
    mean = sum(distances) / len(distances)
    nearest = mean + min(distances)
    return [nearest / (mean + far) if mean + far > 0 else 1.0 for far in distances]


def voters(neighbors: list[dict[str, Any]]) -> str:
    """Say of which genres the tracks are that voted, the commonest first."""
    counts = Counter(near["genre"] for near in neighbors)
    return ", ".join(f"{count} {genre}" for genre, count in counts.most_common())


def _common() -> dict[str, Any]:
    """Return what every page shows."""
    rules = access()
    library = server_state().library
    # The page of signing in is for everybody.
    may_ask = rules.may_read() and not g.get("without_library", False)
    genres = library.genres() if may_ask else {}
    return {
        "csrf_token": rules.form_secret,
        "may_change": rules.is_known(),
        "may_ask": may_ask,
        "can_sign_in": rules.can_sign_in(),
        "library_genres": genres,
        "library_labelled": library.count(labelled=True) if may_ask else 0,
        "library_name": library.name,
        "library_is_own": library.location == os.path.realpath(user_library_path()),
        "library_extractor": library.spec.name,
        "sound_endings": SOUND_ENDINGS,
        "max_upload_mb": server_state().config.max_upload // MEGABYTE,
        "is_local": server_state().config.local,
    }


# Classify


@pages.get("/")
def home() -> str:
    """Say what this is and take a song."""
    return render_template("home.html", answer=None, several=())


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
    result = serializers.job_result(state.music, job, answer)
    return {**result, "correction": teaching.correction_of(state.library, answer)}


@pages.get("/answers/<job_id>")
def answer(job_id: str) -> ResponseReturnValue:
    """Show the answer of a job: the part of the page that a script puts in."""
    state = server_state()
    job = state.jobs.get(job_id)
    found = state.songs.answer(job)
    if found is None:
        raise job.error or BadRequest(f"{job.name}: is not answered yet")
    return render_template("_answer.html", answer=_answer_of(job, found))


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


# The library


@pages.get("/library")
def library() -> str:
    """List the tracks."""
    state = server_state()
    search = request.args.get("search", "").strip()[:200]
    genre = request.args.get("genre", "")
    artist = request.args.get("artist", "")
    only = request.args.get("only", "")
    page = max(1, request.args.get("page", 1, type=int))
    report = state.served.report.get() if only == "suspects" else None
    suspects = _suspects(report)
    if only == "suspects":
        rows = [
            track
            for track_id in suspects
            if (track := _find(track_id)) is not None
            and genre in ("", track.genre)
            and artist in ("", track.artist)
            and search.lower() in f"{track.name} {track.artist} {track.title}".lower()
        ]
        total = len(rows)
    else:
        filters: dict[str, Any] = {
            "genre": genre or None,
            "artist": artist or None,
            "search": search or None,
            "taught": True if only == "taught" else None,
        }
        total = state.library.count(**filters)
    n_pages = max(1, -(-total // PER_PAGE))
    # Beyond the last page is one that says so; no database takes a number of any size.
    page = min(page, n_pages + 1)
    offset = (page - 1) * PER_PAGE
    if only == "suspects":
        rows = rows[offset : offset + PER_PAGE]
    else:
        rows = state.library.tracks(**filters, offset=offset, limit=PER_PAGE)
    return render_template(
        "library.html",
        tracks=[serializers.track(state.music, track) for track in rows],
        suspects=suspects,
        report_state=report["state"] if report else None,
        total=total,
        page=page,
        pages=n_pages,
        search=search,
        genre=genre,
        artist=artist,
        only=only,
        about=state.served.describe(),
        # Of what has no file here, nothing else tells why it is that short.
        has_excerpts=any(
            track.path is None and track.duration is not None and track.duration < EXCERPT
            for track in rows
        ),
        artists=_suggested(state.library.artists()),
    )


def _suggested(artists: dict[str, int]) -> list[str]:
    """Return the artists that the form suggests, sorted: those with most tracks."""
    return sorted(sorted(artists, key=lambda artist: -artists[artist])[:MOST_SUGGESTED])


def _suspects(report: dict[str, Any] | None) -> dict[int, dict[str, Any]]:
    if report is None or report["report"] is None:
        return {}
    return {int(found["track_id"]): found for found in report["report"]["suspects"]}


def _find(track_id: int) -> Any:
    try:
        return server_state().served.track(track_id)
    except EarmarkError:
        # Removed since the report was made.
        return None


@pages.post("/library/tracks/<int:track_id>/genre")
@changes_library
def relabel(track_id: int) -> ResponseReturnValue:
    """Give a track another genre."""
    genre = genre_of_form()
    track = teaching.change_track(server_state(), track_id, {"genre": genre})
    flash(f"{track.name} is {genre} now.")
    return back_to(url_for("pages.library"))


@pages.post("/library/tracks/<int:track_id>/remove")
@changes_library
def remove(track_id: int) -> ResponseReturnValue:
    """Take a track out."""
    track = teaching.remove_track(server_state(), track_id)
    flash(f"{track.name} was removed. Corrections lists it, where it can be undone.")
    return back_to(url_for("pages.library"))


@pages.get("/corrections")
def corrections() -> str:
    """List what was taught."""
    changes = server_state().library.history(200)
    return render_template(
        "corrections.html", corrections=[serializers.correction(c) for c in changes]
    )


@pages.post("/corrections")
@changes_library
def teach() -> ResponseReturnValue:
    """Take a correction from a form that was sent without scripts."""
    state = server_state()
    job = state.jobs.get(request.form.get("job", ""))
    genre = genre_of_form()
    teaching.teach(state, job, genre)
    flash(f"Learned: {job.name} is {genre}.")
    return redirect(url_for("pages.corrections"))


@pages.post("/corrections/<int:correction_id>/undo")
@changes_library
def undo(correction_id: int) -> ResponseReturnValue:
    """Take a correction back."""
    change = teaching.undo(server_state(), correction_id)
    flash(f"Undone: {serializers.correction(change)['track']} is as it was.")
    return back_to(url_for("pages.corrections"))


# Map, report and API


@pages.get("/map")
def show_map() -> str:
    """Show all tracks as points."""
    return render_template("map.html")


@pages.get("/report")
def report() -> str:
    """Show how good the answers are."""
    served = server_state().served
    return render_template("report.html", report=served.report.get(), about=served.describe())


@pages.get("/report/download")
def download_report() -> ResponseReturnValue:
    """Send the whole report, one file that needs nothing else."""
    found = server_state().served.report.get()["report"]
    if found is None:
        raise NotFound("the report is not ready yet; look at the page How good is it? first")
    name = f"earmark-{server_state().library.name}.html"
    # To be saved: its styles stand in the file, which this site's policy would not allow.
    answer = Response(found["html"], mimetype="text/html")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@pages.get("/api/v1/docs")
def reference() -> str:
    """Describe the API, to be tried out."""
    shown = operations(current_app.extensions["earmark-openapi"])
    for operation in shown:
        operation["snippets"] = snippets(request.host_url.rstrip("/"), operation)
    return render_template("reference.html", operations=shown, tags=TAGS)


# Signing in


@pages.get("/sign-in")
@public
def sign_in() -> str:
    """Ask for the token."""
    return render_template("sign-in.html", wrong=False, next=request.args.get("next", ""))


@pages.post("/sign-in")
@public
def check_token() -> ResponseReturnValue:
    """Check the token and go on."""
    if not access().sign_in(request.form.get("token", "").strip()):
        page = render_template("sign-in.html", wrong=True, next=request.form.get("next", ""))
        return page, 401
    return redirect(own_path(request.form.get("next", "")) or url_for("pages.home"))


@pages.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Forget the token."""
    access().sign_out()
    return redirect(url_for("pages.home"))


# For machines


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
