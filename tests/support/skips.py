"""Why a test is skipped, and how to have it run.

Nothing else may skip a test, but what `support.programs` says of missing programs: so that whoever
runs the tests is told of every one that did not run what to do about it.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from support.programs import find_or_skip

NETWORK = "with a network, or with an index of packages that pip knows"
NAMES_OF_BYTES = "with temporary files on a file system of Linux, such as ext4"
NOT_ROOT = "as another user than root"


def reason(why: str, way: str) -> str:
    """Say why a test is skipped, and how to have it run."""
    return f"{why}; to run it: {way}"


def skip(why: str, way: str) -> NoReturn:
    """Skip the test that runs; say how to have it run."""
    __tracebackhide__ = True  # so that what is told is the test that was skipped
    pytest.skip(reason(why, way))


def only_where(there: object, why: str, way: str) -> pytest.MarkDecorator:
    """Return the mark of a test that skips where something is not there."""
    return pytest.mark.skipif(not there, reason=reason(why, way))


def import_or_skip(module: str, group: str = "dev") -> ModuleType:
    """Return a module of a package that not every set of dependencies has, or skip the test."""
    __tracebackhide__ = True
    require_package(module.partition(".")[0], group)
    return importlib.import_module(module)


def require_package(name: str, group: str = "dev") -> None:
    """Skip the test, or the module of tests, where a package is not installed."""
    __tracebackhide__ = True
    if importlib.util.find_spec(name) is None:
        why = f"needs the package {name}"
        pytest.skip(reason(why, f"pip install --group {group}"), allow_module_level=True)


def needs_linux(why: str, there: object = True) -> pytest.MarkDecorator:
    """Return the mark of a test that other systems than Linux, or some Linuxes, cannot run."""
    return only_where(sys.platform == "linux" and there, f"needs Linux: {why}", "use Linux")


def needs_posix(why: str) -> pytest.MarkDecorator:
    """Return the mark of a test that Windows cannot run."""
    return only_where(os.name == "posix", f"needs POSIX: {why}", "use Linux or macOS")


def is_root() -> bool:
    """Whether file permissions do not hold for whoever runs the tests."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Make a file system of a size in a folder, or skip the test."""
    __tracebackhide__ = True
    folder.mkdir()
    mount = [find_or_skip("mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        skip(
            f"a small file system cannot be mounted here ({made.stderr.strip()})",
            "as root, in a container with --cap-add SYS_ADMIN",
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
