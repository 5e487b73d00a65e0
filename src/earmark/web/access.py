"""Who may do what: hosts, origins, tokens, forged requests, and how many requests.

Questions in this order, before any view runs. All but the last need the header of a request only,
and `earmark.web.http.server` asks them before it stores a body:

1. Was the server called by a name it goes by? A foreign name that points to this machine is how a
   web page gets at servers on loopback addresses (DNS rebinding).
2. Does a change come from another site's page? Browsers say so, in ``Origin`` and in
   ``Sec-Fetch-Site``.
3. Is the client known? By the token, in a header or in a signed cookie; or because the server only
   listens on this machine.
4. Has its address sent too much of late, or do too many songs wait already?
5. Does a change that a browser sends carry the page's own secret? A second wall against forgery.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from earmark.web.config import Config, is_loopback
from earmark.web.errors import PageOutOfDate

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
PAGES = frozenset({"pages", "labels", "playlist"})
"""Blueprints that people look at: they are led to the page of signing in."""

HEALTH = ("system.health", "system.ready")
"""Answered under every name: a container engine does not know ours, and they tell nothing."""

CSRF_HEADER = "X-CSRF-Token"

ADMITTED, REFUSED = "earmark.admitted", "earmark.refused"
"""In the environment of a request whose header was judged before its body came: that it passed, or
the exception that it ends with."""

DROP_BODY = "earmark.drop_body"
"""In the environment of a request: what frees its body as soon as nobody needs it any more."""

GUESSES = 10
"""Wrong tokens a minute and address; after that none is looked at, not even the right one."""

View = TypeVar("View", bound=Callable[..., object])


def public(view: View) -> View:
    """Mark a view that needs no token even where reading is closed."""
    view.earmark_public = True  # type: ignore[attr-defined]
    return view


def changes_library(view: View) -> View:
    """Mark a view that changes the library, so that it needs the token."""
    view.earmark_changes = True  # type: ignore[attr-defined]
    return view


def for_owner(view: View) -> View:
    """Mark a view of what only those may see who may change the library."""
    view.earmark_for_owner = True  # type: ignore[attr-defined]
    return view


def no_form_secret(view: View) -> View:
    """Mark a view that classic scripts post to from a browser, without the page's secret."""
    view.earmark_no_secret = True  # type: ignore[attr-defined]
    return view


def takes_song(view: View) -> View:
    """Mark a view that takes an upload to be analyzed, so that a full queue refuses it at once."""
    view.earmark_takes_song = True  # type: ignore[attr-defined]
    return view


def network_of(address: str) -> str:
    """Return what one client may be told by: its address, of IPv6 the first half."""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def host_name() -> str:
    """Return the name by which the server was called, without port; "" where it makes no sense."""
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""


