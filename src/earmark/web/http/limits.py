"""What the clients of a server may hold: connections, time, and bodies that wait."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from dataclasses import dataclass

from earmark.web.config import LOCAL_MAX_UPLOAD, Config

MOST_CONNECTIONS = 2048
MOST_DESCRIPTORS = 8192
KEPT_DESCRIPTORS = 256
"""For workers, the library, songs being sent and whatever else is open."""
DESCRIPTORS_EACH = 3
"""Of a connection: itself, what it sends, what it receives."""


@dataclass(frozen=True)
class ServerLimits:
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


def limits_for(config: Config) -> ServerLimits:
    """Return the limits of one application on this machine, from the descriptors it may have."""
    connections = min(MOST_CONNECTIONS, (_descriptors() - KEPT_DESCRIPTORS) // DESCRIPTORS_EACH)
    connections = max(16, connections)
    # Behind proxies all connections come from the proxy, which has limits of its own.
    share = 1 if config.proxies else 2
    bodies = min(4 * config.max_upload, config.max_upload + LOCAL_MAX_UPLOAD)
    return ServerLimits(connections, connections // share, bodies, bodies // share)


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

    def __init__(self, limits: ServerLimits) -> None:
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
