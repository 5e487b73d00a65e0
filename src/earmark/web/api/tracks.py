"""The tracks of the library."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import url_for

from earmark.library import TrackChanges
from earmark.web import serializers
from earmark.web.access import changes_library, takes_song
from earmark.web.api import schemas
from earmark.web.api.bodies import takes_json
from earmark.web.api.paging import paged
from earmark.web.api.songs import SONG_PROBLEMS, near
from earmark.web.request_context import client_gone, saver, server_state, shown_name, uploaded
from earmark.web.served import teaching

blueprint = APIBlueprint("tracks", __name__, tag="Tracks")

CHANGE_PROBLEMS = {
    401: "The token is missing or wrong.",
    403: "Nothing can be changed.",
    404: "There is no such track.",
    409: "The library cannot be changed like this.",
    429: "Too many requests.",
    503: "Another process is writing.",
}


@blueprint.get("/tracks")
@blueprint.input(schemas.TracksQuery, location="query")
@blueprint.output(schemas.TracksOut)
def list_tracks(query_data: dict[str, Any]) -> Any:
    """List tracks, page by page."""
    state = server_state()
    page, per_page = query_data.pop("page"), query_data.pop("per_page")
    total = state.library.count(**query_data)
    found = state.library.tracks(**query_data, offset=(page - 1) * per_page, limit=per_page)
    pagination, headers = paged(total, page, per_page)
    tracks = [serializers.track(state.music, track) for track in found]
    return {"tracks": tracks, "pagination": pagination}, 200, headers


@blueprint.post("/tracks")
@changes_library
@takes_song
@blueprint.input(schemas.TrackIn, location="form_and_files")
@blueprint.output(schemas.TrackOut, status_code=201)
@blueprint.doc(responses={**SONG_PROBLEMS, **CHANGE_PROBLEMS})
def add_track(form_and_files_data: dict[str, Any]) -> Any:
    """Add a song with its genre.

    It counts in the next prediction. A recording that the library holds already is labelled anew.
    """
    state = server_state()
    file = uploaded("file")[0]
    state.served.require_unchanged()
    job = state.songs.submit_upload(saver(file), shown_name(file), picture=False)
    try:
        state.songs.wait(job, gone=client_gone())
    finally:
        state.jobs.forget(job)
    change = teaching.teach(
        state,
        job,
        form_and_files_data["genre"],
        artist=form_and_files_data.get("artist"),
        title=form_and_files_data.get("title"),
    )
    track = state.library.get(change.track_id)
    where = url_for("tracks.get_track", track_id=track.id)
    return serializers.track(state.music, track), 201, {"Location": where}


@blueprint.get("/tracks/<int:track_id>")
@blueprint.output(schemas.TrackOut)
@blueprint.doc(responses={404: "There is no such track."})
def get_track(track_id: int) -> Any:
    """Get one track."""
    state = server_state()
    return serializers.track(state.music, state.served.track(track_id))


@blueprint.patch("/tracks/<int:track_id>")
@changes_library
@takes_json
@blueprint.input(schemas.TrackChange)
@blueprint.output(schemas.TrackOut)
@blueprint.doc(responses=CHANGE_PROBLEMS)
def change_track(track_id: int, json_data: TrackChanges) -> Any:
    """Relabel a track, or change its artist or title."""
    state = server_state()
    return serializers.track(state.music, teaching.change_track(state, track_id, json_data))


@blueprint.delete("/tracks/<int:track_id>")
@changes_library
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=CHANGE_PROBLEMS)
def remove_track(track_id: int) -> Any:
    """Remove a track; the correction can be undone."""
    teaching.remove_track(server_state(), track_id)
    return ""


@blueprint.get("/tracks/<int:track_id>/similar")
@blueprint.input(schemas.SimilarQuery, location="query")
@blueprint.output(schemas.SimilarOut)
@blueprint.doc(responses={404: "There is no such track.", 409: "The library has no other tracks."})
def similar_tracks(track_id: int, query_data: dict[str, Any]) -> Any:
    """Find the tracks that a track sounds like."""
    state = server_state()
    served = state.served
    track = served.track(track_id)
    vector = served.library.vector(track_id)
    found = near(state, served, vector, query_data["k"] + 1, track)
    others = [neighbor for neighbor in found if neighbor["track_id"] != track_id]
    return {"neighbors": others[: query_data["k"]]}
