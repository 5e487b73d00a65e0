"""The names of what Earmark writes as JSON, with versions: one list for commands and HTTP API.

Every JSON object that a command prints or the API answers begins with ``"schema"``, such as
``"earmark.prediction/1"``. Keys may be added under a version; where one is removed, renamed or
changes its meaning the number goes up. ``docs/json.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSIONS: Mapping[str, int] = {
    "audit": 1,
    "build": 1,
    "connected": 1,
    "correction": 1,
    "corrections": 1,
    "doctor": 1,
    "evaluation": 1,
    "extractor": 1,
    "extractors": 1,
    "failure": 1,
    "health": 1,
    "info": 1,
    "job": 1,
    "job-result": 1,
    "journal": 1,
    "labelling": 1,
    "libraries": 1,
    "library": 1,
    "library-build": 1,
    "map": 1,
    "map-tracks": 1,
    "mends": 1,
    "merge": 1,
    "music": 1,
    "parts": 1,
    "plan": 1,
    "player-ids": 1,
    "prediction": 1,
    "predictions": 1,
    "problem": 1,
    "ready": 1,
    "report": 1,
    "report-tracks": 1,
    "reset": 1,
    "similar": 1,
    "songs": 1,
    "tag-history": 1,
    "tag-left": 1,
    "tag-outcome": 1,
    "tag-proposals": 1,
    "track": 1,
    "tracks": 1,
}
"""The current version of each kind."""


def schema(kind: str) -> str:
    """Return the name of a kind of JSON object, with its version.

    >>> schema("prediction")
    'earmark.prediction/1'
    """
    return f"earmark.{kind}/{VERSIONS[kind]}"


def named(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object that says first what it is.

    >>> named("failure", {"path": "song.mp3"})
    {'schema': 'earmark.failure/1', 'path': 'song.mp3'}
    """
    return {"schema": schema(kind), **body}
