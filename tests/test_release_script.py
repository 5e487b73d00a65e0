"""The program that makes the files of a release, and refuses what is not ready."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from support import scripts

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return scripts.load("release")


def git(tree: Path, *arguments: str) -> None:
    named = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *named, *arguments], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """Return a tree that is ready for its release."""
    package = tmp_path / "src" / "earmark"
    package.mkdir(parents=True)
    (package / "version.py").write_text('__version__ = "2.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## Unreleased\n\n## 2.1.0, 2026-11-28\n\n- More.\n\n## 2.0.0, 2026-10-01\n"
    )
    (tmp_path / "CITATION.cff").write_text("version: 2.1.0\n")
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "All of it")
    return tmp_path


def test_a_tree_that_is_ready_has_no_fault(script: ModuleType, ready: Path) -> None:
    assert script.faults(ready) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("CHANGELOG.md", "2026-11-28", "not yet released", "no date"),
        ("CHANGELOG.md", "## 2.1.0, 2026", "## 2.0.1, 2026", "no section"),
        ("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- New.\n", "Unreleased"),
        ("CITATION.cff", "2.1.0", "2.0.0", "CITATION.cff"),
    ],
)
def test_what_is_not_ready_is_named(
    script: ModuleType, ready: Path, file: str, before: str, after: str, said: str
) -> None:
    text = (ready / file).read_text()
    assert before in text
    (ready / file).write_text(text.replace(before, after))
    git(ready, "commit", "-a", "-m", "A fault")
    (fault,) = script.faults(ready)
    assert said in fault


def test_changes_that_are_not_committed_and_old_versions_are_refused(
    script: ModuleType, ready: Path
) -> None:
    git(ready, "tag", "v2.1.0")
    (ready / "CITATION.cff").write_text("version: 2.1.0\n# changed\n")
    assert [line.split(";")[0] for line in script.faults(ready)] == [
        "there are changes that are not committed",
        "v2.1.0 is tagged already",
    ]


def test_this_version_is_not_released_by_mistake(script: ModuleType) -> None:
    """As long as the changes say "not yet released", the program refuses."""
    if "not yet released" in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        assert any("no date" in line for line in script.faults())


@pytest.mark.slow
def test_what_is_built_is_the_same_twice_whole_and_can_be_published(
    script: ModuleType, tmp_path: Path
) -> None:
    source, wheel = script.build(tmp_path)
    assert wheel.suffix == ".whl"
    with tarfile.open(source) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    # What whoever packages it for a system needs to test it.
    assert {"Makefile", "tests/conftest.py", "scripts/release.py", "docs/index.md"} <= names
    assert {"src/earmark/data/reference.earmark", "LICENSE", "CHANGELOG.md"} <= names
    assert not any(name.startswith(("build/", "tests/web/node_modules")) for name in names)
    command = [sys.executable, "-m", "twine", "check", "--strict", source, wheel]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
