"""Make the files of a release, and refuse what is not ready; for `make release`.

    python scripts/release.py            # looks, checks, builds; writes dist/
    python scripts/release.py --ready    # only says whether the tree is ready

Nothing is uploaded. `dist/` then holds the source distribution and the wheel, each built twice and
the same both times, a list of what is inside (CycloneDX) with the licences of all packages that
come along, and the SHA-256 of each file.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class NotReadyError(Exception):
    """Why a release cannot be made."""


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    """Run a program; return what it printed.

    Raises
    ------
    NotReadyError
        It failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-3000:]
        raise NotReadyError(f"{' '.join(map(str, command))} failed:\n{said}")
    return done.stdout


def version_of(root: Path = ROOT) -> str:
    """Return the version, from the one place where it stands."""
    text = (root / "src" / "earmark" / "version.py").read_text("utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        raise NotReadyError("src/earmark/version.py does not say which version this is")
    return found[1]


def faults(root: Path = ROOT) -> list[str]:
    """Return what is not ready in a tree, a line each; nothing is run but git."""
    version = version_of(root)
    found = []
    if run("git", "status", "--porcelain", cwd=root).strip():
        found.append("there are changes that are not committed")
    if f"v{version}" in run("git", "tag", "--list", cwd=root).split():
        found.append(f"v{version} is tagged already; raise the version in src/earmark/version.py")
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    heading = re.search(rf"^## {re.escape(version)}, (.*)$", changes, re.MULTILINE)
    if heading is None:
        found.append(f"CHANGELOG.md has no section '## {version}, DATE'")
    else:
        try:
            datetime.date.fromisoformat(heading[1])
        except ValueError:
            found.append(f"CHANGELOG.md gives {version} no date: '{heading[1]}'")
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL)
    if unreleased is not None and unreleased[1].strip():
        found.append("CHANGELOG.md has changes under 'Unreleased'; put them under the version")
    cited = re.search(r"^version: (.*)$", (root / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    if cited is None or cited[1] != version:
        found.append(f"CITATION.cff does not name version {version}")
    return found


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def build(target: Path, root: Path = ROOT) -> list[Path]:
    """Build the source distribution and, from it, the wheel, twice; return the two files.

    Raises
    ------
    NotReadyError
        The second time gave other bytes.
    """
    # The time inside archives is that of the commit, whenever they are built.
    when = run("git", "log", "-1", "--format=%ct", cwd=root).strip()
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder)
        for into in (target, again):
            run(sys.executable, "-m", "build", "-o", into, root, SOURCE_DATE_EPOCH=when)
        made = [*target.glob("*.tar.gz"), *target.glob("*.whl")]
        for file in made:
            if digest(file) != digest(again / file.name):
                raise NotReadyError(f"{file.name} has other bytes when it is built again")
    return made


def list_contents(wheel: Path, target: Path) -> Path:
    """Write what a fresh environment with the wheel holds, with licences, as CycloneDX JSON."""
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "environment"
        run(sys.executable, "-m", "venv", alone)
        run(alone / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
        listed = target / f"{wheel.name.split('-')[0]}-{wheel.name.split('-')[1]}.cdx.json"
        run(
            *(sys.executable, "-m", "cyclonedx_py", "environment", alone / "bin" / "python"),
            *("--output-reproducible", "--pyproject", ROOT / "pyproject.toml", "-o", listed),
        )
    components = json.loads(listed.read_text("utf-8"))["components"]
    if "numpy" not in {component["name"] for component in components}:
        raise NotReadyError(f"{listed.name} lacks what the wheel needs")
    return listed


def main(arguments: list[str] | None = None) -> int:
    """Make a release; return the exit code: 0 done, 1 not ready."""
    parser = argparse.ArgumentParser(description="make the files of a release")
    parser.add_argument("--ready", action="store_true", help="only say whether the tree is ready")
    options = parser.parse_args(arguments)
    found = faults()
    for line in found:
        print(f"release: {line}")
    if found or options.ready:
        return 1 if found else 0
    target = ROOT / "dist"
    try:
        print("release: .ci/run, which takes a while")
        run(ROOT / ".ci" / "run")
        target.mkdir(exist_ok=True)
        for old in target.iterdir():
            old.unlink()
        made = build(target)
        run(sys.executable, "-m", "twine", "check", "--strict", *made)
        made.append(list_contents(made[-1], target))
    except NotReadyError as error:
        print(f"release: {error}")
        return 1
    sums = "".join(f"{digest(file)}  {file.name}\n" for file in made)
    (target / "SHA256SUMS").write_text(sums, "utf-8")
    print(sums, end="")
    print(f"release: ready in {target}; publish it with:")
    print("  python -m twine upload dist/*.tar.gz dist/*.whl")
    print(f"  git tag v{version_of()} && git push --tags")
    return 0


if __name__ == "__main__":
    sys.exit(main())
