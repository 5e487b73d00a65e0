"""Several processes on one library: readers go on while one writes, and a second writer waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryBusy
from earmark.library import ExtractorSpec, Track, create_library, open_library
from earmark.library.backends.sqlite import SqliteLibrary

pytestmark = pytest.mark.slow

SPEC = ExtractorSpec("musicnn", "1", 4, "cosine", "float32")

# Every batch is 10 tracks of one genre, so a reader that sees part of one has seen a torn state.
WRITER = """
import sys, numpy as np
from earmark.library import Track, create_library, open_library
from earmark.library.backends.sqlite import SqliteLibrary
with open_library(sys.argv[1]) as library:
    print("ready", flush=True)
    for batch in range(int(sys.argv[2])):
        tracks = [Track(name=f"{batch}-{n}", genre=f"g{batch}") for n in range(10)]
        library.add(tracks, np.full((10, 4), batch))
print("done", flush=True)
"""

READER = """
import sys, time
from earmark.library import create_library, open_library
from earmark.library.backends.sqlite import SqliteLibrary
seen = 0
with open_library(sys.argv[1], read_only=True) as library:
    print("ready", flush=True)
    while seen < int(sys.argv[2]):
        snapshot = library.snapshot()
        assert len(snapshot) >= seen and len(snapshot) % 10 == 0, len(snapshot)
        for vector, genre in zip(snapshot.vectors, snapshot.genres):
            assert vector[0] == int(genre[1:])
        seen = len(snapshot)
print("done", seen, flush=True)
"""

HOLDER = """
import sys, time
from earmark.library import create_library, open_library
from earmark.library.backends.sqlite import SqliteLibrary
library = open_library(sys.argv[1])
with library._writing():
    print("ready", flush=True)
    sys.stdin.read()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_library(tmp_path / "a.earmark", SPEC).close()
    return tmp_path / "a.earmark"


def test_two_processes_read_while_one_writes(path: Path) -> None:
    readers = [start(READER, path, 300) for _ in range(2)]
    writer = start(WRITER, path, 30)
    for process in (writer, *readers):
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.startswith("done")


def test_two_writers_wait_for_each_other(path: Path) -> None:
    writers = [start(WRITER, path, 20) for _ in range(2)]
    for process in writers:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with open_library(path) as library:
        assert library.count() == library.revision == 400


def test_a_writer_that_waited_too_long_says_busy_and_readers_go_on(path: Path) -> None:
    holder = start(HOLDER, path)
    try:
        with SqliteLibrary.open(path, busy_timeout=0.1) as library:
            assert library.count() == 0
            with pytest.raises(LibraryBusy, match="another process"):
                library.add([Track(name="x", genre="y")], np.zeros((1, 4)))
    finally:
        holder.communicate(timeout=30)
    with SqliteLibrary.open(path, busy_timeout=0.1) as library:
        library.add([Track(name="x", genre="y")], np.zeros((1, 4)))


def test_a_killed_writer_leaves_whole_batches(path: Path) -> None:
    writer = start(WRITER, path, 100000)
    with open_library(path, read_only=True) as library:
        while library.count() == 0:
            assert writer.poll() is None
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate(timeout=30)
    with open_library(path) as library:
        count = library.count()
        assert count > 0
        assert count % 10 == 0
        assert len(library.snapshot()) == count
        library.add([Track(name="after", genre="g")], np.zeros((1, 4)))
