"""The web application and the HTTP API.

``create_app`` makes the WSGI application; ``Config`` says how it is set up. ``earmark serve`` runs
it on waitress, and any other WSGI server may run it too (one process, many threads).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.web.config import Config

if TYPE_CHECKING:
    from apiflask import APIFlask

__all__ = ["Config", "create_app"]


def create_app(config: Config | None = None) -> APIFlask:
    """Make the WSGI application; see `earmark.web.app.create_app`.

    Raises
    ------
    EarmarkError
        The setup makes no sense, or the library cannot be used.
    """
    # Worker processes import this package too, and do without the framework.
    from earmark.web import app

    return app.create_app(config)
