"""Lists of songs: what sounds alike, a way from one song to another, playlists and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for

from earmark.errors import PlaylistError
from earmark.recommend import Rules, Suggestion
from earmark.recommend.files import Entry, written
from earmark.recommend.recommender import to_json
from earmark.web import serializers
from earmark.web.api import list_schemas as schemas
from earmark.web.request_context import server_state
from earmark.web.served.seeds import require_tracks, seeds
from earmark.web.state import ServerState

blueprint = APIBlueprint("lists", __name__, tag="Lists")

PROBLEMS = {
    400: "A song that was sent is not answered yet.",
    404: "There is no such track or job.",
    409: "The library has no tracks to choose from.",
    422: "A number is out of range, or there is no such genre or word.",
}
TYPES = {
    "m3u8": "audio/x-mpegurl; charset=utf-8",
    "m3u": "audio/x-mpegurl; charset=utf-8",
    "xspf": "application/xspf+xml",
    "jspf": "application/json",
}


@blueprint.get("/lists/similar")
@blueprint.input(schemas.SimilarListQuery, location="query")
@blueprint.output(schemas.SongsOut)
@blueprint.doc(responses=PROBLEMS)
def similar_list(query_data: dict[str, Any]) -> Any:
    """List tracks that sound like some others.

    No track is listed beside another recording or version of it; the rules say how many there may
    be of an artist and of an album. There are fewer than were asked for where the rules leave no
    more.
    """
    state = server_state()
    found = state.served.recommender.current().similar(
        seeds(state, query_data["song"], query_data["job"]),
        query_data["n"],
        **_choice(state, query_data),
        **_limits(query_data),
    )
    return _shown(state, "similar", found)


@blueprint.get("/lists/path")
@blueprint.input(schemas.PathQuery, location="query")
@blueprint.output(schemas.SongsOut)
@blueprint.doc(responses=PROBLEMS)
def path(query_data: dict[str, Any]) -> Any:
    """Lead from one track to another in small, even steps."""
    state = server_state()
    ends = query_data["start"], query_data["end"]
    require_tracks(state, ends)
    found = state.served.recommender.current().path(*ends, query_data["n"], **_limits(query_data))
    return _shown(state, "path", found)


@blueprint.get("/lists/playlist")
@blueprint.input(schemas.PlaylistQuery, location="query")
@blueprint.output(schemas.SongsOut)
@blueprint.doc(responses=PROBLEMS)
def playlist(query_data: dict[str, Any]) -> Any:
    """Make a playlist from tracks, or from what is typical of genres, in a smooth order."""
    state = server_state()
    n = query_data.get("n")
    found = state.served.recommender.current().playlist(
        seeds(state, query_data["song"], query_data["job"]),
        minutes=None if n is not None else query_data["minutes"],
        n=n,
        **_choice(state, query_data),
        **_limits(query_data),
    )
    return _shown(state, "playlist", found)


@blueprint.get("/lists/file")
@blueprint.input(schemas.SongsFileQuery, location="query")
@blueprint.doc(
    responses={
        200: "The playlist.",
        404: "There is no such track.",
        409: "None of the tracks can be heard on this machine.",
    }
)
def songs_file(query_data: dict[str, Any]) -> Any:
    """Write tracks as a playlist file that any player opens.

    The songs are named by their addresses at this server, so that a player on another machine finds
    them, too. Tracks that cannot be heard here are left out.
    """
    state = server_state()
    tracks = [state.served.track(track_id) for track_id in query_data["song"]]
    entries = [
        Entry(address, track.artist, track.title, track.duration)
        for track in tracks
        if track.id is not None and (address := _address(state, track)) is not None
    ]
    if not entries:
        raise PlaylistError(
            "none of these tracks can be heard on this machine; use a library of your own files"
        )
    ending = query_data["format"]
    content = written(entries, Path(f"earmark.{ending}"), query_data["title"])
    answer = Response(content, content_type=TYPES[ending])
    answer.headers["Content-Disposition"] = f'attachment; filename="earmark.{ending}"'
    return answer


def _address(state: ServerState, track: Any) -> str | None:
    if serializers.audio_url(state.music, track) is None:
        return None
    return url_for("media.track", track_id=track.id, _external=True)


def _choice(state: ServerState, query: dict[str, Any]) -> dict[str, Any]:
    """Return what a list that grows from songs is made by, as the recommender takes it."""
    return {
        "away": seeds(state, query["unlike"]),
        "variety": query["variety"],
        "seed": query["seed"],
    }


def _limits(query: dict[str, Any]) -> dict[str, Any]:
    """Return what every list keeps to, as the recommender takes it."""
    return {
        "genres": query["genre"],
        "not_genres": query["not_genre"],
        "words": query["word"],
        "not_words": query["not_word"],
        "left_out": query["left_out"],
        "rules": Rules(
            per_artist=query["per_artist"] or None,
            per_album=query["per_album"] or None,
            spacing=query["spacing"],
            versions=query["versions"],
        ),
    }


def _shown(state: ServerState, kind: str, found: Sequence[Suggestion]) -> dict[str, Any]:
    """Show a list; where its files lie is left out."""
    answer = to_json(kind, found)
    for shown, song in zip(answer["tracks"], found, strict=True):
        del shown["path"]
        shown["audio"] = serializers.audio_url(state.music, song.track)
    return answer
