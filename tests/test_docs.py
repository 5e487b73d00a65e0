"""The pages of the documentation: whole as Markdown, with examples that run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import sounds
from support.web import RATE, make_music, song

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_examples_are_python(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)


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
