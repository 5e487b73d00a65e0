"""The project's scripts as modules, for tests of what is in them."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@cache
def load(name: str) -> ModuleType:
    """Return a script, such as ``"make_network"``, as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up the module that they stand in.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
