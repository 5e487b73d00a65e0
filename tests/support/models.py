"""Small model folders, made as ``scripts/make_small_model.py`` makes them, and their faults."""

from __future__ import annotations

import importlib.util
import json
import shutil
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def script() -> ModuleType:
    """Return the script as a module."""
    file = ROOT / "scripts" / "make_small_model.py"
    spec = importlib.util.spec_from_file_location("make_small_model", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_model(folder: Path, algorithm: str = "waveform", **changes: Any) -> Path:
    """Write a model folder whose ``model.json`` is right but for the changes."""
    made: Path = script().make(folder, algorithm)
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
