"""Which bodies the API takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, request

P = ParamSpec("P")
R = TypeVar("R")

LARGEST = 2**20
"""Bytes of JSON; what the API takes are a few names."""


def takes_json(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse a body that is not JSON, which would be read as one that says nothing.

    Also one that is beyond what the reader of JSON can take.

    It stands above the ``input`` that reads the body.
    """

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not request.is_json and (request.mimetype or request.content_length):
            abort(415, "This takes JSON; send it as Content-Type: application/json.")
        _check(request.get_data(cache=True))
        return view(*args, **kwargs)

    return checked


def _check(body: bytes) -> None:
    if len(body) > LARGEST:
        abort(413, f"This is more than {LARGEST // 2**20} MB of JSON.")
    try:
        json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        # Told with its place by what reads it for the view.
        return
    except (RecursionError, ValueError):
        abort(400, "This JSON is nested too deeply, or has a number with too many digits.")
