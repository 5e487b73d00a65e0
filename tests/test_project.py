"""What the files around the code say agrees with the code."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from earmark import __version__
from support.skips import skip

ROOT = Path(__file__).resolve().parent.parent


def test_the_citation_names_the_version_and_the_licence() -> None:
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert said["version"] == __version__
    assert said["license"] == project["license"]
    assert said["abstract"] == project["description"]
    assert {"cff-version", "message", "title", "authors"} <= set(said)


def test_the_workflow_runs_what_ci_runs() -> None:
    said = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8"))
    steps = said["jobs"]["check"]["steps"]
    assert ".ci/run" in [step.get("run") for step in steps]
    assert said["permissions"] == {"contents": "read"}


def test_the_guide_names_what_there_is() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make (\w+)", guide)) <= targets
    for path in re.findall(r"\btests/[\w./]*\w|\bsrc/[\w./]*\w", guide):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w./-]+)", guide):
        assert (ROOT / path).exists(), path


def test_what_an_example_wrote_is_no_part_of_the_project() -> None:
    if not (ROOT / ".git").exists():
        skip("what belongs to the project is told by git", "in a clone")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    top = {line.split("/")[0] for line in listed.splitlines() if not line.startswith(".")}
    assert {name for name in top if (ROOT / name).is_dir()} == {
        "benchmarks",
        "docs",
        "examples",
        "scripts",
        "src",
        "tests",
    }
    assert {Path(name).suffix for name in top if (ROOT / name).is_file()} <= {
        "",
        ".md",
        ".cff",
        ".toml",
    }
