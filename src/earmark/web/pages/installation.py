"""The pages as an installed application: manifest, icon, what shows while the server is away."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, url_for

from earmark.web.access import public
from earmark.web.language import gettext, language

blueprint = Blueprint("installation", __name__)


def _icon(name: str, size: int, purpose: str) -> dict[str, Any]:
    return {
        "src": url_for("static", filename=f"icons/{name}.png"),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": purpose,
    }


@blueprint.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """Say what an installed Earmark looks like."""
    home = url_for("pages.home")
    found = {
        "id": home,
        "name": "Earmark",
        "short_name": "Earmark",
        "description": gettext(
            "Hears what genre a piece of music is, says how sure it is, and plays you the songs"
            " that it sounds like."
        ),
        "lang": language(),
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "background_color": "#faf7f1",
        "theme_color": "#faf7f1",
        "icons": [
            _icon("icon-192", 192, "any"),
            _icon("icon-512", 512, "any"),
            _icon("maskable-512", 512, "maskable"),
        ],
    }
    return Response(json.dumps(found), content_type="application/manifest+json")


@blueprint.get("/favicon.ico")
@public
def favicon() -> Response:
    """Send the mark to those who ask for it by this name."""
    answer = current_app.send_static_file("icons/favicon.ico")
    answer.cache_control.max_age = 24 * 3600
    return answer


@blueprint.get("/away")
@public
def away() -> str:
    """Show what an installed Earmark shows while no server answers."""
    # It is kept by browsers, so it holds nothing of the library and no secret.
    g.without_library = True
    return render_template("away.html")


@blueprint.get("/service-worker.js")
@public
def service_worker() -> Response:
    """Send the script that shows this page; below this address it has power over all pages."""
    kept = [
        url_for("installation.away"),
        url_for("static", filename="earmark.css"),
        url_for("static", filename="mark.svg"),
    ]
    # Who changes the language gets the page for then in it, too.
    name = f"{current_app.static_url_path} {language()}"
    script = render_template("service-worker.js", name=name, kept=kept)
    answer = Response(script, content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer
