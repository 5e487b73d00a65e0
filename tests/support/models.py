"""Small model folders, made as ``scripts/make_small_model.py`` makes them, and their faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from support import scripts


def make_model(folder: Path, algorithm: str = "waveform", **changes: Any) -> Path:
    """Write a model folder whose ``model.json`` is right but for the changes."""
    made: Path = scripts.load("make_small_model").make(folder, algorithm)
    return change(made, **changes) if changes else made


def copy(folder: Path, to: Path, **changes: Any) -> Path:
    """Copy a model folder and change its ``model.json``."""
    return change(Path(shutil.copytree(folder, to)), **changes)


def change(folder: Path, **changes: Any) -> Path:
    """Set keys of a ``model.json``, those of its objects by ``object__key``; ``...`` takes out."""
    file = folder / "model.json"
    said = json.loads(file.read_text("utf-8"))
    for path, value in changes.items():
        place: Any = said
        *way, last = path.split("__")
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        if value is ...:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    file.write_text(json.dumps(said), "utf-8")
    return folder


def read(folder: Path) -> dict[str, Any]:
    """Return what a ``model.json`` says."""
    said: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    return said
