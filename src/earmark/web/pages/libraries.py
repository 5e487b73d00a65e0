"""The page of the libraries that the server can go on with."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.pages.blueprint import pages
from earmark.web.request_context import server_state


@pages.get("/libraries")
@for_owner
def libraries() -> str:
    """List the libraries, that in use first."""
    state = server_state()
    latest = state.building.latest
    return render_template(
        "libraries.html",
        libraries=serializers.libraries(state),
        making=None if latest is None else serializers.making(latest),
        folder=request.args.get("folder", "")[:1000],
    )


@pages.post("/libraries")
@changes_library
def make() -> ResponseReturnValue:
    """Begin to make a library of a folder of music."""
    name = " ".join(request.form.get("name", "").split())
    server_state().building.start(
        name,
        request.form.get("folder", "")[:1000].strip(),
        genre_level=request.form.get("genre_level", type=int),
    )
    return redirect(url_for("pages.libraries", _anchor="making"))


@pages.post("/libraries/build/cancel")
@changes_library
def cancel_build() -> ResponseReturnValue:
    """Call off the library that is being made."""
    server_state().building.cancel()
    flash("Called off. Nothing of that library stays.")
    return redirect(url_for("pages.libraries"))


@pages.post("/libraries/<name>/choose")
@changes_library
def choose(name: str) -> ResponseReturnValue:
    """Go on with another library."""
    state = server_state()
    state.choose(name)
    flash(f"In use now: {state.library.name}.")
    return redirect(url_for("pages.libraries"))
