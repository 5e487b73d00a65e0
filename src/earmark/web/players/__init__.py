"""The routes that players call, each in the form that its program expects."""

from __future__ import annotations

from flask import Flask

from earmark.web.players import audiomuse, subsonic


def register(app: Flask) -> None:
    """Add all routes to ``app``."""
    for module in (audiomuse, subsonic):
        app.register_blueprint(module.blueprint)
