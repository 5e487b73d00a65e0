"""Pages on which people put labels right: suspects of an audit, and songs without a genre."""

from __future__ import annotations

import logging
import threading
from typing import Any

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark import corrections
from earmark.errors import EarmarkError
from earmark.labelling import Progress, Question, Session, progress_of
from earmark.library import Library, Track
from earmark.web import serializers
from earmark.web.access import changes_library
from earmark.web.errors import BadRequest
from earmark.web.language import gettext
from earmark.web.pages.posted import back_to, genre_of_form
from earmark.web.request_context import server_state
from earmark.web.served import teaching
from earmark.web.state import ServerState

blueprint = Blueprint("labels", __name__)

logger = logging.getLogger(__name__)

SHOWN = 8
"""Suspects on a page."""

N_NEIGHBORS = 4
MEASURED_EVERY = 5
"""Labels after which the accuracy is measured again."""


class Desk:
    """The labelling of a server's library, for all who look at its page.

    Parameters
    ----------
    state
        What the server holds.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._revision: tuple[str, int] | None = None
        self._measuring = False
        self.curve: list[Progress] = []

    def _opened(self) -> Session:
        """Return the session of the library as it is now."""
        served = self._state.served
        revision = served.revision
        if self._session is None or self._revision != revision:
            self._session, self._revision = Session(served.library), revision
        return self._session

    def question(self) -> tuple[Question | None, int]:
        """Return which track to ask about, None where none is left, and how many are left."""
        with self._lock:
            session = self._opened()
            return session.question(), session.left

    def take(self, track_id: int, action: str, genre: str | None) -> Track:
        """Take an answer: the action is "genre", "skip" or "not-music"; return the track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        LibraryError
            The library cannot be changed.
        BadRequest
            The track is not asked about.
        """
        with self._lock:
            self._state.served.require_unchanged()
            track = self._state.served.track(track_id)
            if action == "skip":
                session = self._opened()
            else:
                # The package's own library is copied for the user first.
                library = teaching.writable_library(self._state)
                corrections.require_held(library, track)
                session = self._opened()
            if track.genre is not None or not session.asks_about(track):
                raise BadRequest(f"{track.name}: has a genre by now; the page shows the next song")
            if action == "skip":
                session.skip(track)
            elif action == "not-music":
                session.not_music(track)
            else:
                session.answer(track, str(genre))
                self._state.metrics.corrections.inc()
            self._revision = self._state.served.revision
            return track

    def measure(self) -> None:
        """See how good the labels are, in a thread, where enough came since the last time."""
        library = self._state.library
        labels = library.count(labelled=True)
        with self._lock:
            last = self.curve[-1].labels if self.curve else None
            if self._measuring or (last is not None and abs(labels - last) < MEASURED_EVERY):
                return
            self._measuring = True
        threading.Thread(
            target=self._measure, args=(library,), name="earmark-labelling", daemon=True
        ).start()

    def _measure(self, library: Library) -> None:
        found = None
        try:
            found = progress_of(library)
        except EarmarkError:
            logger.exception("the labels cannot be judged")
        with self._lock:
            self._measuring = False
            if found is not None:
                self.curve.append(found)


def desk() -> Desk:
    """Return the desk of this application."""
    found: Desk = current_app.extensions["earmark-desk"]
    return found


# Labels that look wrong


@blueprint.get("/audit")
def audit() -> str:
    """Show labels that the neighborhood disagrees with, and what to do about them."""
    state = server_state()
    report = state.served.report.get()
    found = [] if report["report"] is None else report["report"]["suspects"]
    open_ones = [
        (track, suspect)
        for suspect in found
        if (track := _track(state, suspect["track_id"])) is not None
        # What was put right since the report was made is done with.
        and track.genre == suspect["genre"]
        and not track.taught
    ]
    return render_template(
        "audit.html",
        suspects=[
            {
                **suspect,
                **serializers.track(state.music, track),
                "neighbors": _neighbors(state, track),
            }
            for track, suspect in open_ones[:SHOWN]
        ],
        left=len(open_ones),
        report_state=report["state"],
        problem=report["problem"],
        last=_last(state),
        went_on="done" in request.args,
    )


def _track(state: ServerState, track_id: int) -> Track | None:
    try:
        return state.served.track(track_id)
    except EarmarkError:
        # Removed since the report was made.
        return None


def _neighbors(state: ServerState, track: Track) -> list[dict[str, Any]]:
    vector = state.library.vector(int(track.id or 0))
    found = state.served.nearest(vector, N_NEIGHBORS, track.content_hash, track.audio_hash)
    return [serializers.neighbor(state.music, near) for near in found]


def _last(state: ServerState) -> dict[str, Any] | None:
    """Return the last change that holds, so that it can be taken back where one is."""
    for change in state.library.history(10):
        if not change.undone:
            return serializers.correction(change)
    return None


# Songs without a genre


@blueprint.get("/label")
def label() -> str:
    """Ask about the song whose genre teaches most."""
    state = server_state()
    asked, left = desk().question()
    desk().measure()
    curve = [one for one in desk().curve if one.accuracy is not None]
    return render_template(
        "label.html",
        song=None if asked is None else serializers.track(state.music, asked.track),
        # A third of the way in is seldom an introduction.
        start=0 if asked is None else round((asked.track.duration or 0) / 3),
        guesses=() if asked is None else asked.guesses,
        left=left,
        progress=desk().curve[-1] if desk().curve else None,
        curve=curve,
        labels=state.library.count(labelled=True),
        last=_last(state),
        went_on="done" in request.args,
    )


@blueprint.post("/label")
@changes_library
def answer() -> ResponseReturnValue:
    """Take what a song is."""
    track_id = request.form.get("track", type=int)
    action = request.form.get("action", "genre")
    if track_id is None or action not in ("genre", "skip", "not-music"):
        raise BadRequest("which song is meant, and what it is, was not sent; go back and try again")
    genre = genre_of_form() if action == "genre" else None
    track = desk().take(track_id, action, genre)
    if action == "skip":
        said = gettext("%(name)s was skipped.", name=track.name)
    elif action == "not-music":
        said = gettext("%(name)s is no music.", name=track.name)
    else:
        said = gettext("%(name)s is %(genre)s.", name=track.name, genre=genre)
    flash(said)
    return back_to(url_for("labels.label", done=1))
