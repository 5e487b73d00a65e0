"""Teach the library, see what it was taught, and take it back."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from earmark.web import serializers
from earmark.web.access import changes_library
from earmark.web.api import schemas
from earmark.web.api.bodies import takes_json
from earmark.web.api.library_schemas import ResetOut
from earmark.web.api.tracks import CHANGE_PROBLEMS
from earmark.web.request_context import server_state
from earmark.web.served import teaching

blueprint = APIBlueprint("corrections", __name__, tag="Teaching")


@blueprint.get("/corrections")
@blueprint.input(schemas.LimitQuery, location="query")
@blueprint.output(schemas.CorrectionsOut)
def list_corrections(query_data: dict[str, Any]) -> Any:
    """List the changes made by hand, newest first."""
    changes = server_state().library.history(query_data["limit"])
    return {"corrections": [serializers.correction(change) for change in changes]}


@blueprint.post("/corrections")
@changes_library
@takes_json
@blueprint.input(schemas.CorrectionIn)
@blueprint.output(schemas.CorrectionOut, status_code=201)
@blueprint.doc(responses=CHANGE_PROBLEMS)
def correct(json_data: dict[str, Any]) -> Any:
    """Say which genre a song has that was just classified.

    The song goes into the library and counts in the next prediction. The genre may be new.
    """
    state = server_state()
    job = state.jobs.get(json_data["job"])
    change = teaching.teach(
        state,
        job,
        json_data["genre"],
        artist=json_data.get("artist"),
        title=json_data.get("title"),
    )
    return serializers.correction(change), 201


@blueprint.post("/corrections/undo-all")
@changes_library
@blueprint.output(ResetOut)
@blueprint.doc(responses=CHANGE_PROBLEMS)
def undo_all() -> Any:
    """Take back all changes made by hand, after a copy of the library was kept."""
    undone, left, kept = teaching.undo_everything(server_state())
    return {"undone": undone, "left": left, "kept": None if kept is None else kept.name}


@blueprint.post("/corrections/<int:correction_id>/undo")
@changes_library
@blueprint.output(schemas.CorrectionOut)
@blueprint.doc(responses=CHANGE_PROBLEMS)
def undo(correction_id: int) -> Any:
    """Take back a change."""
    return serializers.correction(teaching.undo(server_state(), correction_id))
