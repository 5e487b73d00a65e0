"""What forms of pages post: a genre, and where to go back to."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from earmark.library import Change
from earmark.web.errors import BadRequest
from earmark.words import is_one_line, say

MOST_CHOSEN = 200
"""Tracks or changes that one form may name."""


def numbers_of_form(name: str) -> list[int]:
    """Return the numbers that a form holds under a name, each once.

    Raises
    ------
    BadRequest
        It holds none, or too many.
    """
    numbers = list(dict.fromkeys(request.form.getlist(name, type=int)))
    if not numbers:
        raise BadRequest(say("nothing was chosen; go back and choose a track"))
    if len(numbers) > MOST_CHOSEN:
        raise BadRequest(say("at most %(most)s can be chosen at once", most=MOST_CHOSEN))
    return numbers


def flash_undoable(line: str, changes: Sequence[Change]) -> None:
    """Tell of changes on the next page, with a button that takes all of them back."""
    flash({"line": line, "changes": [change.id for change in changes]})  # type: ignore[arg-type]


def genre_of_form() -> str:
    """Return the genre that a form holds.

    Raises
    ------
    BadRequest
        It holds none, or more than a line.
    """
    genre = " ".join(request.form.get("genre", "").split())
    if not is_one_line(genre, 100):
        raise BadRequest(say("a genre needs a name of 1 to 100 characters; go back and type one"))
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
