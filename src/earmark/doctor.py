"""What this installation is and can do: for people who report a fault or run a server.

Nothing is sent or kept, and no file of the user is opened but the library.
"""

from __future__ import annotations

import platform
import tempfile
from dataclasses import asdict
from importlib import metadata
from typing import Any

import platformdirs

from earmark.audio.about import decoders
from earmark.errors import EarmarkError
from earmark.features.listing import entries
from earmark.features.runtime import QUIET
from earmark.library import database_versions, open_default, user_library_path
from earmark.version import __version__
from earmark.web.config import Config
from earmark.web.http.limits import limits_for
from earmark.workers import WorkerPool, sandbox
from earmark.workers.limits import Limits

PACKAGES = (
    *("numpy", "onnxruntime", "av", "soundfile", "soxr", "sqlalchemy", "flask", "apiflask"),
    *("waitress", "click", "rich", "psutil", "tinytag"),
)
EXTRAS = {
    "tag": "mutagen",
    "hub": "huggingface_hub",
    "postgres": "psycopg",
    "cluster": "distributed",
    "ann": "faiss-cpu",
}
"""By name: the package that an extra of Earmark brings."""

GIVEN_UP = {
    "gains_privileges": "gaining privileges",
    "reaches_network": "connections",
    "starts_programs": "starting programs",
    "makes_files": "making files",
    "writes_files": "writing",
}
"""What a worker must not be able to do, by what `earmark.workers.sandbox.try_out` calls it."""


def examine(library_name: str | None = None) -> dict[str, Any]:
    """Look at everything once, and start one worker to see what it can do.

    Parameters
    ----------
    library_name
        The library to open; None: the one that is used where none is named.

    Returns
    -------
    dict
        JSON values; ``problems`` are what keeps Earmark from working, ``notes`` what is good to
        know, one line each.
    """
    problems: list[str] = []
    notes: list[str] = []
    facts: dict[str, Any] = {
        "earmark": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {**{name: _version(name) for name in PACKAGES}, **database_versions()},
        "extras": {extra: _version(package) for extra, package in EXTRAS.items()},
        "decoders": _decoders(notes),
        "extractors": _extractors(problems, notes),
        "library": _library(library_name, problems),
        "places": {
            "own_library": str(user_library_path()),
            "models": str(platformdirs.user_data_path("earmark") / "models"),
            "cache": str(platformdirs.user_cache_path("earmark")),
            "temporary": tempfile.gettempdir(),
        },
        "telemetry": {"off": True, "by": dict(QUIET)},
        "limits": _limits(),
        "worker": _worker(problems, notes),
    }
    return {**facts, "problems": problems, "notes": notes}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _decoders(notes: list[str]) -> list[dict[str, Any]]:
    found = decoders()
    notes.extend(
        f"this {decoder.name} does not decode {', '.join(decoder.lacks)}"
        for decoder in found
        if decoder.lacks
    )
    return [asdict(decoder) for decoder in found]


def _extractors(problems: list[str], notes: list[str]) -> dict[str, str | None]:
    """Return the extractors that are here, with what is wrong with each."""
    found = {}
    for entry in entries():
        found[entry.name] = entry.problem
        if entry.problem is not None:
            # Without the package's own nothing works; a model of somebody else is a matter apart.
            said = problems if entry.where == "package" else notes
            said.append(f"extractor {entry.name}: {entry.problem}")
    return found


def _library(name: str | None, problems: list[str]) -> dict[str, Any] | None:
    try:
        with open_default(name) as library:
            spec = library.spec
            return {
                "location": library.location,
                "tracks": library.count(),
                "extractor": f"{spec.name} {spec.version}",
                "read_only": library.read_only,
            }
    except EarmarkError as error:
        problems.append(str(error))
        return None


def _limits() -> dict[str, Any]:
    one, config = Limits(), Config()
    server = limits_for(config)
    return {
        "command_seconds": one.processor_seconds,
        "server_seconds": config.time_limit,
        "memory": one.memory,
        "longest_recording_seconds": config.max_duration,
        "upload": config.max_upload,
        "connections": server.connections,
        "connections_of_one_address": server.per_address,
    }


def _worker(problems: list[str], notes: list[str]) -> dict[str, Any] | None:
    """Return what a worker can do that it should not, as far as it was tried."""
    with tempfile.TemporaryDirectory() as folder, WorkerPool(1) as pool:
        try:
            could = pool.submit(sandbox.try_out, folder).result()
        except EarmarkError as error:
            problems.append(f"a worker process: {error}")
            return None
    kept = [told for name, told in GIVEN_UP.items() if could[name]]
    if kept:
        notes.append(f"a worker process cannot give up {', '.join(kept)} on this system")
    return could
