"""The page of the server's folder of music: what lies in it, and the table of its answers."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import render_template, request

from earmark.web.access import for_owner
from earmark.web.pages.blueprint import pages
from earmark.web.request_context import server_state

MOST_SHOWN = 200
"""Songs of a folder that are listed by name."""


@pages.get("/music")
@for_owner
def music() -> str:
    """Show what lies in a folder of the folder of music."""
    folder = request.args.get("folder", "")[:1000]
    found = server_state().music.contents(folder)
    here = PurePosixPath(folder)
    ways = [(path.name, path.as_posix()) for path in (here, *here.parents) if path.name]
    return render_template(
        "music.html",
        folder=folder,
        ways=ways[::-1],
        folders=[(PurePosixPath(path).name, path) for path in found.folders],
        songs=[(PurePosixPath(path).name, path) for path in found.songs[:MOST_SHOWN]],
        more_songs=max(0, len(found.songs) - MOST_SHOWN),
        below=len(found.below),
        more=found.more,
    )
