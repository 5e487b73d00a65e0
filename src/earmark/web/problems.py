"""Errors as answers: problem documents (RFC 9457) for programs, one clear line for people."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, g, json, render_template, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from earmark import errors
from earmark.errors import EarmarkError
from earmark.schemas import schema
from earmark.web.access import PAGES
from earmark.web.config import MEGABYTE
from earmark.web.errors import BadRequest, NotAllowed, NotFound
from earmark.web.http.log import request_id, route
from earmark.words import say

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"

STATUS: dict[type[EarmarkError], int] = {
    errors.AudioNotFound: 404,
    errors.NotAudio: 415,
    errors.NoAudioStream: 415,
    errors.AudioError: 422,
    errors.FeatureError: 422,
    errors.TrackNotFound: 404,
    errors.ChangeNotFound: 404,
    errors.LibraryReadOnly: 403,
    errors.LibraryBusy: 503,
    errors.LibraryUnreachable: 503,
    errors.LibraryRefused: 403,
    errors.LibraryEmpty: 409,
    errors.LibraryError: 409,
    errors.CollectionError: 422,
    errors.RecommendError: 422,
    errors.PlaylistError: 409,
    errors.PlayerError: 502,
    errors.Busy: 503,
    errors.TookTooLong: 422,
    errors.TookTooMuchMemory: 422,
    errors.WorkerDied: 422,
    errors.WorkersDoNotStart: 503,
    errors.Canceled: 409,
    errors.Shutdown: 503,
    NotFound: 404,
    NotAllowed: 403,
    BadRequest: 400,
    EarmarkError: 500,
}
"""The status of an error is that of the nearest class that stands here."""

TOO_MANY_PARTS = (
    "This form has more than {parts:,} parts, or more than {text} kB of text in one field. "
    "Send fewer files at once, and songs as files."
)

LINES = {
    404: say("There is no such page."),
    405: say("This address does not take that kind of request."),
}
"""Instead of the framework's own words."""

RETRY_AFTER = {503: "5"}


def status_of(error: EarmarkError) -> int:
    """Return the HTTP status that fits an error."""
    for kind in type(error).__mro__:
        if issubclass(kind, EarmarkError) and kind in STATUS:
            return STATUS[kind]
    return 500


def kind_of(error: EarmarkError) -> str:
    """Return the identifier of a kind of error, such as ``urn:earmark:problem:audio-silent``."""
    name = type(error).__name__
    dashed = "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
    return f"urn:earmark:problem:{dashed}"


def problem(error: EarmarkError) -> dict[str, Any]:
    """Return an error as the body of a problem document."""
    status = status_of(error)
    return {
        "schema": schema("problem"),
        "type": kind_of(error),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": without_folders(str(error)),
    }


def without_folders(line: str) -> str:
    """Return what an answer may say of ``line``: files by their names, not where they lie here.

    Nor does it say which server keeps the library.
    """
    line = re.sub(r"\bpostgresql://\S*?(?=: |\s|$)", "the library", line)
    for folder in _spellings(current_app.extensions["earmark-folders"]()):
        line = _without(folder, line)
    return line


def _spellings(folders: list[Path]) -> list[Path]:
    """Return folders as lines may name them, with links and without, the deepest first."""
    found = {form for path in folders for form in (path.absolute(), Path(os.path.realpath(path)))}
    return sorted(
        (path for path in found if path.name), key=lambda path: len(path.parts), reverse=True
    )


def _without(folder: Path, line: str) -> str:
    # Only where it begins a path: a client's own may have such a part.
    place = rf"(?<![^\s'\"(]){re.escape(str(folder))}"
    line = re.sub(rf"{place}{re.escape(os.sep)}", "", line)
    return re.sub(rf"{place}(?=[\s'\":,;)]|$)", lambda _: folder.name, line)


