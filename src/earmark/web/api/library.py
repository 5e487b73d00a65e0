"""The library as a whole: what it holds, its map, and how good its answers are."""

from __future__ import annotations

from typing import Any

import numpy as np
from apiflask import APIBlueprint
from flask import Response

from earmark.web import serializers
from earmark.web.api import schemas
from earmark.web.api.paging import paged
from earmark.web.request_context import server_state

MOST_POINTS = 20_000
"""What is told of more would be many megabytes; the page of the map asks in another way."""

blueprint = APIBlueprint("library", __name__, tag="Library")


@blueprint.get("/library")
@blueprint.output(schemas.LibraryOut)
def get_library() -> Any:
    """See what the library holds."""
    return server_state().served.describe()


@blueprint.get("/map")
@blueprint.output(schemas.MapOut)
def get_map() -> Any:
    """Get every labelled track as a point in two dimensions; of a large library, a sample."""
    state = server_state()
    projection = state.served.projections.current()
    ids = projection.snapshot.ids
    rows = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), MOST_POINTS)).astype(int))
    tracks = state.library.get_many(ids[rows].tolist())
    # One that was taken out of the library just now has no name any more.
    shown = [
        (tracks[track_id], point)
        for track_id, point in zip(ids[rows].tolist(), projection.points[rows], strict=True)
        if track_id in tracks
    ]
    points = [
        {
            "id": track.id,
            "x": round(float(x), 5),
            "y": round(float(y), 5),
            "genre": track.genre,
            "track": track.name,
            "artist": track.artist,
            "title": track.title,
            "audio": serializers.audio_url(state.music, track),
        }
        for track, (x, y) in shown
    ]
    return {
        "revision": projection.snapshot.revision,
        "share": [float(share) for share in projection.share],
        "points": points,
    }


@blueprint.get("/map/points")
def get_points() -> Response:
    """Get every labelled track as a point, as columns of numbers in one binary body.

    Its layout stands in the documentation of the HTTP API. Of more than 200,000 tracks it has a
    part.
    """
    body = server_state().served.projections.current().packed
    return Response(body, mimetype="application/octet-stream")


@blueprint.get("/map/tracks")
@blueprint.input(schemas.MapTracksQuery, location="query")
@blueprint.output(schemas.MapTracksOut)
def get_map_tracks(query_data: dict[str, Any]) -> Any:
    """Get what some tracks are called and where they are on the map: by their ids, or by words."""
    state = server_state()
    library = state.library
    words = tuple(query_data.get("search", "").split())
    if words:
        tracks = library.tracks(search=words, labelled=True, limit=query_data["limit"])
        total = library.count(search=words, labelled=True)
    else:
        held = library.get_many(query_data["id"])
        tracks = [held[one] for one in dict.fromkeys(query_data["id"]) if one in held]
        total = len(tracks)
    ids = [track.id for track in tracks if track.id is not None]
    places = state.served.projections.current().places_of(ids)
    return {
        "tracks": [
            {
                "id": track_id,
                "x": None if place is None else round(place[0], 5),
                "y": None if place is None else round(place[1], 5),
                "genre": track.genre,
                "track": track.name,
                "artist": track.artist,
                "title": track.title,
                "audio": serializers.audio_url(state.music, track),
                "duration": track.duration,
            }
            for track_id, track in zip(ids, tracks, strict=True)
            for place in [places.get(track_id)]
        ],
        "total": total,
    }


@blueprint.get("/report")
@blueprint.output(schemas.ReportOut)
def get_report() -> Any:
    """See how good the answers are, measured on the library itself.

    The first request after a change starts the computation; ask again until it is done.
    """
    found = server_state().served.report.get()
    if found["report"] is not None:
        drawn = ("charts", "html")
        figures = {name: value for name, value in found["report"].items() if name not in drawn}
        found = {**found, "report": figures}
    return found


@blueprint.get("/report/tracks")
@blueprint.input(schemas.ReportTracksQuery, location="query")
@blueprint.output(schemas.ReportTracksOut)
def get_report_tracks(query_data: dict[str, Any]) -> Any:
    """See which tracks the report counts: of all, of a genre, or of one cell of its confusion.

    As long as the first report is being made there are none.
    """
    state = server_state()
    made = state.served.report.get()
    found = state.served.report.answers(query_data.get("genre"), query_data.get("answer"))
    page, per_page = query_data["page"], query_data["per_page"]
    shown = found[(page - 1) * per_page : page * per_page]
    pagination, headers = paged(len(found), page, per_page)
    body = {
        "state": made["state"],
        "revision": made["revision"],
        "tracks": serializers.track_answers(state.music, state.library, shown),
        "pagination": pagination,
    }
    return body, 200, headers
