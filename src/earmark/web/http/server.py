"""waitress with a guard before it: who may connect, how slowly one may speak, what is stored.

waitress reads requests whole before a thread sees them, so that slow clients hold no threads. What
it does not have is added here, by the classes that it lets one replace; another server would
buffer less and need the same rules, since threads are what is scarce:

- ``poll`` instead of ``select``, which ends at descriptor 1,024; as many connections as the
  process has descriptors for.
- Where there are too many connections, of all or of one address, one that has not said anything
  useful for the longest time makes way for the new one, so that nobody can lock others out.
- A header has a deadline, a body a lowest speed.
- Before a body is stored the application is asked, by the header alone, whether it would take it
  (`earmark.web.access.Access.admit`). What it would refuse is read and thrown away.
- All bodies that wait together, and those of one address, have a limit.
- Stopping finishes what runs, and then ends without a word.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from earmark.web.config import MEGABYTE, Config
from earmark.web.http.channel import Channel, Parser, Task
from earmark.web.http.forms import LARGE, FormBuffer, boundary_of
from earmark.web.http.limits import Bodies, ServerLimits, limits_for
from earmark.web.problems import too_large

logger = logging.getLogger(__name__)

Gate = Callable[[dict[str, Any]], Exception | None]
"""Given the environment of a request whose body has not come: why it is refused, or None."""


class Server(TcpWSGIServer):  # type: ignore[misc]
    """The WSGI server behind ``earmark serve``.

    Parameters
    ----------
    app
        The WSGI application.
    listener
        The bound socket.
    gate
        Says by the header of a request whether it is refused.
    limits
        What clients may hold.
    threads
        How many requests are answered at a time.
    max_body
        Bytes of a body; a larger one is not taken.
    too_large
        What is said of such a one.
    new_form
        Makes what a large form is read into, given its boundary; None: forms are kept as they come.
    """

    channel_class = Channel
    next_channel_cleanup: float = 0.0

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        gate: Gate,
        limits: ServerLimits,
        threads: int,
        max_body: int,
        too_large: str,
        new_form: Callable[[bytes], FormBuffer] | None = None,
    ) -> None:
        self.limits, self.too_large = limits, too_large
        self._new_form = new_form
        self.bodies = Bodies(limits)
        self.stopping = False
        self._gate = gate
        self._ended = False
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(threads)
        adjustments = Adjustments(
            sockets=[listener],
            threads=threads,
            connection_limit=limits.connections,
            cleanup_interval=2,
            channel_timeout=120,
            max_request_header_size=64 * 1024,
            max_request_body_size=max_body,
            channel_request_lookahead=1,
            asyncore_use_poll=True,
            asyncore_loop_timeout=1,
            log_socket_errors=False,
            ident="earmark",
            clear_untrusted_proxy_headers=False,
        )
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, {}, True, listener, dispatcher, adjustments, sockinfo, bind_socket=False
        )

    def ask(self, channel: Channel, request: Parser) -> Exception | None:
        """Return why a request is refused whose header alone is here, or None."""
        environ = Task(channel, request).get_environment()
        environ["wsgi.input"] = BytesIO()
        try:
            return self._gate(environ)
        except Exception:
            # The application answers it, with what it then finds.
            logger.exception("the header of a request could not be judged")
            return None

    def form_of(self, request: Parser) -> FormBuffer | None:
        """Return what the body of a request is to be read into; None where it is kept as it is."""
        if self._new_form is None or (request.content_length <= LARGE and not request.chunked):
            return None
        boundary = boundary_of(request.headers.get("CONTENT_TYPE", ""))
        return None if boundary is None else self._new_form(boundary)

    # Connections

    def readable(self) -> bool:
        """Whether new connections are taken; also looks after those that are there."""
        now = time.time()
        if now >= self.next_channel_cleanup:
            self.next_channel_cleanup = now + self.adj.cleanup_interval
            self.maintenance(now)
        return bool(self.accepting)

    def maintenance(self, now: float) -> None:
        """Close connections that have held their place for too long."""
        super().maintenance(now)
        clock = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_late(clock, self.limits):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Take a new connection; where there are too many, another one makes way for it."""
        before = set(self.active_channels)
        super().handle_accept()
        new = [self.active_channels[fd] for fd in set(self.active_channels) - before]
        for channel in new:
            if not self._make_room(channel):
                channel.handle_close()

    def _make_room(self, new: Channel) -> bool:
        """Close another connection where there are too many; False where all are at work."""
        others = [channel for channel in self.active_channels.values() if channel is not new]
        counts = Counter(channel.address for channel in others)
        if counts[new.address] >= self.limits.per_address:
            others = [channel for channel in others if channel.address == new.address]
        elif len(others) < self.limits.connections:
            return True
        now = time.monotonic()
        waiting = [channel for channel in others if not channel.is_answering]
        if not waiting:
            return False
        # Those of whoever has most of them first.
        max(waiting, key=lambda c: (counts[c.address], *c.patience(now))).handle_close()
        return True

    def log_info(self, message: str, type: str = "info") -> None:  # noqa: A002
        """Say what waitress says of itself only where that is asked for."""
        logger.debug("%s: %s", type, message)

    # The end

    def run(self) -> None:
        """Serve until `stop` is called, then let running requests finish."""
        while not self.stopping:
            self._turn(1.0)

    def stop(self) -> None:
        """End `run`; may be called from a signal handler."""
        self.stopping = True
        self.pull_trigger()

    def drain(self, end_work: Callable[[], None]) -> None:
        """Take no more connections, let requests finish, and close everything.

        Parameters
        ----------
        end_work
            Ends what requests still wait for when their time is over.
        """
        self.accepting = False
        self._turn_until_idle(self.limits.stop)
        ending = threading.Thread(target=end_work, name="earmark-end", daemon=True)
        ending.start()
        # The answers that this brings about go out, too.
        self._turn_until_idle(self.limits.stop)
        ending.join(timeout=15)
        self._ended = True
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn_until_idle(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not any(channel.is_answering for channel in self.active_channels.values()):
                return
            self._turn(0.05)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)

    def pull_trigger(self) -> None:
        """Wake the loop; nobody does at the end any more."""
        if not self._ended:
            with contextlib.suppress(OSError):
                super().pull_trigger()


def make_server(app: Any, listener: socket.socket, config: Config) -> Server:
    """Make the server for an application of `earmark.web.create_app`."""
    return Server(
        app,
        listener,
        gate=app.extensions["earmark-gate"],
        limits=limits_for(config),
        # A request that waits for its song holds a thread; pages need some beside those.
        threads=config.workers + config.queue + 16,
        # The application answers what is a little too large; far larger is cut off at once.
        # So that a body beyond it is refused as too large, and not for want of room.
        max_body=config.max_upload + min(16 * MEGABYTE, config.max_upload),
        too_large=too_large(config.max_upload),
        new_form=partial(
            FormBuffer,
            new_file=app.extensions["earmark"].uploads.new,
            max_parts=app.config["MAX_FORM_PARTS"],
            max_field=app.config["MAX_FORM_MEMORY_SIZE"],
        ),
    )
