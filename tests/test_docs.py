"""The pages of the documentation: whole as Markdown, with examples that run."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import earmark
from support import sounds
from support.web import RATE, make_music, song

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_fences_are_closed_on_lines_of_their_own(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    fences = [line.strip() for line in lines if "```" in line]
    assert all(re.fullmatch(r"```\w*", fence) for fence in fences)
    assert all(fence == "```" for fence in fences[1::2])
    assert len(fences) % 2 == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def imported_by(tree: ast.Module) -> dict[str, Any]:
    """Return what an example imports from Earmark, by the name that it has there."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "earmark":
                    module = importlib.import_module(alias.name)
                    found[alias.asname or "earmark"] = module if alias.asname else earmark
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "earmark":
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


def calls_of(tree: ast.Module, imported: dict[str, Any]) -> list[tuple[ast.Call, Any]]:
    """Return the calls of what was imported, with what is called."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            names = ast.unparse(node.func).split(".")
            if names[0] in imported and all(name.isidentifier() for name in names):
                found.append((node, functools.reduce(getattr, names[1:], imported[names[0]])))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_examples_are_python(page: Path) -> None:
    """They can be parsed, import what there is, and call it with arguments that it takes."""
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for call, called in calls_of(tree, imported_by(tree)):
            starred = any(isinstance(argument, ast.Starred) for argument in call.args)
            if not starred and all(keyword.arg for keyword in call.keywords):
                named = {str(keyword.arg): None for keyword in call.keywords}
                inspect.signature(called).bind(*call.args, **named)


def test_pages_that_teach_python_have_examples_of_it() -> None:
    having = {page.stem for page in PAGES if blocks(page, "python")}
    assert {"README", "audio", "building", "evaluation", "extractors", "library-file"} <= having


@pytest.mark.parametrize(
    "wrong",
    [
        "from earmark.library import open_libary",
        "from earmark.libary import open_library",
        "from earmark.library import open_library\nopen_library('a', readonly=True)",
        "import earmark.library\nearmark.library.open_libary('a')",
        "from earmark.library import open_library\nopen_library()",
    ],
)
def test_an_example_that_would_fail_is_found(tmp_path: Path, wrong: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```python\n{wrong}\n```\n")
    with pytest.raises((AttributeError, ImportError, TypeError)):
        test_python_examples_are_python(page)


def test_a_recording_can_be_read_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sounds.write(tmp_path / "song.mp3", song("melody", 1, 70.0), RATE, "mp3")
    (code,) = blocks(ROOT / "docs" / "audio.md", "python")
    exec(compile(code, "audio.md", "exec"), {})
    duration, rate, channels = capsys.readouterr().out.splitlines()[0].split()
    assert float(duration) == pytest.approx(70, abs=0.2)
    assert (rate, channels) == (str(RATE), "1")


def test_a_library_can_be_built_as_the_page_says(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music")
    (code,) = blocks(ROOT / "docs" / "building.md", "python")
    assert '"/music"' in code
    (tmp_path / "own.py").write_text(code.replace('"/music"', repr(str(music))), "utf-8")
    command = [sys.executable, "own.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(list(music.rglob('*.*')))} []\n"


def test_the_vote_of_a_library_can_be_fitted_by_anyone(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "docs" / "how-it-decides.md", "python")
    exec(compile(code, "how-it-decides.md", "exec"), {})
    assert int(capsys.readouterr().out) > 0


def test_what_plug_ins_are_tested_with_works_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "docs" / "architecture.md", "python")
    exec(compile(code, "architecture.md", "exec"), {})
    assert capsys.readouterr().out == "fake 27\n"


def test_genres_are_written_and_taken_back_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    sounds.write(tmp_path / "song.flac", song("melody", 1, 3.0), RATE, "flac")
    before = (tmp_path / "song.flac").read_bytes()
    (code,) = blocks(ROOT / "docs" / "tagging.md", "python")
    exec(compile(code, "tagging.md", "exec"), {})
    assert capsys.readouterr().out == f"{tmp_path / 'song.flac'} True \n" * 2
    assert (tmp_path / "song.flac").read_bytes() == before
