"""The program that asks whether a dependency has a known vulnerability."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support import scripts
from support.skips import require_package

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "audit_dependencies.py"
SOUND = {"name": "sound", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "not found"}
FLAWED = {
    "name": "flawed",
    "version": "2.0",
    "vulns": [{"id": "CVE-2026-1", "fix_versions": ["2.1", "3.0"]}],
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return scripts.load("audit_dependencies")


def test_a_vulnerability_fails_and_is_named(script: ModuleType) -> None:
    code, lines = script.verdict({"dependencies": [SOUND, FLAWED, UNKNOWN]})
    assert code == 1
    assert lines == ["flawed 2.0: CVE-2026-1, mended in 2.1, 3.0"]


def test_what_was_not_looked_up_is_told(script: ModuleType) -> None:
    assert script.verdict({"dependencies": [SOUND, UNKNOWN]}) == (
        0,
        ["no known vulnerability in 1 packages; 1 are not in the list"],
    )
    code, (line,) = script.verdict({"dependencies": [UNKNOWN]})
    assert code == 0
    assert line.startswith("SKIPPED")


@pytest.mark.slow
def test_offline_it_is_skipped_and_says_so(tmp_path: Path) -> None:
    require_package("pip_audit")
    nobody = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, **nobody, "HOME": str(tmp_path), "NO_PROXY": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "audit: SKIPPED: the list of vulnerabilities cannot be reached\n"
