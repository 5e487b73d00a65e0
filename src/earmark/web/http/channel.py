"""One connection of a server, and one request as it comes in: what is kept of it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver
from waitress.task import WSGITask
from waitress.utilities import RequestEntityTooLarge as BodyTooLarge
from werkzeug.exceptions import RequestEntityTooLarge

from earmark.errors import Busy
from earmark.web.access import ADMITTED, DROP_BODY, REFUSED, network_of
from earmark.web.http.forms import RECEIVED_FORM, FormBuffer
from earmark.web.http.limits import ServerLimits

if TYPE_CHECKING:
    from earmark.web.http.server import Server

logger = logging.getLogger(__name__)

SMALL_BODY = 16 * 1024
"""Bytes of a body that count for no limit."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request as it comes in."""

    error: Any
    """What waitress found wrong with it."""
    path = ""
    """Waitress asks for it where a client goes away, also of what was no request at all."""

    def __init__(self, adj: Adjustments, channel: Channel) -> None:
        super().__init__(adj)
        self._channel = channel
        self.began = self.body_began = time.monotonic()
        self.refusal: Exception | None = None
        self.form: FormBuffer | None = None
        self.asked = False
        self._counted = 0
        self._lock = threading.Lock()

    def received(self, data: bytes) -> int:
        """Take bytes; return how many of them are used."""
        body_was_due = self.body_rcv is not None
        try:
            used = int(super().received(data))
        except OSError as error:
            logger.error("an upload cannot be kept: %s", error.strerror)
            return self._throw_away(data, Busy("uploads cannot be kept now; try again later"))
        if isinstance(self.error, BodyTooLarge):
            # The application says it in the form that the client understands.
            self.error = None
            return self._throw_away(data, RequestEntityTooLarge(self._channel.server.too_large))
        if self.error is not None or self.body_rcv is None:
            return used
        if not body_was_due:
            self.body_began = time.monotonic()
            if self.command in SAFE_METHODS:
                # Nothing reads it.
                return self._throw_away(data, None)
            self.asked = True
            refusal = self._channel.server.ask(self._channel, self)
            if refusal is not None:
                return self._throw_away(data, refusal)
            self._read_form_as_it_comes()
            return used
        if not self._count():
            return self._throw_away(data, Busy("too many uploads wait; try again in a moment"))
        return used

    def _read_form_as_it_comes(self) -> None:
        """Let the files of a large form be written where they are heard from, and only there."""
        form = self._channel.server.form_of(self)
        if form is not None and isinstance(self.body_rcv, (ChunkedReceiver, FixedStreamReceiver)):
            self.body_rcv.buf = self.form = form

    def _count(self) -> bool:
        """Count what is held of the body; False where there is no room for it."""
        more = self.body_bytes_received - self._counted
        if self.body_bytes_received <= SMALL_BODY or more <= 0:
            return True
        with self._lock:
            if not self._channel.server.bodies.take(self._channel.address, more):
                return False
            self._counted += more
        return True

    def _throw_away(self, data: bytes, refusal: Exception | None) -> int:
        """Answer without the body, of which no more is stored."""
        self.close()
        self.refusal = refusal
        self.body_rcv = None
        self.chunked = self.expect_continue = False
        self.headers["CONTENT_LENGTH"] = "0"
        self.headers["CONNECTION"] = "close"
        self.connection_close = self.completed = True
        self._channel.discarding = True
        return len(data)

    def is_late(self, now: float, limits: ServerLimits) -> bool:
        """Whether it should have come by now."""
        if not self.headers_finished:
            return now - self.began > limits.header
        in_time = limits.body_grace + self.body_bytes_received / limits.body_rate
        return bool(now - self.body_began > in_time)

    def close(self) -> None:
        """Let go of the body; may be called several times, from any thread."""
        with self._lock:
            counted, self._counted = self._counted, 0
        if counted:
            self._channel.server.bodies.free(self._channel.address, counted)
        super().close()


class Task(WSGITask):  # type: ignore[misc]
    """One request as a thread answers it."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with what was said of the header."""
        environ: dict[str, Any] = super().get_environment()
        if isinstance(self.request, Parser):
            if self.request.refusal is not None:
                environ[REFUSED] = self.request.refusal
            elif self.request.asked:
                environ[ADMITTED] = True
                environ[DROP_BODY] = self.request.close
            if self.request.form is not None:
                environ[RECEIVED_FORM] = self.request.form
        return environ


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    task_class = Task
    close_when_flushed: bool = False

    def __init__(
        self,
        server: Server,
        sock: socket.socket,
        addr: Any,
        adj: Adjustments,
        map: dict[int, Any] | None = None,  # noqa: A002
    ) -> None:
        self.parser_class = partial(Parser, channel=self)
        self.address = network_of(str(addr[0]))
        self.discarding = False
        self.silent_since = time.monotonic()
        self._linger_until: float | None = None
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def is_answering(self) -> bool:
        """Whether a request of it is being answered."""
        return bool(self.requests or self.total_outbufs_len)

    def patience(self, now: float) -> tuple[int, float]:
        """Return how little is lost if it is closed: a rank, and for how long nothing came of it.

        The greatest goes first: connections that say nothing, then headers, then bodies.
        """
        if self._linger_until is not None or self.request is None:
            return 2, now - self.silent_since
        if not self.request.headers_finished:
            return 1, now - self.request.began
        return 0, now - self.request.body_began

    def is_late(self, now: float, limits: ServerLimits) -> bool:
        """Whether it has held its place for too long."""
        if self._linger_until is not None:
            return now > self._linger_until
        if self.is_answering:
            return False
        if self.request is None:
            return now - self.silent_since > limits.idle
        return bool(self.request.is_late(now, limits))

    def readable(self) -> bool:
        """Whether more is to be read."""
        return self._linger_until is not None or bool(super().readable())

    def received(self, data: bytes) -> bool:
        """Take bytes that came."""
        if self.discarding:
            return False
        return bool(super().received(data))

    def service(self) -> None:
        """Answer one request; in a thread."""
        super().service()
        self.silent_since = time.monotonic()

    def handle_write(self) -> None:
        """Send; after the answer to a refused body, wait for the client to notice it.

        Where a connection is closed while something is unread, the client's system throws the
        answer away.
        """
        if not (self.discarding and self.close_when_flushed) or self.will_close:
            super().handle_write()
            return
        self.close_when_flushed = False
        super().handle_write()
        if self.total_outbufs_len:
            self.close_when_flushed = True
        elif self._linger_until is None and not self.will_close:
            self._linger_until = time.monotonic() + self.server.limits.linger
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def handle_read(self) -> None:
        """Read; a client that closes after a refusal is done."""
        super().handle_read()
        if self._linger_until is not None and not self.connected:
            self.handle_close()

    def handle_close(self) -> None:
        """Close, and let go of what was half received."""
        if self.request is not None:
            self.request.close()
        super().handle_close()
