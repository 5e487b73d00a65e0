"""The sound of tracks: only of tracks of the library, and only under the folder of music."""

from __future__ import annotations

import re
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, abort, request, send_file

from earmark.web.access import for_owner
from earmark.web.api.schemas import PathIn
from earmark.web.request_context import server_state

blueprint = APIBlueprint("media", __name__, tag="Tracks", url_prefix="/media")

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

OTHER_TYPE = "application/octet-stream"


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
@blueprint.doc(
    responses={
        200: "The sound.",
        206: "The range of it that the header Range asks for.",
        404: "There is no such track, or its sound is not on this machine.",
        416: "The sound has no such range.",
    }
)
def track(track_id: int) -> Response:
    """Hear a track, or a range of its bytes."""
    state = server_state()
    file = state.music.file_of(state.served.track(track_id))
    if file is None:
        abort(404, "The sound of this track is not on this machine.")
    return _sound(file)


@blueprint.get("/music")
@for_owner
@blueprint.input(PathIn, location="query")
@blueprint.doc(
    responses={
        200: "The sound.",
        206: "The range of it that the header Range asks for.",
        403: "The path is outside the folder of music.",
        404: "There is no such song.",
        416: "The sound has no such range.",
    }
)
def song(query_data: dict[str, str]) -> Response:
    """Hear a song in the server's folder of music, or a range of its bytes.

    For those who may change the library.
    """
    return _sound(server_state().music.file(query_data["path"]))


def _sound(file: Path) -> Response:
    _settle_range(file.stat().st_size)
    kind = TYPES.get(file.suffix.lower(), OTHER_TYPE)
    answer = send_file(file, mimetype=kind, conditional=True, max_age=3600)
    # Where reading is closed, a proxy's cache must not open it.
    answer.cache_control.public = False
    answer.cache_control.private = True
    return answer
