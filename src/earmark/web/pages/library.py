"""Pages on the library: its tracks, its map, and how good its answers are."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark.errors import EarmarkError
from earmark.web import serializers
from earmark.web.access import changes_library
from earmark.web.errors import NotFound
from earmark.web.language import gettext, ngettext
from earmark.web.pages.blueprint import pages
from earmark.web.pages.posted import back_to, flash_undoable, genre_of_form, numbers_of_form
from earmark.web.request_context import server_state
from earmark.web.served import teaching

PER_PAGE = 50

EXCERPT = 5.0
"""Seconds; a shorter track is hardly a song."""

MOST_SUGGESTED = 1000
"""Artists that the page of the library carries along."""


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
    flash(gettext("%(name)s is %(genre)s now.", name=track.name, genre=genre))
    return back_to(url_for("pages.library"))


@pages.post("/library/tracks/<int:track_id>/remove")
@changes_library
def remove(track_id: int) -> ResponseReturnValue:
    """Take a track out."""
    track = teaching.remove_track(server_state(), track_id)
    flash(
        gettext(
            "%(name)s was removed. Corrections lists it, where it can be undone.",
            name=track.name,
        )
    )
    return back_to(url_for("pages.library"))


@pages.post("/library/tracks")
@changes_library
def change_chosen() -> ResponseReturnValue:
    """Label the chosen tracks, or take them out, as one step that can be undone."""
    chosen = numbers_of_form("track")
    genre = None if request.form.get("action") == "remove" else genre_of_form()
    made = teaching.change_tracks(server_state(), chosen, genre)
    if genre is None:
        line = ngettext(
            "Removed from the library: %(num)s track.",
            "Removed from the library: %(num)s tracks.",
            len(made),
        )
        flash_undoable(line, made)
    elif made:
        line = ngettext(
            "Labelled %(genre)s: %(num)s track.",
            "Labelled %(genre)s: %(num)s tracks.",
            len(made),
            genre=genre,
        )
        flash_undoable(line, made)
    else:
        flash(gettext("All of them were labelled %(genre)s by hand already.", genre=genre))
    return back_to(url_for("pages.library"))


@pages.get("/map")
def show_map() -> str:
    """Show all tracks as points."""
    return render_template("map.html")


@pages.get("/report")
def report() -> str:
    """Show how good the answers are."""
    served = server_state().served
    return render_template("report.html", report=served.report.get(), about=served.describe())


@pages.get("/report/tracks")
def report_tracks() -> str:
    """List the tracks of one cell of the confusion."""
    state = server_state()
    label, answer = request.args.get("genre", ""), request.args.get("answer", "")
    made = state.served.report.get()
    found = state.served.report.answers(label or None, answer or None)
    n_pages = max(1, -(-len(found) // PER_PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), n_pages)
    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    return render_template(
        "report-tracks.html",
        report=made,
        tracks=serializers.track_answers(state.music, state.library, shown),
        total=len(found),
        page=page,
        pages=n_pages,
        genre=label,
        answer=answer,
    )


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
