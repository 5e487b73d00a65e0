"""The texts of scripts, in the language of the page that they belong to."""

from __future__ import annotations

from flask import Blueprint, Response, url_for

from earmark.web import language as languages
from earmark.web.access import public
from earmark.web.errors import NotFound

blueprint = Blueprint("texts", __name__)


@blueprint.get("/texts/<version>/<language>.js")
@public
def of_scripts(version: str, language: str) -> Response:
    """Send what the texts of scripts are called in a language."""
    if language not in languages.LANGUAGES:
        raise NotFound(f"{language}: no page is written in this language")
    answer = Response(languages.of_scripts(language), content_type="text/javascript; charset=utf-8")
    if version == languages.version(language):
        # The address changes with the contents, so browsers may keep it for good.
        answer.cache_control.public = True
        answer.cache_control.max_age = 365 * 24 * 3600
    return answer


def address() -> str | None:
    """Return where scripts find the texts of the page's language; None where code has them."""
    language = languages.language()
    if language == languages.ENGLISH:
        return None
    version = languages.version(language)
    return url_for("texts.of_scripts", version=version, language=language)
