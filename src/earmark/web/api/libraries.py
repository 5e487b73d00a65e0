"""The libraries that the server can go on with."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.api import library_schemas as schemas
from earmark.web.api.schemas import LibraryOut
from earmark.web.request_context import server_state

blueprint = APIBlueprint("libraries", __name__, tag="Library")

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
    return {"libraries": serializers.libraries(server_state())}


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
