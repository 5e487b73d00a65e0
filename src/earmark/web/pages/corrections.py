"""The page that lists what was taught, and takes it back."""

from __future__ import annotations

from collections import Counter

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark.web import serializers
from earmark.web.access import changes_library, for_owner
from earmark.web.language import gettext, ngettext
from earmark.web.pages.blueprint import pages
from earmark.web.pages.posted import back_to, genre_of_form, numbers_of_form
from earmark.web.request_context import server_state
from earmark.web.served import teaching


@pages.get("/corrections")
def corrections() -> str:
    """List what was taught."""
    changes = server_state().library.history(200)
    return render_template(
        "corrections.html", corrections=[serializers.correction(c) for c in changes]
    )


@pages.post("/corrections")
@changes_library
def teach() -> ResponseReturnValue:
    """Take a correction from a form that was sent without scripts."""
    state = server_state()
    job = state.jobs.get(request.form.get("job", ""))
    genre = genre_of_form()
    teaching.teach(state, job, genre)
    flash(gettext("Learned: %(name)s is %(genre)s.", name=job.name, genre=genre))
    return redirect(url_for("pages.corrections"))


@pages.post("/corrections/undo")
@changes_library
def undo_all() -> ResponseReturnValue:
    """Take back several corrections that were made at once."""
    undone = teaching.undo_all(server_state(), numbers_of_form("change"))
    flash(
        ngettext(
            "Undone: %(num)s track is as it was.",
            "Undone: %(num)s tracks are as they were.",
            len(undone),
        )
    )
    return back_to(url_for("pages.corrections"))


@pages.get("/corrections/undo-all")
@for_owner
def ask_to_undo_everything() -> str:
    """Say what is lost when all corrections are undone, and ask."""
    library = server_state().library
    holding = teaching.holding_changes(library)
    counts = Counter(change.what for change in holding)
    return render_template("corrections-reset.html", total=len(holding), counts=counts)


@pages.post("/corrections/undo-all")
@changes_library
def undo_everything() -> ResponseReturnValue:
    """Take back all changes made by hand."""
    undone, left, kept = teaching.undo_everything(server_state())
    told = [ngettext("Undone: %(num)s correction.", "Undone: %(num)s corrections.", undone)]
    if left:
        told += [
            ngettext(
                "%(num)s could not be undone, since its track was changed since.",
                "%(num)s could not be undone, since their tracks were changed since.",
                left,
            )
        ]
    if kept is not None:
        told += [gettext("What the library was before is kept below Libraries.")]
    flash(" ".join(told))
    return redirect(url_for("pages.corrections"))


@pages.post("/corrections/<int:correction_id>/undo")
@changes_library
def undo(correction_id: int) -> ResponseReturnValue:
    """Take a correction back."""
    change = teaching.undo(server_state(), correction_id)
    name = serializers.correction(change)["track"]
    flash(gettext("Undone: %(name)s is as it was.", name=name))
    return back_to(url_for("pages.corrections"))
