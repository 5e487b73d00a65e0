"""What forms of pages post: a genre, and where to go back to."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import redirect, request
from flask.typing import ResponseReturnValue

from earmark.web.errors import BadRequest
from earmark.words import is_one_line


def genre_of_form() -> str:
    """Return the genre that a form holds.

    Raises
    ------
    BadRequest
        It holds none, or more than a line.
    """
    genre = " ".join(request.form.get("genre", "").split())
    if not is_one_line(genre, 100):
        raise BadRequest("a genre needs a name of 1 to 100 characters; go back and type one")
    return genre


def back_to(otherwise: str) -> ResponseReturnValue:
    """Lead back to where the form was, or at least to a path of ours; never to another site."""
    return redirect(own_path(request.form.get("back", "")) or otherwise)


def own_path(target: str) -> str | None:
    """Return a path that somebody sent, None where it leads to another site."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    is_own = not parts.scheme and not parts.netloc and target.startswith("/")
    # Browsers read a backslash as a slash: /\elsewhere.
    return target if is_own and "\\" not in target and not target.startswith("//") else None
