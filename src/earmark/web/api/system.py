"""Whether the server is well, and this API's own description."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from earmark.version import __version__
from earmark.web.access import public
from earmark.web.api import schemas
from earmark.web.request_context import server_state

blueprint = APIBlueprint("system", __name__, tag="System")


@blueprint.get("/health")
@public
@blueprint.output(schemas.HealthOut)
def health() -> Any:
    """Ask whether the server runs."""
    return {"status": "ok", "version": __version__}


@blueprint.get("/ready")
@public
@blueprint.output(schemas.ReadyOut)
@blueprint.doc(responses={503: "Not yet, or not now."})
def ready() -> Any:
    """Ask whether the server can take songs now."""
    state = server_state()
    is_ready = state.is_ready()
    body = {
        "ready": is_ready,
        "workers": state.pool.started,
        "working": state.pool.working,
        "waiting": state.pool.waiting,
    }
    return body, 200 if is_ready else 503
