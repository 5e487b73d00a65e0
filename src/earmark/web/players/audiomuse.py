"""The routes that plug-ins for AudioMuse-AI call, such as those of Navidrome and Ampache.

A plug-in whose address is set to this server works as it does with AudioMuse-AI. The requests and
answers are those of github.com/NeptuneHub/AudioMuse-AI (its API) and AudioMuse-AI-NV-plugin (what
the plug-in sends and reads).
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from apiflask import APIBlueprint
from flask import jsonify, request
from flask.typing import ResponseReturnValue

from earmark.errors import EarmarkError
from earmark.library import Track
from earmark.neighbors import fold_artist
from earmark.recommend import Recommender, Rules, Songs, Suggestion
from earmark.web.access import public
from earmark.web.problems import status_of, without_folders
from earmark.web.request_context import access, server_state
from earmark.words import one_line

blueprint = APIBlueprint("audiomuse", __name__, enable_openapi=False)

MOST = 1_000
REPRESENTATIVE = 5
"""Songs by which two artists are compared, at most."""
AMONG = 500
"""Songs like an artist's that are looked at for other artists."""


class Refused(Exception):
    """A request that gets no list: the status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    """Say why there is no list, as AudioMuse-AI does."""
    return jsonify({"error": str(error)}), error.status


@blueprint.errorhandler(EarmarkError)
def failed(error: EarmarkError) -> ResponseReturnValue:
    """Say what is wrong, as AudioMuse-AI does."""
    return jsonify({"error": without_folders(str(error))}), status_of(error)


@blueprint.before_request
def check_token() -> None:
    """Answer nobody who brings a wrong token, and without one only those who may read."""
    rules = access()
    if rules.refuses_bearer() or not rules.may_read():
        raise Refused(401, "Unauthorized")


@blueprint.get("/api/similar_tracks")
@public
def similar_tracks() -> ResponseReturnValue:
    """List songs like one."""
    track = _song("item_id")
    n = _number("n", 10, MOST)
    recommender = server_state().served.recommender.current()
    found = recommender.similar(Songs((track.id or 0,)), n, **_limits(recommender))
    return jsonify([_shown(one, 1 - one.similarity) for one in found])


@blueprint.get("/api/find_path")
@public
def find_path() -> ResponseReturnValue:
    """Lead from one song to another."""
    start, end = _song("start_song_id"), _song("end_song_id")
    if start.id == end.id:
        raise Refused(400, "Start and end are the same song.")
    n = max(2, _number("max_steps", 25, 200))
    recommender = server_state().served.recommender.current()
    found = recommender.path(start.id or 0, end.id or 0, n, **_limits(recommender))
    steps = [0.0, *(1 - one.similarity for one in found[1:])]
    path = [_shown(one, step) for one, step in zip(found, steps, strict=True)]
    return jsonify({"path": path, "total_distance": round(sum(steps), 6)})


@blueprint.get("/api/similar_artists")
@public
def similar_artists() -> ResponseReturnValue:
    """List artists whose songs sound like those of one."""
    state = server_state()
    asked = request.args.get("artist") or request.args.get("artist_id") or ""
    name = state.served.player_songs.artist(asked)
    own = _songs_by(name)
    if not own:
        raise Refused(404, f"There is no artist {one_line(asked)!r}.")
    recommender = state.served.recommender.current()
    like_theirs = recommender.similar(
        Songs(tuple(track.id or 0 for track in own[:100])),
        AMONG,
        left_out=state.served.player_songs.unknown(recommender),
        rules=Rules(per_artist=None, per_album=None, spacing=0),
    )
    by_artist: dict[str, list[Suggestion]] = {}
    for one in like_theirs:
        artist = fold_artist(one.track.artist)
        if artist is not None and artist != fold_artist(name):
            by_artist.setdefault(artist, []).append(one)
    best = {artist: songs[:REPRESENTATIVE] for artist, songs in by_artist.items()}
    # Of one song less is known than of several.
    likeness = {
        artist: sum(one.similarity for one in songs) / REPRESENTATIVE
        for artist, songs in best.items()
    }
    order = sorted(best, key=lambda artist: -likeness[artist])[: _number("n", 10, MOST)]
    has_songs = request.args.get("include_component_matches", "").lower() == "true"
    answer = []
    for artist in order:
        shown = one_line(best[artist][0].track.artist or artist)
        row: dict[str, Any] = {
            "artist": shown,
            "artist_id": state.served.player_songs.artist_id(shown),
            "divergence": round(1 - likeness[artist], 6),
        }
        if has_songs:
            row["component_matches"] = [
                {
                    "artist1_representative_songs": [_named(one) for one in own[:REPRESENTATIVE]],
                    "artist2_representative_songs": [_named(one.track) for one in best[artist]],
                }
            ]
        answer.append(row)
    return jsonify(answer)


def _song(field: str) -> Track:
    """Return the track of the song that a request names.

    Raises
    ------
    Refused
        It names none, or one that is no track.
    """
    state = server_state()
    song = request.args.get(field, "")
    if not song and field == "item_id" and request.args.get("title"):
        title, artist = request.args.get("title", ""), request.args.get("artist", "")
        for track in _songs_by(artist):
            if (track.title or "").casefold() == title.casefold():
                return track
        raise Refused(404, "There is no such song.")
    if not song:
        raise Refused(400, f"{field} is missing.")
    found = state.served.player_songs.track(song)
    if found is None:
        raise Refused(404, f"There is no song {one_line(song)!r} here.")
    return found


def _songs_by(artist: str) -> list[Track]:
    """Return the tracks of an artist that the player knows."""
    state = server_state()
    folded = fold_artist(artist)
    if folded is None:
        return []
    names = [name for name in state.library.artists() if name and fold_artist(name) == folded]
    tracks = [track for name in names for track in state.library.tracks(artist=name)]
    return [track for track in tracks if state.served.player_songs.song(track) is not None]


def _number(field: str, default: int, most: int) -> int:
    text = request.args.get(field, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or int(text[:10]) < 1:
        raise Refused(400, f"{field} must be a number from 1.")
    return min(most, int(text[:10]))


def _limits(recommender: Recommender) -> dict[str, Any]:
    caps = request.args.get("eliminate_duplicates", "true").lower() != "false"
    rules = Rules() if caps else Rules(per_artist=None, per_album=None, spacing=0, versions=True)
    return {"left_out": server_state().served.player_songs.unknown(recommender), "rules": rules}


def _shown(one: Suggestion, distance: float) -> dict[str, Any]:
    track = one.track
    return {
        "item_id": server_state().served.player_songs.song(track),
        "title": one_line(track.title or track.name),
        "author": one_line(track.artist or ""),
        "album": one_line(PurePath(track.path).parent.name) if track.path else "",
        "distance": round(distance, 6),
    }


def _named(track: Track) -> dict[str, Any]:
    item = server_state().served.player_songs.song(track)
    return {"item_id": item, "title": one_line(track.title or track.name)}
