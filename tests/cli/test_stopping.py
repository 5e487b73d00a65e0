"""Ctrl-C, SIGTERM and a full disk: every command ends with one line, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earmark.classify import Classifier
from support import sounds
from support.command import Command
from support.forked import Process
from support.skips import needs_linux, needs_posix

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "war_of_freedom.ogg"


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def send(number: signal.Signals) -> Callable[..., Any]:
    def stop(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), number)

    return stop


ENDS = pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "earmark: interrupted\n"), (signal.SIGTERM, 143, "")],
)


@ENDS
def test_classify(
    earmark: Command,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    said: str,
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(Classifier, "predict_heard", send(number))
    ran = earmark("classify", "-l", "classic", EXAMPLE, EXAMPLE)
    assert (ran.code, ran.out, ran.err.lstrip()) == (code, "", said)
    assert signal.getsignal(number) == before


@ENDS
def test_evaluate(
    earmark: Command,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr("earmark.evaluation.evaluation_set.load_evaluation_set", send(number))
    ran = earmark("evaluate", "classic")
    assert (ran.code, ran.out, ran.err.lstrip()) == (code, "", said)


@ENDS
def test_build_before_it_hears_anything(
    earmark: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr("earmark.collection.scan_folder", send(number))
    ran = earmark("build", tmp_path, "-o", tmp_path / "o.earmark")
    assert (ran.code, ran.out, ran.err.lstrip()) == (code, "", said)


def test_an_interruption_that_an_import_made_an_error_of(
    earmark: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any, **__: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(Classifier, "predict_heard", load)
    ran = earmark("classify", "-l", "classic", EXAMPLE)
    assert (ran.code, ran.err.lstrip()) == (130, "earmark: interrupted\n")


def test_other_errors_are_not_hidden(earmark: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of Earmark's own")

    monkeypatch.setattr(Classifier, "predict_heard", fail)
    with pytest.raises(RuntimeError, match="own"):
        earmark("classify", "-l", "classic", EXAMPLE)


@needs_linux("looks into /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("n_children", [1, 2])
def test_build_while_its_workers_start(
    tmp_path: Path, number: signal.Signals, code: int, n_children: int
) -> None:
    for track in range(8):
        (tmp_path / "music" / "rock").mkdir(parents=True, exist_ok=True)
        sounds.write(
            tmp_path / "music" / "rock" / f"{track}.wav", sounds.tune(3.0, seed=track), 22_050
        )
    command = [sys.executable, "-m", "earmark", "build", str(tmp_path / "music"), "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "o.earmark"), "--features", "mfcc"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(children(process.pid)) < n_children and process.poll() is None:
        time.sleep(0.002)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    # On a slow machine the build may be done before it is seen to start.
    assert process.returncode == code or "8 tracks" in out
    assert "Traceback" not in err
    assert "Warning" not in err
    assert len(err.strip().splitlines()) <= 1


def children(pid: int) -> set[str]:
    found: set[str] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found.update(task.read_text().split())
        except OSError:
            continue
    return found


@needs_linux("a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["info", "classic"], ["classify", "-l", "classic", EXAMPLE], ["audit", "classic"]],
)
def test_output_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        listed = list(map(str, arguments))
        with Process(listed, stdout=full, stderr=subprocess.PIPE, text=True) as process:
            _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("earmark: the output cannot be written (")
    assert errors.count("\n") == 1


@needs_posix("closes an output as its shell does")
def test_no_output_at_all_is_no_error() -> None:
    command = f'exec "{sys.executable}" -m earmark info classic >&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["classify", "build", "import", "export"])
def test_help_ends_with_the_exit_codes(earmark: Command, command: str) -> None:
    ran = earmark(command, "--help")
    assert ran.code == 0
    assert ran.out.rstrip().endswith("130 interrupted.")


def test_wrong_usage_prints_no_control_characters(earmark: Command) -> None:
    ran = earmark("classify", EXAMPLE, "-k", "\x1b[2J")
    assert ran.code == 2
    assert "\x1b" not in ran.err
    assert "[2J" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [["build", ""], ["build", "--manifest", ""], ["import", "x.dat", "-o", ""], ["export", ""]],
)
def test_an_empty_name_is_not_the_current_folder(
    earmark: Command, tmp_path: Path, arguments: list[str]
) -> None:
    more = ["-o", tmp_path / "o.earmark"] if arguments[0] == "build" else []
    ran = earmark(*arguments, *more)
    assert ran.code == 2
    assert "an empty name is no file" in ran.err
