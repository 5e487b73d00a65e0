"""The page of the libraries that the server can go on with."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.errors import BadRequest
from earmark.web.language import gettext
from earmark.web.pages.blueprint import pages
from earmark.web.request_context import server_state
from earmark.words import say


@pages.get("/libraries")
@for_owner
def libraries() -> str:
    """List the libraries, that in use first."""
    state = server_state()
    latest = state.building.latest
    return render_template(
        "libraries.html",
        libraries=serializers.libraries(state),
        removed=serializers.removed_libraries(state),
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
    flash(gettext("Called off. Nothing of that library stays."))
    return redirect(url_for("pages.libraries"))


@pages.get("/libraries/<name>/remove")
@for_owner
def ask_to_remove(name: str) -> str:
    """Say what is lost when a library is removed, and ask."""
    state = server_state()
    shelved = state.libraries.find(name)
    facts = state.libraries.describe(shelved)
    return render_template("library-remove.html", one=shelved, facts=facts, name=name)


@pages.post("/libraries/<name>/remove")
@changes_library
def remove_library(name: str) -> ResponseReturnValue:
    """Remove a library."""
    removed = server_state().remove(name)
    flash(gettext("Removed: %(name)s. It can be put back below.", name=removed.title))
    return redirect(url_for("pages.libraries", _anchor="removed-head"))


@pages.post("/libraries/removed/<name>/put-back")
@changes_library
def put_back(name: str) -> ResponseReturnValue:
    """Put back what was removed."""
    flash(gettext("Put back: %(name)s.", name=server_state().put_back(name)))
    return redirect(url_for("pages.libraries"))


@pages.post("/libraries/removed/<name>/delete")
@changes_library
def delete_removed(name: str) -> ResponseReturnValue:
    """Delete for good what was removed."""
    if request.form.get("sure") != "yes":
        raise BadRequest(say("tick the box beside the button if it is to be deleted for good"))
    server_state().delete_removed(name)
    flash(gettext("Deleted for good: %(name)s.", name=name))
    return redirect(url_for("pages.libraries", _anchor="removed-head"))


@pages.post("/libraries/<name>/choose")
@changes_library
def choose(name: str) -> ResponseReturnValue:
    """Go on with another library."""
    state = server_state()
    state.choose(name)
    flash(gettext("In use now: %(name)s.", name=state.library.name))
    return redirect(url_for("pages.libraries"))
