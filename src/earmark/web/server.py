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
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from earmark.errors import Busy
from earmark.web.access import ADMITTED, DROP_BODY, REFUSED, network_of
from earmark.web.config import MEGABYTE, Config

logger = logging.getLogger(__name__)

Gate = Callable[[dict[str, Any]], Exception | None]
"""Given the environment of a request whose body has not come: why it is refused, or None."""

MOST_CONNECTIONS = 2048
MOST_DESCRIPTORS = 8192
KEPT_DESCRIPTORS = 256
"""For workers, the library, songs being sent and whatever else is open."""
DESCRIPTORS_EACH = 3
"""Of a connection: itself, what it sends, what it receives."""

SMALL_BODY = 16 * 1024
"""Bytes of a body that count for no limit."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True)
class Limits:
    """What clients may hold.

    Attributes
    ----------
    connections, per_address
        At a time.
    bodies, bodies_per_address
        Bytes of bodies that wait.
    header
        Seconds from the first byte of a request to the end of its header.
    idle
        Seconds between requests, and before the first.
    body_grace, body_rate
        After so many seconds a body must have come with so many bytes a second, on average.
    linger
        Seconds for which the rest of a refused body is read, so that the answer arrives.
    stop
        Seconds in which requests may finish when the server stops.
    """

    connections: int
    per_address: int
    bodies: int
    bodies_per_address: int
    header: float = 20.0
    idle: float = 60.0
    body_grace: float = 20.0
    body_rate: float = 8192.0
    linger: float = 10.0
    stop: float = 5.0


def limits_for(config: Config) -> Limits:
    """Return the limits of one application on this machine, from the descriptors it may have."""
    connections = min(MOST_CONNECTIONS, (_descriptors() - KEPT_DESCRIPTORS) // DESCRIPTORS_EACH)
    connections = max(16, connections)
    # Behind proxies all connections come from the proxy, which has limits of its own.
    share = 1 if config.proxies else 2
    bodies = 4 * config.max_upload
    return Limits(connections, connections // share, bodies, bodies // share)


def _descriptors() -> int:
    """Allow this process as many descriptors as it may have, and return how many that are."""
    if sys.platform == "win32":
        return 512
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)


class Bodies:
    """How many bytes of bodies wait, of all clients and of each."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()
        self.total = 0

    def take(self, address: str, count: int) -> bool:
        """Count bytes that came; False where there is no room for them."""
        with self._lock:
            if (
                self.total + count > self._limits.bodies
                or self._of[address] + count > self._limits.bodies_per_address
            ):
                return False
            self.total += count
            self._of[address] += count
            return True

    def free(self, address: str, count: int) -> None:
        """Bytes are gone again."""
        with self._lock:
            self.total -= count
            self._of[address] -= count
            if self._of[address] <= 0:
                del self._of[address]


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request as it comes in."""

    def __init__(self, adj: Adjustments, channel: Channel) -> None:
        super().__init__(adj)
        self._channel = channel
        self.began = self.body_began = time.monotonic()
        self.refusal: Exception | None = None
        self.asked = False
        self._counted = 0
        self._lock = threading.Lock()

    def received(self, data: bytes) -> int:
        """Take bytes; return how many of them are used."""
        body_was_due = self.body_rcv is not None
        used = int(super().received(data))
        if self.error is not None or self.body_rcv is None:
            return used
        if not body_was_due:
            self.body_began = time.monotonic()
            if self.command in SAFE_METHODS:
                # Nothing reads it.
                return self._throw_away(data, None)
            self.asked = True
            refusal = self._channel.server.ask(self._channel, self)
            return used if refusal is None else self._throw_away(data, refusal)
        if not self._count():
            return self._throw_away(data, Busy("too many uploads wait; try again in a moment"))
        return used

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

    def is_late(self, now: float, limits: Limits) -> bool:
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

    def is_late(self, now: float, limits: Limits) -> bool:
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
        Bytes of a body; a larger one is refused by waitress itself.
    """

    channel_class = Channel
    next_channel_cleanup: float = 0.0

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        gate: Gate,
        limits: Limits,
        threads: int,
        max_body: int,
    ) -> None:
        self.limits = limits
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
        max_body=config.max_upload + 16 * MEGABYTE,
    )
