"""The libraries that the server can go on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.api import library_schemas as schemas
from earmark.web.api.bodies import takes_json
from earmark.web.api.schemas import LibraryOut
from earmark.web.request_context import server_state

blueprint = APIBlueprint("libraries", __name__, tag="Library")

FILE_TYPE = "application/vnd.sqlite3"

PART = 2**18
"""Bytes."""

PROBLEMS = {
    401: "The token is missing or wrong.",
    403: "Nothing can be changed from outside.",
    404: "There is no such library.",
    409: "The library cannot be used.",
    503: "Another library is being chosen, made or removed at this moment.",
}


@blueprint.get("/libraries")
@for_owner
@blueprint.output(schemas.LibrariesOut)
def list_libraries() -> Any:
    """See which libraries there are: the user's own, and those of the package.

    For those who may change the library.
    """
    return _all()


def _all() -> dict[str, Any]:
    state = server_state()
    return {
        "libraries": serializers.libraries(state),
        "removed": serializers.removed_libraries(state),
    }


@blueprint.get("/libraries/<string:name>/file")
@for_owner
@blueprint.input(schemas.FileQuery, location="query")
@blueprint.doc(responses={200: "The library.", **PROBLEMS})
def download(name: str, query_data: dict[str, Any]) -> Response:
    """Get a library as one file, as it is at this moment, also while it is changed.

    For those who may change the library.
    """
    state = server_state()
    shelved = state.libraries.find(name)
    copy = state.copy_of(shelved, packed=not query_data["whole"])
    answer = Response(_parts(copy), mimetype=FILE_TYPE)
    answer.content_length = copy.stat().st_size
    answer.call_on_close(lambda: state.uploads.discard(copy))
    answer.cache_control.no_store = True
    answer.headers.set("Content-Disposition", "attachment", filename=f"{shelved.title}.earmark")
    return answer


@blueprint.post("/libraries")
@changes_library
@takes_json
@blueprint.input(schemas.BuildIn)
@blueprint.output(schemas.BuildOut, status_code=202)
@blueprint.doc(
    responses={
        **PROBLEMS,
        403: "There is no folder of music, or the path is outside of it.",
        404: "There is no such folder of music.",
        409: "There is a library of that name, or one is being made.",
    }
)
def make(json_data: dict[str, Any]) -> Any:
    """Begin to make a library of a folder of the server's music.

    One is made at a time, when nobody waits for a song. Ask how far it is.
    """
    making = server_state().building.start(
        json_data["name"],
        json_data["folder"],
        genre_level=json_data["genre_level"],
        extractor=json_data["extractor"],
    )
    where = url_for("libraries.get_build")
    return serializers.making(making), 202, {"Location": where}


@blueprint.get("/libraries/build")
@for_owner
@blueprint.output(schemas.BuildOut)
@blueprint.doc(
    responses={401: PROBLEMS[401], 403: PROBLEMS[403], 404: "None was made since the start."}
)
def get_build() -> Any:
    """Ask how far the library is that is being made, or what became of the last one.

    For those who may change the library.
    """
    return serializers.making(server_state().building.get())


@blueprint.delete("/libraries/build")
@changes_library
@blueprint.output({}, status_code=204)
@blueprint.doc(responses={404: "None was made since the start."})
def cancel_build() -> Any:
    """Call off the library that is being made; nothing of it stays."""
    server_state().building.cancel()
    return ""


@blueprint.delete("/libraries/<string:name>")
@changes_library
@blueprint.output(schemas.LibrariesOut)
@blueprint.doc(responses=PROBLEMS)
def remove(name: str) -> Any:
    """Remove your own library, or one that was made here; it can be put back."""
    server_state().remove(name)
    return _all()


@blueprint.post("/libraries/removed/<string:name>/put-back")
@changes_library
@blueprint.output(schemas.LibrariesOut)
@blueprint.doc(responses=PROBLEMS)
def put_back(name: str) -> Any:
    """Put back a library that was removed.

    Where there is one of its name by now, it comes with the time behind its name.
    """
    server_state().put_back(name)
    return _all()


@blueprint.delete("/libraries/removed/<string:name>")
@changes_library
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=PROBLEMS)
def delete_removed(name: str) -> Any:
    """Delete for good a library that was removed."""
    server_state().delete_removed(name)
    return ""


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while part := stream.read(PART):
            yield part


@blueprint.post("/libraries/<string:name>/choose")
@changes_library
@blueprint.output(LibraryOut)
@blueprint.doc(responses=PROBLEMS)
def choose(name: str) -> Any:
    """Go on with another library, until the server ends.

    Songs under way end with the library that they began with.
    """
    state = server_state()
    state.choose(name)
    return state.served.describe()
