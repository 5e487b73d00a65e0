"""Artist and title as a sound file itself says."""

from __future__ import annotations

import logging
import os

import mutagen

from earmark.collection.pieces import readable

_log = logging.getLogger(__name__)


def read_tags(path: str | os.PathLike[str]) -> tuple[str | None, str | None]:
    """Return artist and title from the tags of a file, None for what they do not say.

    Never fails: tags are a help, and those of a file that plays well may be broken.
    """
    try:
        tags = mutagen.File(os.fspath(path), easy=True)
    except Exception as error:
        # A parser of forty formats meets broken files with errors of any type.
        _log.debug("%s: its tags cannot be read: %s", path, error)
        return None, None
    return _first(tags, "artist"), _first(tags, "title")


def _first(tags: object, key: str) -> str | None:
    try:
        values = tags.get(key) if hasattr(tags, "get") else None
    except (KeyError, ValueError):
        return None
    value = values[0] if isinstance(values, list) and values else values
    if not isinstance(value, str):
        return None
    return " ".join(readable(value).split()) or None
