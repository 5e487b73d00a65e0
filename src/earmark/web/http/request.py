"""Requests that leave no open file behind, and whose query can be read whatever it is."""

from __future__ import annotations

import string
from typing import IO, Any
from urllib.parse import quote

import flask

from earmark.web.http.forms import RECEIVED_FORM


class Request(flask.Request):
    """A request whose uploaded files are closed at its end, and whose query is ASCII.

    Werkzeug closes the files of a form that it read to the end. Where a form is refused in the
    middle, as one of too many parts, the files read so far would stay open until they are
    collected: up to a thousand for each such request. And it cannot read a query with bytes that
    are not UTF-8, where a server lets them through; here they are as a browser sends them.
    """

    def __init__(self, environ: dict[str, Any], *arguments: Any, **named: Any) -> None:
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():
            environ["QUERY_STRING"] = quote(query, safe=string.printable, encoding="latin-1")
        super().__init__(environ, *arguments, **named)

    def make_form_data_parser(self) -> Any:
        """Return what reads the form; a large one was read when it came in."""
        form = self.environ.get(RECEIVED_FORM)
        return super().make_form_data_parser() if form is None else form

    def _get_file_stream(self, *arguments: Any, **named: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*arguments, **named)
        self.__dict__.setdefault("streams", []).append(stream)
        return stream

    def close(self) -> None:
        """Close every file of the form."""
        super().close()
        for stream in self.__dict__.get("streams", ()):
            stream.close()
