"""The folder of music of a server: what lies in it, and which genres its files could be given."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from earmark.web.access import for_owner
from earmark.web.api import music_schemas as schemas
from earmark.web.api.bodies import takes_json
from earmark.web.request_context import server_state
from earmark.web.songs.tag_plan import plan_of_tags

blueprint = APIBlueprint("music", __name__, tag="Music")

PROBLEMS = {
    401: "The token is missing or wrong.",
    403: "There is no folder of music, or the path is outside of it.",
    404: "There is no such folder or job.",
}


@blueprint.get("/music")
@for_owner
@blueprint.input(schemas.FolderQuery, location="query")
@blueprint.output(schemas.FolderOut)
@blueprint.doc(responses=PROBLEMS)
def list_music(query_data: dict[str, Any]) -> Any:
    """See what lies in the server's folder of music, or in a folder below.

    For those who may change the library.
    """
    found = server_state().music.contents(query_data["folder"])
    return {
        "folders": found.folders,
        "songs": found.songs,
        "below": found.below,
        "more": found.more,
    }


@blueprint.post("/tags/plan")
@for_owner
@takes_json
@blueprint.input(schemas.PlanIn)
@blueprint.output(schemas.PlanOut)
@blueprint.doc(
    responses={
        **PROBLEMS,
        400: "A song is not answered yet.",
        409: "What reads tags is not installed.",
        503: "The server stopped.",
    }
)
def plan_tags(json_data: dict[str, Any]) -> Any:
    """Propose genres for files in the server's folder of music; nothing is written.

    The proposals, one a line, are what `earmark tag --apply` takes.
    """
    state = server_state()
    jobs = [state.jobs.get(job_id) for job_id in json_data["jobs"]]
    proposals, left = plan_of_tags(
        state.pool, state.music, state.served.library, jobs, json_data["mode"]
    )
    return {
        "proposals": [one.to_json() for one in proposals],
        "left": [one.to_json() for one in left],
    }
