"""``earmark doctor`` says what is here and what is wrong, and changes nothing."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest

from earmark.audio import about
from earmark.doctor import GIVEN_UP
from earmark.workers import WorkerPool, sandbox
from support.command import Command

pytestmark = pytest.mark.slow


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_what_is_here(earmark: Command) -> None:
    done = earmark("doctor")
    assert done.code == 0
    for said in (platform.python_version(), "libsndfile", "MP3", "musicnn", "telemetry", "400 MB"):
        assert said in done.out
    assert done.out.splitlines()[-1].endswith("Earmark works here")


def test_as_json(earmark: Command, tmp_path: Path) -> None:
    told = json.loads(earmark("doctor", "--json", "-l", "classic").out)
    assert told["schema"] == "earmark.doctor/1"
    assert told["problems"] == []
    assert told["telemetry"]["off"]
    assert told["library"]["extractor"].startswith("mfcc ")
    # What is said of a worker is what one can do.
    with WorkerPool(1) as pool:
        assert pool.submit(sandbox.try_out, str(tmp_path)).result() == told["worker"]
    assert set(told["worker"]) == set(GIVEN_UP)
    if sys.platform != "win32":
        assert not told["worker"]["writes_files"]


def test_what_could_be_done_is_noticed(tmp_path: Path) -> None:
    """The trial itself: this process may do all of it."""
    could = sandbox.try_out(str(tmp_path))
    assert could["reaches_network"]
    assert could["starts_programs"]
    assert could["makes_files"]
    assert could["writes_files"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong(earmark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "mine.earmark"
    broken.write_bytes(b"no library")
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{")
    (tmp_path / "model" / "model.onnx").write_bytes(b"")
    monkeypatch.setitem(about.FFMPEG_DECODES, "Wax", "wax")
    monkeypatch.setattr("earmark.workers.process._CODE", "import sys; sys.exit(7)")
    done = earmark("doctor", "-l", broken)
    assert done.code == 1
    assert "is not an Earmark library" in done.out
    assert "ended with code 7" in done.out
    assert "does not decode Wax" in done.out
    assert "extractor model" in done.out
    assert "works here" not in done.out
    assert all(line.isprintable() for line in done.out.splitlines())


def test_it_leaves_nothing(earmark: Command, tmp_path: Path) -> None:
    earmark("doctor")
    assert list(tmp_path.rglob("*")) == []
