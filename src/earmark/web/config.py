"""How one web application is set up."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from earmark.errors import ServerError
from earmark.workers import Limits, available_cores

Reading = Literal["open", "closed"]

MEGABYTE = 2**20

LOCAL_MAX_UPLOAD = 1024 * MEGABYTE
"""Bytes in one request where only programs of this machine can send one."""

SHORTEST_TOKEN = 12
"""Characters."""


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can connect to ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a person who runs the application may choose.

    Attributes
    ----------
    library
        Path of the library, or ``"reference"``, ``"gtzan"`` or ``"classic"``; None: the default
        one.
    music
        Folder whose files may be played and classified by path; None: no such folder.
    token
        What a client must present to change anything; None: nobody outside this machine may.
    read
        ``"open"``: anyone may look and classify; ``"closed"``: only those with the token.
    local
        The server listens on a loopback address only, so that no token is needed.
    allowed_hosts
        Names under which the server is reached (``Host`` header, without port). Empty: loopback
        names when ``local``, else any.
    proxies
        How many reverse proxies stand before the server and set ``X-Forwarded-*`` headers.
    prefix
        Path under which the application lives, such as ``"/earmark"``.
    secret
        Key for signed cookies; None: a new one at every start.
    max_upload
        Bytes in one request.
    max_duration
        Seconds of sound in one recording.
    workers
        Processes that decode and analyze.
    queue
        Songs that may wait for a worker; further ones are answered with 503.
    time_limit
        Seconds that one song may take a worker, by the clock.
    memory_limit
        Bytes of memory that one song may take a worker, beyond what it holds when it is idle.
    rate
        Uploads and changes a minute and address; 0: as many as they like.
    job_lifetime
        Seconds for which a finished job is kept.
    uploads
        Folder under which uploads lie while they are analyzed; None: the system's temporary one.
    """

    library: str | None = None
    music: Path | None = None
    token: str | None = None
    read: Reading = "open"
    local: bool = False
    allowed_hosts: tuple[str, ...] = ()
    proxies: int = 0
    prefix: str = ""
    secret: str | None = None
    max_upload: int = 100 * MEGABYTE
    max_duration: float = 4 * 3600.0
    workers: int = available_cores()
    queue: int = 32
    time_limit: float = 120.0
    memory_limit: int = 400 * MEGABYTE
    rate: int = 120
    job_lifetime: float = 3600.0
    uploads: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a setup that cannot work.

        Raises
        ------
        ServerError
            Reading is closed without a token, the music folder is not one, or a number is not
            positive.
        """
        if self.read not in ("open", "closed"):
            raise ServerError(f"read is {self.read!r}; choose open or closed")
        if self.read == "closed" and not self.token:
            raise ServerError("reading is closed, but there is no token that opens it; set one")
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ServerError(
                f"the token is shorter than {SHORTEST_TOKEN} characters, so it could be guessed; "
                "choose a longer one"
            )
        if self.music is not None and not self.music.is_dir():
            raise ServerError(f"{self.music}: not a folder of music; name one that exists")
        if self.prefix and (not self.prefix.startswith("/") or self.prefix.endswith("/")):
            raise ServerError(f"prefix {self.prefix!r} must look like /earmark")
        for name in (
            "max_upload",
            "max_duration",
            "workers",
            "time_limit",
            "memory_limit",
            "job_lifetime",
        ):
            if getattr(self, name) <= 0:
                raise ServerError(f"{name} must be more than 0")
        for name in ("queue", "rate", "proxies"):
            if getattr(self, name) < 0:
                raise ServerError(f"{name} must not be negative")

    @property
    def limits(self) -> Limits:
        """What one song may take of a worker process."""
        return Limits(
            seconds=self.time_limit, processor_seconds=self.time_limit, memory=self.memory_limit
        )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **chosen: Any
    ) -> Config:
        """Read ``EARMARK_*`` variables, for servers that call ``create_app()`` without arguments.

        Parameters
        ----------
        environment
            The variables; None: those of this process.
        chosen
            Attributes that are set already, and go before their variables. Only all together
            must make sense.

        Raises
        ------
        ServerError
            A variable has a value that cannot be used.
        """
        env = os.environ if environment is None else environment

        def number(name: str, default: int) -> int:
            text = env.get(name, "")
            if not text:
                return default
            try:
                return int(text)
            except ValueError:
                raise ServerError(f"{name} is {text!r}; it must be a whole number") from None

        music = env.get("EARMARK_MUSIC")
        uploads = env.get("EARMARK_UPLOADS")

        def size(name: str, default: int) -> int:
            return number(name, default // MEGABYTE) * MEGABYTE

        local = bool(chosen.get("local", env.get("EARMARK_LOCAL") == "1"))
        found: dict[str, Any] = {
            "library": env.get("EARMARK_LIBRARY") or None,
            "music": Path(music) if music else None,
            "token": read_token(env),
            # Checked above all else when the object is made.
            "read": env.get("EARMARK_READ") or "open",
            "local": local,
            "allowed_hosts": tuple(env.get("EARMARK_HOSTS", "").replace(",", " ").split()),
            "proxies": number("EARMARK_PROXIES", cls.proxies),
            "prefix": env.get("EARMARK_PREFIX", "").rstrip("/"),
            "secret": env.get("EARMARK_SECRET") or None,
            "max_upload": size(
                "EARMARK_MAX_UPLOAD_MB", LOCAL_MAX_UPLOAD if local else cls.max_upload
            ),
            "max_duration": 3600.0
            * number("EARMARK_MAX_DURATION_HOURS", round(cls.max_duration / 3600)),
            "workers": number("EARMARK_WORKERS", cls.workers),
            "queue": number("EARMARK_QUEUE", cls.queue),
            "time_limit": number("EARMARK_TIME_LIMIT", int(cls.time_limit)),
            "memory_limit": size("EARMARK_MEMORY_LIMIT_MB", cls.memory_limit),
            "rate": number("EARMARK_RATE", 0 if local else cls.rate),
            "uploads": Path(uploads) if uploads else None,
        }
        return cls(**(found | chosen))


def read_token(env: Mapping[str, str]) -> str | None:
    """Return the token of ``EARMARK_TOKEN``, or of the file that ``EARMARK_TOKEN_FILE`` names.

    Raises
    ------
    ServerError
        The file cannot be read.
    """
    file = env.get("EARMARK_TOKEN_FILE")
    if not file:
        return env.get("EARMARK_TOKEN") or None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ServerError(f"{file}: the token cannot be read ({error.strerror})") from None
