"""The page that describes the API, to be tried out."""

from __future__ import annotations

from flask import current_app, render_template, request

from earmark.web.api.reference import TAGS, operations
from earmark.web.api.snippets import snippets
from earmark.web.pages.blueprint import pages


@pages.get("/api/v1/docs")
def reference() -> str:
    """Describe the API, to be tried out."""
    shown = operations(current_app.extensions["earmark-openapi"])
    for operation in shown:
        operation["snippets"] = snippets(request.host_url.rstrip("/"), operation)
    return render_template("reference.html", operations=shown, tags=TAGS)
