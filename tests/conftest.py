"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on the machine and on what else runs there.
settings.register_profile("earmark", deadline=None)
settings.load_profile("earmark")

ROOT = Path(__file__).resolve().parent.parent

PROGRAMS = {
    "chromium": (("chromium", "chromium-browser", "google-chrome", "chrome"), "pages in a browser"),
    "curl": (("curl",), "the examples of the HTTP API"),
    "espeak-ng": (("espeak-ng",), "speech that is no music"),
    "ffmpeg": (("ffmpeg",), "formats that only it writes"),
    "strace": (("strace",), "that no command opens a connection"),
}
"""By the package that brings it: names of a program, and what is skipped without it."""


def missing_programs() -> list[str]:
    """Say of each program that is not here what is skipped, and how to get it."""
    return [
        f"no {package}: tests of {what} are skipped; to run them: apt-get install {package}"
        for package, (names, what) in PROGRAMS.items()
        if not any(map(shutil.which, names))
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is seen, what this machine lacks."""
    for line in missing_programs():
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real music and real data files, which lies beside the repository."""
    folder = Path(os.environ.get("EARMARK_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"no real music at {folder}: this test needs recordings that may not be passed on; "
            "docs/data-for-tests.md says where to get them; name their folder in "
            "EARMARK_TEST_DATA"
        )
    return folder


@pytest.fixture(autouse=True)
def own_data_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep tests away from the libraries of the person who runs them."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache-home")))
    for name in ("EARMARK_LIBRARY", "EARMARK_MODELS", "EARMARK_HEAR"):
        monkeypatch.delenv(name, raising=False)
