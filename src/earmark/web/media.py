"""The sound of tracks: only of tracks of the library, and only under the folder of music."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, current_app, send_file

from earmark.audio import is_audio_name
from earmark.library import Track
from earmark.web.service import Service

blueprint = Blueprint("media", __name__, url_prefix="/media")

TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "audio/webm",
}
"""Whatever a file holds, it is never served as something that a browser would run."""


def audio_file(service: Service, track: Track) -> Path | None:
    """Return the file of a track, if it lies under the folder of music; links are followed."""
    if service.config.music is None:
        return None
    root = service.config.music.resolve()
    # A library that was given away has no paths; its tracks are found where they lie as when it
    # was built: a folder for each genre, and the track's name.
    path = track.path or service.listing.find(root / str(track.genre), track.name)
    if path is None or not is_audio_name(path):
        return None
    try:
        file = (root / path).resolve()
        return file if file.is_relative_to(root) and file.is_file() else None
    except (OSError, ValueError):
        return None


def has_audio(service: Service, track: Track) -> bool:
    """Whether a track can be heard."""
    return audio_file(service, track) is not None


@blueprint.get("/tracks/<int:track_id>")
def track(track_id: int) -> Response:
    """Send the sound of a track, or the asked range of it."""
    service: Service = current_app.extensions["earmark"]
    file = audio_file(service, service.get_track(track_id))
    if file is None:
        abort(404, "The sound of this track is not on this machine.")
    kind = TYPES.get(file.suffix.lower(), "application/octet-stream")
    answer = send_file(file, mimetype=kind, conditional=True, max_age=3600)
    # Where reading is closed, a proxy's cache must not open it.
    answer.cache_control.public = False
    answer.cache_control.private = True
    return answer