class Sessions(SecureCookieSessionInterface):
    """Signed cookies that are marked Secure whenever the request came by HTTPS.

    Browsers send the cookies of all ports of a host to each of them, so the port is in the name.
    """

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie for the port that the browser asked."""
        name = str(app.config["SESSION_COOKIE_NAME"])
        port = request.host.rpartition(":")[2]
        return f"{name}-{port}" if port.isdecimal() and len(port) <= 5 else name

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie may only travel encrypted."""
        return request.is_secure

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie where it changed; a static file is the same for everyone."""
        if request.endpoint != "static":
            super().save_session(app, session, response)


class RateLimit:
    """So many requests a minute for each address, with bursts of as many.

    Parameters
    ----------
    rate
        Requests a minute; 0: no limit.
    """

    MOST_ADDRESSES = 10_000

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str, *, count: bool = True) -> float:
        """Count one request; return 0, or after how many seconds the next one is welcome.

        Parameters
        ----------
        address
            Whose.
        count
            False: only look.
        """
        if self._rate == 0:
            return 0.0
        now = time.monotonic()
        key = network_of(address)
        with self._lock:
            left, then = self._buckets.get(key, (float(self._rate), now))
            left = min(self._rate, left + (now - then) * self._rate / 60)
            if not count:
                return 0.0 if left >= 1 else (1 - left) * 60 / self._rate
            if left < 1:
                self._buckets[key] = (left, now)
                return (1 - left) * 60 / self._rate
            if len(self._buckets) >= self.MOST_ADDRESSES:
                # All but the latest are full again by now, or as good as.
                self._buckets.clear()
            self._buckets[key] = (left - 1, now)
            return 0.0


class Access:
    """The rules of one application.

    Parameters
    ----------
    config
        How it is set up.
    check_room
        Raises `Busy` where a song would find no place, before it is sent.
    """

    def __init__(self, config: Config, check_room: Callable[[], None]) -> None:
        self._config = config
        self._check_room = check_room
        self._rate = RateLimit(config.rate)
        self._guesses = RateLimit(GUESSES)

    # Asked by pages

    def may_read(self) -> bool:
        """Whether this client may be told what the library holds."""
        return self._config.read != "closed" or self.is_known()

    def is_known(self) -> bool:
        """Whether the client of this request may change the library."""
        # In this order, so that a client on this machine never has to prove anything.
        return self._is_local() or self._signed_in() or self._bearer()

    def can_sign_in(self) -> bool:
        """Whether there is a token that would help."""
        return self._config.token is not None

    def form_secret(self) -> str:
        """Return what forms and scripts of our pages send along with a change."""
        if "csrf" not in session:
            session["csrf"] = secrets.token_urlsafe(24)
        return str(session["csrf"])

    def sign_in(self, token: str) -> bool:
        """Remember in a cookie that the client knows the token, if it does."""
        if not self._is_token(token):
            return False
        session["known"] = self._proof(secrets.token_urlsafe(12))
        session["csrf"] = secrets.token_urlsafe(24)
        return True

    @staticmethod
    def sign_out() -> None:
        """Forget the client."""
        session.clear()

    # Also asked by the routes of players, which have ways of their own to prove things

    def refuses_bearer(self) -> bool:
        """Whether a request brings a token in its header that is wrong."""
        brings = request.headers.get("Authorization", "").lower().startswith("bearer")
        return brings and self.can_sign_in() and not self._bearer()

    def proves(self, is_proof: Callable[[str], bool]) -> bool:
        """Whether a client proves that it knows the token; wrong proofs count as guesses.

        Parameters
        ----------
        is_proof
            Tells whether what was sent fits a token. Compares in constant time.

        Raises
        ------
        TooManyRequests
            Too many were wrong.
        """
        ours = self._config.token
        if ours is None:
            return False
        address = request.remote_addr or ""
        wait = self._guesses.take(address, count=False)
        if wait:
            raise _too_many("Too many wrong tokens from this address.", wait)
        if is_proof(ours):
            return True
        self._guesses.take(address)
        return False

    # The rules

    def guard(self) -> ResponseReturnValue | None:
        """Let a request through, or answer it; runs before every view."""
        refused = request.environ.get(REFUSED)
        if isinstance(refused, Exception):
            raise refused
        if ADMITTED not in request.environ and (answer := self.admit()) is not None:
            return answer
        view = current_app.view_functions.get(request.endpoint or "")
        if request.method not in SAFE_METHODS and not getattr(view, "earmark_no_secret", False):
            self._check_secret()
        return None

    def admit(self) -> ResponseReturnValue | None:
        """Let a request through by its header alone, or answer it.

        Raises
        ------
        HTTPException
            It is refused.
        Busy
            It brings a song, and too many wait.
        """
        self._check_host()
        view = current_app.view_functions.get(request.endpoint or "")
        is_change = request.method not in SAFE_METHODS
        if is_change:
            self._check_origin()
        is_public = request.endpoint == "static" or getattr(view, "earmark_public", False)
        known = self.is_known()
        if not self.may_read() and not is_public:
            return self._ask_for_token()
        if getattr(view, "earmark_for_owner", False) and not known:
            return self._ask_for_token()
        if is_change:
            if getattr(view, "earmark_changes", False) and not known:
                return self._ask_for_token()
            wait = self._rate.take(request.remote_addr or "")
            if wait:
                raise _too_many("Too many requests from this address.", wait)
            if getattr(view, "earmark_takes_song", False):
                self._check_room()
        return None

    def _check_host(self) -> None:
        host = host_name()
        names = [name.lower() for name in self._config.allowed_hosts]
        allowed = host in names if names else not self._config.local or is_loopback(host)
        if not allowed and request.endpoint not in HEALTH:
            abort(421, f"This server does not go by the name {host!r}.")

    @staticmethod
    def _check_origin() -> None:
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        try:
            same = origin is None or urlsplit(origin).netloc == request.host
        except ValueError:
            same = False
        if not same or site not in ("same-origin", "none"):
            abort(403, "This request comes from a page of another site.")

    def _check_secret(self) -> None:
        from_browser = any(name in request.headers for name in ("Origin", "Sec-Fetch-Site"))
        if not (from_browser or session) or self._bearer():
            return
        sent = request.headers.get(CSRF_HEADER) or request.form.get("csrf_token") or ""
        secret = str(session.get("csrf", ""))
        if not secret or not hmac.compare_digest(sent.encode(), secret.encode()):
            raise PageOutOfDate("the page is out of date; load it again and repeat what you did")

    def _ask_for_token(self) -> ResponseReturnValue:
        if not self.can_sign_in():
            abort(403, "This server has no token, so nothing can be changed from outside.")
        if request.blueprint not in PAGES:
            abort(401, "This needs the token, as in: Authorization: Bearer TOKEN.")
        if request.method not in SAFE_METHODS:
            abort(401, "Changing the library needs the token. Sign in first.")
        # The path is that below the prefix, and the target must be one that the browser can ask.
        here = f"{request.script_root}{request.full_path}".rstrip("?")
        return redirect(url_for("pages.sign_in", next=here))

    # Which client this is

    def _bearer(self) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if "bearer" not in g:
            # Asked for several times a request, of which a wrong one counts once.
            g.bearer = self._is_token(token.strip())
        return bool(g.bearer)

    def _is_token(self, token: str) -> bool:
        """Whether a client knows the token; wrong ones count against its address.

        Raises
        ------
        TooManyRequests
            Too many were wrong. The right one is not looked at either, or it could be found out
            all the same.
        """
        sent = token.encode(errors="replace")
        return self.proves(lambda ours: hmac.compare_digest(sent, ours.encode()))

    def _proof(self, salt: str) -> str:
        """Return what a cookie holds instead of the token; a new token ends all sessions.

        Everybody can read a cookie, so it must not be a thing by which tokens can be tried: the
        server's own key goes into it.
        """
        key = str(current_app.secret_key).encode()
        said = f"earmark session\0{salt}\0{self._config.token}"
        return f"{salt}.{hmac.new(key, said.encode(), hashlib.sha256).hexdigest()}"

    def _signed_in(self) -> bool:
        held = str(session.get("known", ""))
        ours = self._proof(held.partition(".")[0])
        return self._config.token is not None and hmac.compare_digest(held.encode(), ours.encode())

    def _is_local(self) -> bool:
        """Whether the client is on this machine, and not merely a proxy that is."""
        return self._config.local and not any(name in request.headers for name in FORWARDED)


def _too_many(line: str, seconds: float) -> TooManyRequests:
    """Make a refusal that says when to come again."""
    return TooManyRequests(line, retry_after=max(1, math.ceil(seconds)))
