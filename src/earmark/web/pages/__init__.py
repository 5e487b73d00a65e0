"""The pages, and what all of them show."""

from __future__ import annotations

import os
from typing import Any

from apiflask import APIFlask
from flask import g, request

from earmark.audio import AUDIO_EXTENSIONS, FILM_EXTENSIONS
from earmark.library import user_library_path
from earmark.web.access import host_name
from earmark.web.config import MEGABYTE, is_loopback
from earmark.web.pages import (
    blueprint,
    classify,
    corrections,
    filters,
    labels,
    libraries,
    library,
    music,
    plain,
    playlist,
    reference,
    sign_in,
    texts,
)
from earmark.web.pages.colors import Colors
from earmark.web.request_context import access, server_state
from earmark.words import clock

OF_ONE_BLUEPRINT = (classify, corrections, libraries, library, music, reference, sign_in)
"""Modules that add their pages to ``blueprint.pages`` when they are imported."""

SOUND_ENDINGS = " ".join(sorted(AUDIO_EXTENSIONS | FILM_EXTENSIONS))
"""Of the files that are taken out of a folder that is dropped in."""


def register(app: APIFlask) -> None:
    """Add the pages to ``app``."""
    app.register_blueprint(blueprint.pages)
    app.register_blueprint(plain.plain)
    app.register_blueprint(labels.blueprint)
    app.register_blueprint(playlist.blueprint)
    app.extensions["earmark-desk"] = labels.Desk(app.extensions["earmark"])
    app.context_processor(_common)
    app.template_filter("percent")(filters.whole_percent)
    app.template_filter("told_genres")(filters.genres)
    app.template_filter("clock")(lambda seconds: "" if seconds is None else clock(seconds))
    app.template_filter("told")(filters.shares)
    app.template_filter("color")(filters.color)
    app.template_filter("nearness")(filters.nearness)
    app.template_filter("size")(filters.size)
    app.template_filter("chart")(filters.chart)
    app.template_filter("sentence")(filters.sentence)
    app.template_filter("voters")(filters.voters)
    app.template_filter("to_like_digits")(filters.like_digits)
    app.extensions["earmark-colors"] = Colors()


def _common() -> dict[str, Any]:
    """Return what every page shows."""
    rules = access()
    shown = server_state().library
    # The page of signing in is for everybody.
    may_ask = rules.may_read() and not g.get("without_library", False)
    genres = shown.genres() if may_ask else {}
    return {
        "texts_of_scripts": texts.address(),
        "csrf_token": rules.form_secret,
        "may_change": rules.is_known(),
        "may_ask": may_ask,
        "can_sign_in": rules.can_sign_in(),
        "library_genres": genres,
        "library_labelled": shown.count(labelled=True) if may_ask else 0,
        "library_name": shown.name,
        "library_is_own": shown.location == os.path.realpath(user_library_path()),
        "library_extractor": shown.spec.name,
        "sound_endings": SOUND_ENDINGS,
        "max_upload_mb": server_state().config.max_upload // MEGABYTE,
        # Who may see it is those who may change the library.
        "has_music": server_state().config.music is not None and rules.is_known(),
        "is_local": server_state().config.local,
        # Elsewhere browsers give no page the microphone.
        "is_safe": request.is_secure or is_loopback(host_name()),
    }
