"""The page of the libraries that the server can go on with."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.pages.blueprint import pages
from earmark.web.request_context import server_state


@pages.get("/libraries")
@for_owner
def libraries() -> str:
    """List the libraries, that in use first."""
    return render_template("libraries.html", libraries=serializers.libraries(server_state()))


@pages.post("/libraries/<name>/choose")
@changes_library
def choose(name: str) -> ResponseReturnValue:
    """Go on with another library."""
    state = server_state()
    state.choose(name)
    flash(f"In use now: {state.library.name}.")
    return redirect(url_for("pages.libraries"))
