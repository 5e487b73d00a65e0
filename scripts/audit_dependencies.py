"""Ask whether an installed package has a known vulnerability; for `make check`.

    python scripts/audit_dependencies.py

pip-audit asks a public list. Where that cannot be reached, or knows none of the packages, as behind
a mirror, this says so and passes: an offline machine must be able to check a change.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# How pip-audit ends where it reaches nothing: by a traceback of its client, or with a tip.
UNREACHABLE = ("requests.exceptions.", "your network may be blocking this service")


def verdict(found: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the exit code for what pip-audit found, and the lines that say it."""
    packages = found["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in audited
        for flaw in package["vulns"]
    ]
    if lines:
        return 1, lines
    if not audited:
        return 0, [f"SKIPPED: the list of vulnerabilities knows none of {len(packages)} packages"]
    passed = f"no known vulnerability in {len(audited)} packages"
    unknown = len(packages) - len(audited)
    return 0, [f"{passed}; {unknown} are not in the list" if unknown else passed]


def main() -> int:
    """Audit the environment of this Python; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "audit.json"
        options = ["--skip-editable", "--progress-spinner", "off", "--format", "json"]
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *options, "--output", str(told)],
            capture_output=True,
            text=True,
        )
        if told.is_file():
            code, lines = verdict(json.loads(told.read_text(encoding="utf-8")))
        elif any(sign in done.stderr for sign in UNREACHABLE):
            code, lines = 0, ["SKIPPED: the list of vulnerabilities cannot be reached"]
        else:
            code, lines = 1, [f"pip-audit failed: {done.stderr.strip()[-2000:]}"]
    for line in lines:
        print(f"audit: {line}")
    return code


if __name__ == "__main__":
    sys.exit(main())