def answer_problem(
    status: int,
    detail: str,
    *,
    kind: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """Answer a request with what went wrong, in the form that its sender understands."""
    detail = without_folders(detail)
    g.problem = "" if kind == "about:blank" else kind.rpartition(":")[2]
    if request.blueprint == "plain":
        response = Response(detail + "\n", mimetype="text/plain")
    elif _wants_page():
        # What was wrong may be the library, so the page does without it.
        g.without_library = True
        page = render_template("error.html", status=status, line=detail)
        response = Response(page, mimetype="text/html")
    else:
        try:
            title = HTTPStatus(status).phrase
        except ValueError:
            title = "Error"
        body = {
            "schema": schema("problem"),
            "type": kind,
            "title": title,
            "status": status,
            "detail": detail,
            **(extra or {}),
        }
        response = Response(json.dumps(body), content_type=PROBLEM_TYPE)
    response.status_code = status
    if status in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[status]
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="earmark"'
    response.headers.update(headers or {})
    return response


def _wants_page() -> bool:
    """Whether a person waits for the answer; addresses that do not exist go by what is accepted."""
    if request.blueprint is not None:
        return request.blueprint in PAGES
    accepts_html = "text/html" in request.headers.get("Accept", "")
    return accepts_html and not request.path.startswith("/api/")


def answer_error(error: EarmarkError) -> Response:
    """Answer a request with an error of ours."""
    status = status_of(error)
    if status >= 500 and status != 503:
        logger.error("request=%s %s: %s", request_id(), route(), without_folders(str(error)))
    return answer_problem(status, str(error), kind=kind_of(error))


def _is_stock(error: HTTPException) -> bool:
    return error.description == type(error).description


def _answer_http(error: HTTPException) -> Response:
    if error.response is not None:
        return cast(Response, error.get_response())
    line = LINES.get(error.code or 500) if _is_stock(error) else error.description
    line = line or error.description or "Something is wrong with this request."
    if isinstance(error, RequestEntityTooLarge) and _is_stock(error):
        line = _too_large()
    headers = {
        name: value
        for name, value in Headers(error.get_headers())
        if name in ("Allow", "Retry-After", "Content-Range", "Location")
    }
    return answer_problem(error.code or 500, line, headers=headers)


def too_large(limit: int) -> str:
    """Say that a request is beyond a limit in bytes."""
    return say(
        "This is larger than the limit of %(limit)s MB. Send a shorter piece.",
        limit=limit // MEGABYTE,
    )


def _too_large() -> str:
    """Say which limit a request is beyond: that of all its bytes, or one of its form."""
    limit = request.max_content_length or 0
    if limit and (request.content_length is None or request.content_length > limit):
        return too_large(limit)
    return TOO_MANY_PARTS.format(
        parts=request.max_form_parts, text=(request.max_form_memory_size or 0) // 1000
    )


def _answer_unexpected(error: Exception) -> Response:
    logger.exception("request=%s %s failed", request_id(), route())
    return answer_problem(500, say("Earmark made a mistake here. The server's log says which."))


def _answer_validation(error: HTTPError) -> Response:
    """Answer what APIFlask found wrong with a request's data."""
    found = error.detail if isinstance(error.detail, dict) else {}
    lines = [
        ("" if name == "_schema" else f"{name}: ")
        + (" ".join(map(str, what)) if isinstance(what, list) else str(what))
        for fields in found.values()
        if isinstance(fields, dict)
        for name, what in fields.items()
    ]
    return answer_problem(
        error.status_code,
        " ".join(lines) or str(error.message),
        kind="urn:earmark:problem:validation",
        headers=dict(Headers(error.headers)),
        extra={"errors": found} if found else None,
    )


def register(app: APIFlask, folders: Callable[[], list[Path]]) -> None:
    """Let ``app`` answer every error like this.

    ``folders`` returns the folders of this machine that no answer names.
    """
    app.extensions["earmark-folders"] = folders
    app.error_processor(_answer_validation)
    app.register_error_handler(EarmarkError, answer_error)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)
