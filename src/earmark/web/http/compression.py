"""Text answers made smaller on their way, for clients that take them so.

Pages carry the secret of their forms beside words of the visitor, which is what guessing by length
(BREACH) needs; but a page of another site cannot make a browser send the cookie that the secret
belongs to, since that is ``SameSite=Strict``.
"""

from __future__ import annotations

import gzip
import threading

from flask import Response, request

TEXTS = frozenset(
    {
        "application/json",
        "application/manifest+json",
        "application/problem+json",
        "image/svg+xml",
        "text/css",
        "text/html",
        "text/javascript",
        "text/plain",
    }
)

SMALLEST = 1000
"""Bytes; below it there is little to save."""

LEVEL = 6


class Compression:
    """Sends texts as gzip; what never changes is compressed once."""

    def __init__(self) -> None:
        self._static: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def shrink(self, response: Response) -> Response:
        """Compress the body of an answer, where that is worth it and the client takes it."""
        is_static = request.endpoint == "static" and response.status_code == 200
        if response.mimetype not in TEXTS or response.status_code in (204, 206, 304):
            return response
        if response.is_streamed and not is_static:
            return response
        if "Content-Encoding" in response.headers:
            return response
        # Also where it is sent as it is: a cache must not give either to the wrong client.
        response.vary.add("Accept-Encoding")
        if request.method == "HEAD" or not request.accept_encodings["gzip"]:
            return response
        response.direct_passthrough = False
        body = response.get_data()
        if len(body) < SMALLEST:
            return response
        packed = self._static_body(request.path, body) if is_static else _pack(body)
        response.set_data(packed)
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag is not None:
            # The same text in other bytes.
            response.set_etag(etag, weak=True)
        return response

    def _static_body(self, path: str, body: bytes) -> bytes:
        # Their paths change with their contents.
        with self._lock:
            if path not in self._static:
                self._static[path] = _pack(body)
            return self._static[path]


def _pack(body: bytes) -> bytes:
    # Without the time, so that the same answer is the same bytes.
    return gzip.compress(body, LEVEL, mtime=0)
