"""What the server tells its operator: one line an event, as text or as JSON.

At level ``info`` that is every request that is refused: method, route, status, kind of problem, the
client's address and the number of the request, which the answer has as ``X-Request-ID``. Names of
songs, paths and queries are in no line; ``debug`` adds the requests that were answered.
"""

from __future__ import annotations

import json
import logging
import secrets
import time

from flask import Flask, Response, g, request

from earmark.words import one_line

logger = logging.getLogger(__name__)

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

FIELDS = "earmark_fields"
"""Attribute of a log record that holds what an event is made of."""


class Lines(logging.Formatter):
    """One line an event; what broke down follows its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an event as text."""
        said = f"{record.levelname} {one_line(record.getMessage())}"
        return f"{said}\n{self.formatException(record.exc_info)}" if record.exc_info else said


class JsonLines(logging.Formatter):
    """One JSON object an event."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an event as JSON."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event = {
            "time": f"{when}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event)


def set_up(level: str, form: str) -> None:
    """Log to stderr from ``level`` on, in one of `FORMATS`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # What other libraries tell of themselves below a warning may name files.
    logging.getLogger("earmark").setLevel(level.upper())
    # It warns of every request that waits a moment for a thread, as at the start.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def request_id() -> str:
    """Return the number of this request."""
    if "request_id" not in g:
        g.request_id = secrets.token_hex(6)
    return str(g.request_id)


def route() -> str:
    """Return which kind of address was asked, such as ``/api/v1/tracks/<int:track_id>``."""
    return "none" if request.url_rule is None else request.url_rule.rule


def register(app: Flask) -> None:
    """Give every request of ``app`` a number, and log it."""
    app.after_request(_log)


def _log(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    refused = response.status_code >= 400
    level = logging.INFO if refused else logging.DEBUG
    if logger.isEnabledFor(level):
        fields = {
            "method": request.method[:10],
            "route": route(),
            "status": response.status_code,
            "problem": g.get("problem", ""),
            "address": request.remote_addr or "",
            "request": request_id(),
        }
        told = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        what = "refused" if refused else "answered"
        logger.log(level, "%s %s", what, told, extra={FIELDS: fields})
    return response
