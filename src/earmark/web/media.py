"""The sound of tracks: only of tracks of the library, and only under the folder of music."""

from __future__ import annotations

import os
import re
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request, send_file

from earmark.audio import is_audio_name
from earmark.library import Track
from earmark.web.service import Service

blueprint = Blueprint("media", __name__, url_prefix="/media")

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""One range. Several, and units that nobody knows, are answered with the whole."""

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
    root = Path(os.path.realpath(service.config.music))
    # A library that was given away has no paths; its tracks are found where they lie as when it
    # was built: a folder for each genre, and the track's name.
    path = track.path or service.listing.find(root / str(track.genre), track.name)
    if path is None and track.taught:
        # One that was labelled by hand still lies in the folder of its former genre.
        path = service.listing.find_below(root, track.name)
    if path is None or not is_audio_name(path):
        return None
    try:
        file = Path(os.path.realpath(root / path))
        return file if file.is_relative_to(root) and file.is_file() else None
    except (OSError, ValueError):
        return None


def has_audio(service: Service, track: Track) -> bool:
    """Whether a track can be heard."""
    return audio_file(service, track) is not None


def _settle_range(length: int) -> None:
    """Leave only a range that RFC 9110 lets a server refuse; any other one is ignored.

    Parameters
    ----------
    length
        Of the file.
    """
    wanted = _RANGE.fullmatch(request.environ.pop("HTTP_RANGE", "").strip())
    if wanted is None or request.method != "GET":
        return
    first, last = wanted.groups()
    if first and last and int(last) < int(first):
        return
    if not first:
        if not last:
            return
        # The last bytes: none at all cannot be sent, and more than there are is the whole.
        first, last = str(length - min(int(last), length)), ""
    request.environ["HTTP_RANGE"] = f"bytes={first}-{last}"


@blueprint.get("/tracks/<int:track_id>")
def track(track_id: int) -> Response:
    """Send the sound of a track, or the asked range of it."""
    service: Service = current_app.extensions["earmark"]
    file = audio_file(service, service.get_track(track_id))
    if file is None:
        abort(404, "The sound of this track is not on this machine.")
    _settle_range(file.stat().st_size)
    kind = TYPES.get(file.suffix.lower(), "application/octet-stream")
    answer = send_file(file, mimetype=kind, conditional=True, max_age=3600)
    # Where reading is closed, a proxy's cache must not open it.
    answer.cache_control.public = False
    answer.cache_control.private = True
    return answer
