"""The HTTP API, version 1: one module a group of endpoints."""

from __future__ import annotations

from flask import Flask

from earmark.web.api import corrections, libraries, library, lists, music, songs, system, tracks

PREFIX = "/api/v1"


def register(app: Flask) -> None:
    """Add all endpoints to ``app``."""
    for module in (songs, tracks, lists, corrections, library, libraries, music, system):
        app.register_blueprint(module.blueprint, url_prefix=PREFIX)
