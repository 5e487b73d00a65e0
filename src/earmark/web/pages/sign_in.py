"""Signing in and out."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from earmark.web.access import public
from earmark.web.pages.blueprint import pages
from earmark.web.pages.posted import own_path
from earmark.web.request_context import access


@pages.get("/sign-in")
@public
def sign_in() -> str:
    """Ask for the token."""
    return render_template("sign-in.html", wrong=False, next=request.args.get("next", ""))


@pages.post("/sign-in")
@public
def check_token() -> ResponseReturnValue:
    """Check the token and go on."""
    if not access().sign_in(request.form.get("token", "").strip()):
        page = render_template("sign-in.html", wrong=True, next=request.form.get("next", ""))
        return page, 401
    return redirect(own_path(request.form.get("next", "")) or url_for("pages.home"))


@pages.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Forget the token."""
    access().sign_out()
    return redirect(url_for("pages.home"))
