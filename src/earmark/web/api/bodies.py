"""Which bodies the API takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, request

P = ParamSpec("P")
R = TypeVar("R")


def takes_json(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse a body that is not JSON, which would be read as one that says nothing.

    It stands above the ``input`` that reads the body.
    """

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not request.is_json and (request.mimetype or request.content_length):
            abort(415, "This takes JSON; send it as Content-Type: application/json.")
        return view(*args, **kwargs)

    return checked
