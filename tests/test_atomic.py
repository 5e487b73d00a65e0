"""Files that come into being whole or not at all, and what a killed process leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.atomic import new_file

HANGS = """
import sys, time
from pathlib import Path
from earmark.atomic import new_file

with new_file(Path(sys.argv[1]), overwrite=True) as part:
    part.write_text("half")
    part.with_name(part.name + "-journal").write_text("a database's")
    print("begun", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def unfinished(tmp_path: Path):
    """A process that is making tmp_path / "list.csv"."""
    command = [sys.executable, "-c", HANGS, str(tmp_path / "list.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def make(path: Path) -> None:
    with new_file(path, overwrite=True) as part:
        part.write_text("whole")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(
    tmp_path: Path, unfinished: subprocess.Popen[str]
) -> None:
    unfinished.send_signal(signal.SIGKILL)
    unfinished.wait()
    assert len(names(tmp_path)) == 2
    make(tmp_path / "list.csv")
    assert names(tmp_path) == ["list.csv"]


def test_what_another_process_is_making_is_left(
    tmp_path: Path, unfinished: subprocess.Popen[str]
) -> None:
    before = names(tmp_path)
    make(tmp_path / "list.csv")
    assert names(tmp_path) == sorted([*before, "list.csv"])
    assert unfinished.poll() is None


def test_files_of_others_are_left(tmp_path: Path) -> None:
    theirs = [
        ".list-x.part",
        ".list-abcdefgh.part.txt",
        ".other-abcdefgh.part",
        "list-abcdefgh.part",
    ]
    for name in theirs:
        (tmp_path / name).write_text("theirs")
    os.mkfifo(tmp_path / ".list-fifofifo.part")
    (tmp_path / ".list-linklink.part").symlink_to(tmp_path / ".other-abcdefgh.part")
    make(tmp_path / "list.csv")
    assert names(tmp_path) == sorted(
        [*theirs, "list.csv", ".list-fifofifo.part", ".list-linklink.part"]
    )


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("former")
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "list.csv")
    assert names(tmp_path) == ["list.csv"]
    assert (tmp_path / "list.csv").read_text() == "former"


def fail(path: Path) -> None:
    with new_file(path, overwrite=True) as part:
        part.write_text("half")
        raise ZeroDivisionError
