"""The application factory."""

from __future__ import annotations

import atexit
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from earmark.errors import EarmarkError
from earmark.version import __version__
from earmark.web import api, language, media, pages, players, problems
from earmark.web.access import Access, Sessions
from earmark.web.api.reference import describe_api
from earmark.web.config import Config
from earmark.web.http import headers, log
from earmark.web.http.compression import Compression
from earmark.web.http.request import Request
from earmark.web.pages import installation, texts
from earmark.web.request_context import server_state
from earmark.web.state import ServerState
from earmark.words import in_page

HERE = Path(__file__).resolve().parent

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
"""Counted by their names; clients may invent others without end."""

StartResponse = Callable[..., Any]
WSGIApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def create_app(config: Config | None = None, *, state: ServerState | None = None) -> APIFlask:
    """Make the WSGI application.

    It holds worker processes, jobs and uploads, so a server must run it in one process with many
    threads. ``app.extensions["earmark"].close()`` ends them; the end of the process does too.

    Parameters
    ----------
    config
        How it is set up; None: by the ``EARMARK_*`` environment variables.
    state
        What it holds; None: made from ``config``.

    Raises
    ------
    EarmarkError
        The setup makes no sense, or the library cannot be used.
    """
    config = config or Config.from_environment()
    app = APIFlask(
        "earmark.web",
        title="Earmark",
        version=__version__,
        docs_path=None,
        spec_path=f"{api.PREFIX}/openapi.json",
        static_folder=str(HERE / "static"),
        # The name changes with the contents, so browsers may keep the files for good.
        static_url_path=f"/static/{_fingerprint(HERE / 'static')}",
        template_folder=str(HERE / "templates"),
    )
    app.request_class = Request
    app.config.update(
        SECRET_KEY=config.secret or secrets.token_hex(32),
        MAX_CONTENT_LENGTH=config.max_upload,
        SEND_FILE_MAX_AGE_DEFAULT=365 * 24 * 3600,
        SESSION_COOKIE_NAME=_cookie_name(config),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
    )
    # Probabilities stay in their order, the most probable genre first.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.session_interface = Sessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = in_page
    state = state or ServerState(config)
    access = Access(config, state.songs.check_room)
    app.extensions["earmark"] = state
    app.extensions["earmark-access"] = access
    atexit.register(state.close)

    # What is said last runs first: the body is whole when it is compressed.
    app.after_request(Compression().shrink)
    app.before_request(_note_time)
    app.before_request(access.guard)
    app.after_request(headers.add_headers)
    app.after_request(_count)
    log.register(app)
    language.register(app)
    problems.register(app, state.private_folders)
    api.register(app)
    players.register(app)
    app.register_blueprint(media.blueprint)
    app.register_blueprint(installation.blueprint)
    app.register_blueprint(texts.blueprint)
    pages.register(app)
    describe_api(app)

    app.wsgi_app = gate = Gate(app, access)  # type: ignore[method-assign]
    if config.proxies:
        count = config.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count
        )
    if config.prefix:
        app.wsgi_app = Prefix(app.wsgi_app, config.prefix)  # type: ignore[method-assign]
    app.extensions["earmark-gate"] = partial(gate.judge, app.wsgi_app)
    return app


class Gate:
    """Judges requests by their headers, before a server takes their bodies.

    Parameters
    ----------
    app
        The application.
    access
        Its rules.
    """

    _ASKED = "earmark.asked"

    def __init__(self, app: APIFlask, access: Access) -> None:
        self._app = app
        self._access = access
        self._inner = app.wsgi_app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or only judge it."""
        answer = environ.get(self._ASKED)
        if not isinstance(answer, list):
            return self._inner(environ, start_response)
        with self._app.request_context(environ):
            try:
                if request.routing_exception is not None:
                    raise request.routing_exception
                self._access.admit()
            except (HTTPException, EarmarkError) as refusal:
                answer.append(refusal.with_traceback(None))
        return []

    def judge(self, whole: WSGIApplication, environ: dict[str, Any]) -> Exception | None:
        """Return why a request is refused whose body has not come yet; None where it is not.

        Parameters
        ----------
        whole
            The application with all that lies before it.
        environ
            Of the request.
        """
        answer: list[Exception] = []
        whole({**environ, self._ASKED: answer}, lambda *_: None)
        return answer[0] if answer else None


class Prefix:
    """Lets the application live below a path, whether or not the proxy cuts it off.

    Parameters
    ----------
    inner
        The application.
    prefix
        Such as ``"/earmark"``.
    """

    def __init__(self, inner: Callable[..., Iterable[bytes]], prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = path[len(self._prefix) :] or "/"
        environ["SCRIPT_NAME"] = self._prefix
        return self._inner(environ, start_response)


def _cookie_name(config: Config) -> str:
    """Return a name by which browsers keep the cookies of several servers of one host apart.

    It is the same in every process of one server, and after every start.
    """
    library = Path(config.library).absolute() if config.library else ""
    own = f"earmark cookie\0{config.secret or ''}\0{library}\0{config.prefix}"
    return f"earmark-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _note_time() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    """Count a request for /metrics."""
    endpoint = request.endpoint or "none"
    metrics = server_state().metrics
    method = request.method if request.method in METHODS else "other"
    metrics.requests.labels(endpoint, method, response.status_code).inc()
    if "began" in g:
        metrics.request_seconds.labels(endpoint).observe(time.perf_counter() - g.began)
    return response
