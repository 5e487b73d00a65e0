"""What a worker cannot do any more once it reads files of strangers, where the system helps."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark import testing
from earmark.errors import EarmarkError
from earmark.workers import Limits, WorkerPool, sandbox
from support import misdeeds as do
from support.skips import needs_linux

pytestmark = [
    pytest.mark.slow,
    needs_linux("its means"),
]

TESTS = Path(do.__file__).resolve().parent.parent

LANDLOCK = sandbox.landlock_version(ctypes.CDLL(None)) if sys.platform == "linux" else 0

needs_filter = needs_linux(
    "a kernel with seccomp, on x86-64 or ARM64",
    platform.machine() in ("x86_64", "aarch64") and Path("/proc/sys/kernel/seccomp").exists(),
)
needs_landlock = needs_linux("5.13 or newer, with Landlock", LANDLOCK >= 1)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(1, limits=Limits(seconds=120)) as made:
        yield made


def refused(pool: WorkerPool, act: object, argument: object) -> str:
    error = pool.submit(act, str(argument)).exception(timeout=120)  # type: ignore[arg-type]
    assert isinstance(error, EarmarkError), f"it could: {act}"
    return str(error)


def test_it_reads(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"12345")
    assert pool.submit(do.read_file, str(tmp_path / "song")).result() == 5


def test_it_writes_no_file(pool: WorkerPool, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"12345")
    for path in (song, tmp_path / "new"):
        refused(pool, do.write_file, path)
    assert song.read_bytes() == b"12345"


@needs_landlock
def test_it_makes_and_removes_none(pool: WorkerPool, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"12345")
    assert "Permission" in refused(pool, do.remove_file, song)
    assert "Permission" in refused(pool, do.write_file, tmp_path / "new")
    assert list(tmp_path.iterdir()) == [song]


@needs_filter
def test_it_opens_no_connection(pool: WorkerPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert do.connect(str(port))
        assert "Permission" in refused(pool, do.connect, port)


@needs_filter
def test_it_starts_no_program(pool: WorkerPool, tmp_path: Path) -> None:
    assert "Permission" in refused(pool, do.run_program, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


@needs_linux("6.12 or newer, whose Landlock knows signals", LANDLOCK >= 6)
def test_it_sends_no_signals_to_others(pool: WorkerPool) -> None:
    assert "not permitted" in refused(pool, do.end_process, os.getpid())


def test_what_comes_before_the_first_call_may_write(tmp_path: Path) -> None:
    """A model may keep a cache of what it compiled."""
    with WorkerPool(1) as pool:
        pool.prepare(do.write_file, str(tmp_path / "cache"))
        assert pool.submit(do.read_file, str(tmp_path / "cache")).result() == 1
        # Another model for the same pool: by a new process, since the former one may not any more.
        pool.prepare(do.write_file, str(tmp_path / "other"))
        assert pool.submit(do.read_file, str(tmp_path / "other")).result() == 1
        refused(pool, do.write_file, tmp_path / "third")


def test_a_pool_may_be_left_as_it_is(tmp_path: Path) -> None:
    with WorkerPool(1, confined=False) as pool:
        assert pool.submit(do.write_file, str(tmp_path / "x")).result()


REFUSING = """
import ctypes, sys
from earmark.workers import sandbox

class Refuses:
    def __getattr__(self, name):
        if sys.argv[1] == "lacks":
            raise AttributeError(name)
        return lambda *arguments: 0 if name == "prctl" and sys.argv[1] == "some" else -1

def refuse(*arguments, **options):
    if sys.argv[1] == "no libc":
        raise OSError("no such library")
    return Refuses()

sandbox.ctypes.CDLL = refuse
sandbox.confine()
from earmark.audio import open_recording
with open_recording(sys.argv[2]) as recording:
    print(sum(len(block) for block in recording.blocks(22050)))
"""


@pytest.mark.parametrize("what", ["everything", "some", "lacks", "no libc"])
def test_a_kernel_that_refuses_is_no_failure(tmp_path: Path, what: str) -> None:
    song = testing.write_wav(tmp_path / "song.wav", testing.make_song("melody", 1))
    done = subprocess.run(
        [sys.executable, "-c", REFUSING, what, str(song)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "44100", done.stderr
