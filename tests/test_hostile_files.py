"""Damaged and hostile files: each is a prediction or one clear line, in bounded time and memory.

In Python, on the command line and in the web application. The short form takes some of the usual
damages, the long one (`make soak`) all; what is made by hand is always there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from earmark import EarmarkError, extraction, open_library
from earmark.workers import Limits, WorkerPool
from support import damage
from support.skips import needs_posix
from support.web import Server, make_library, make_music

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    needs_posix("its pipes, devices and limits"),
]

SHORT_TAKES = 12
"""The short form takes each so-many-th of the usual damages."""

MOST_SECONDS = 60
MOST_MEMORY = 400 * 2**20
"""Beyond what a worker holds when it is idle."""

IDLE_MEMORY = 250 * 2**20
"""More than a worker with the classic features holds on any machine."""

LONGEST_LINE = 600


@dataclass(frozen=True)
class Corpus:
    folder: Path
    paths: list[Path]
    library: Path

    def some(self) -> list[Path]:
        """Return as many as each way to ask is given: all on the command line, a part elsewhere."""
        return self.paths if len(self.paths) >= 500 else self.paths[::3]


@pytest.fixture(scope="module")
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    long_form = request.config.getoption("--soak")
    folder = tmp_path_factory.mktemp("corpus") / "files"
    folder.mkdir()
    paths = damage.make(folder, every=1 if long_form else SHORT_TAKES)
    assert len(paths) >= (500 if long_form else 100)
    made = tmp_path_factory.mktemp("library")
    return Corpus(folder, paths, make_library(made / "small.earmark", make_music(made / "music")))


class Memory:
    """The largest memory of any process below one, as far as looking every few moments tells."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._root = psutil.Process(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._end.wait(0.05):
            try:
                for process in (self._root, *self._root.children(recursive=True)):
                    self.peak = max(self.peak, process.memory_info().rss)
            except psutil.Error:
                continue

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def check_line(path: Path | str, line: str) -> None:
    """See that what is said of a file is one line that a person understands."""
    assert line.isprintable(), (path, line)
    assert 10 < len(line) <= LONGEST_LINE + len(str(path)), (path, line)
    for sign in ("Traceback", "unexpectedly", "Error(", "0x", "object at"):
        assert sign not in line, (path, line)


def run_measured(command: list[str], folder: Path) -> tuple[int, str, str, int]:
    """Run a command; return its exit code, output, errors, and the memory of its largest process.

    In bytes. What the system itself counts for a child has that of the tests' own process in it.
    """
    output, errors = folder / "output.txt", folder / "errors.txt"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        with Memory(process.pid) as memory:
            code = process.wait(timeout=1200)
    return code, output.read_text(), errors.read_text(), memory.peak


IN_PYTHON = """
import json, sys, time
from earmark import Classifier, EarmarkError, open_library
with open_library(sys.argv[1], read_only=True) as library:
    classifier = Classifier(library)
    for path in json.load(sys.stdin):
        began, told = time.monotonic(), {}
        try:
            told["genre"] = classifier.predict(path).genre
        except EarmarkError as error:
            told["error"] = str(error)
        print(json.dumps({"path": path, **told, "seconds": time.monotonic() - began}), flush=True)
"""


def test_in_python(corpus: Corpus, record_property: Any) -> None:
    # A program that reads such files in its own process has no limits; see the next test.
    paths = [path for path in corpus.some() if not path.name.startswith(damage.BOMB)]
    asked = json.dumps([str(path) for path in paths])
    done = subprocess.run(
        [sys.executable, "-c", IN_PYTHON, str(corpus.library)],
        input=asked,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["path"] for one in told] == [str(path) for path in paths]
    for one in told:
        if "error" in one:
            check_line(one["path"], one["error"])
    slowest = max(told, key=lambda one: one["seconds"])
    assert slowest["seconds"] < MOST_SECONDS, slowest
    # Decoders that print would print of every file that a program opens.
    assert done.stderr == ""
    record_property("cases", len(told))
    record_property("predictions", sum("genre" in one for one in told))
    record_property("slowest", f"{slowest['seconds']:.1f} s")


def test_in_python_with_limits(corpus: Corpus) -> None:
    with open_library(corpus.library, read_only=True) as library:
        spec = library.spec.to_json()
    with WorkerPool(1, limits=Limits(seconds=MOST_SECONDS)) as pool, Memory(os.getpid()) as memory:
        before = psutil.Process().memory_info().rss
        calls = [
            pool.submit(extraction.extract, str(path), spec)
            for path in corpus.paths
            if path.name.startswith(damage.BOMB)
        ]
        assert len(calls) > 5
        for call in calls:
            if error := call.exception():
                assert isinstance(error, EarmarkError)
                check_line(call.name, str(error))
    assert memory.peak < max(before, IDLE_MEMORY) + MOST_MEMORY


def test_on_the_command_line(corpus: Corpus, record_property: Any) -> None:
    command = [sys.executable, "-m", "earmark", "classify", "--json", "--no-cache", "--time-limit"]
    command += [str(MOST_SECONDS), "-l", str(corpus.library)]
    with (
        subprocess.Popen(
            [*command, *map(str, corpus.paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        Memory(process.pid) as memory,
    ):
        out, errors = process.communicate(timeout=1200)
    assert process.returncode == 3, errors[-2000:]
    told = [json.loads(line) for line in out.splitlines()]
    # A folder is asked for what is in it, and says so with its own name.
    assert [one["path"] for one in told] == [str(path) for path in corpus.paths]
    for one in told:
        if "error" in one:
            check_line(one["path"], one["error"])
    for line in errors.splitlines():
        # Progress, and nothing of any decoder.
        assert " files/s" in line or line.startswith("earmark: "), line
    assert memory.peak < IDLE_MEMORY + MOST_MEMORY
    record_property("cases", len(told))
    record_property("predictions", sum("genre" in one for one in told))
    record_property("memory", f"{memory.peak >> 20} MB")


@pytest.fixture
def server(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("EARMARK_TIME_LIMIT", str(MOST_SECONDS))
    options = ("--library", str(corpus.library), "--music", str(corpus.folder))
    with Server(tmp_path, *options, forked=False) as running:
        yield running


ANSWERS = {200, 400, 403, 404, 413, 415, 422}
"""What the API says of a file that may be anything, as its document has it."""


def test_in_the_web_application(corpus: Corpus, server: Server, record_property: Any) -> None:
    def ask(path: Path, where: str, **body: Any) -> tuple[Path, int, str]:
        url = f"{server.url}/api/v1/classify{where}"
        with requests.post(url, **body, timeout=600) as answer:
            return path, answer.status_code, answer.text

    def upload(path: Path) -> tuple[Path, int, str]:
        with path.open("rb") as file:
            return ask(path, "", files={"file": (path.name, file)})

    def by_path(path: Path) -> tuple[Path, int, str]:
        return ask(path, "/path", json={"path": path.name})

    # What is no file cannot be uploaded.
    paths = corpus.some()
    files = [path for path in paths if path.is_file()]
    with Memory(server.process.pid) as memory, ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        answers = [*pool.map(upload, files), *pool.map(by_path, paths)]
        seconds = time.monotonic() - began
    predictions = 0
    for path, status, text in answers:
        told = json.loads(text)
        assert status in ANSWERS, (path, told)
        if status == 200:
            (result,) = told["results"]
            predictions += "prediction" in result
        else:
            check_line(path, told["detail"])
            # Where the folder of music lies is not told.
            assert str(corpus.folder) not in text, path
    assert memory.peak < IDLE_MEMORY + MOST_MEMORY
    assert server.left() == []
    code, errors = server.stop()
    assert code == 0, errors
    assert "Traceback" not in errors, errors
    record_property("cases", len(answers))
    record_property("predictions", predictions)
    record_property("memory", f"{memory.peak >> 20} MB")
    record_property("seconds", round(seconds))


def test_files_that_change_while_they_are_heard(
    corpus: Corpus, tmp_path: Path, soak: bool, record_property: Any
) -> None:
    command = [sys.executable, "-m", "earmark", "classify", "--json", "--no-cache"]
    command += ["--time-limit", str(MOST_SECONDS), "-l", str(corpus.library)]
    with damage.Restless(tmp_path) as restless:
        asked = [str(path) for path in restless.paths] * (200 if soak else 15)
        done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=1200)
    assert done.returncode in (0, 1, 3), done.stderr[-2000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["path"] for one in told] == asked
    for one in told:
        if "error" in one:
            check_line(one["path"], one["error"])
    assert "Traceback" not in done.stderr
    record_property("cases", len(told))


def test_a_folder_of_them_is_built_from(
    corpus: Corpus, tmp_path: Path, record_property: Any
) -> None:
    """A build passes over what it cannot use, and says of each why."""
    root = tmp_path / "music"
    root.mkdir()
    (root / "damaged").symlink_to(corpus.folder)
    make_music(root)
    command = [sys.executable, "-m", "earmark", "build", str(root), "-o"]
    command += [str(tmp_path / "my.earmark"), "--features", "mfcc", "--json", "--time-limit"]
    code, output, errors, memory = run_measured([*command, str(MOST_SECONDS)], tmp_path)
    assert code == 3, errors[-2000:]
    told = json.loads(output)
    for skipped in told["skipped"]:
        check_line(skipped["path"], f"{skipped['path']}: {skipped['reason']}")
    assert "Traceback" not in errors
    assert (tmp_path / "my.earmark").stat().st_size < 20 * 2**20
    assert memory < IDLE_MEMORY + MOST_MEMORY
    record_property("heard", told["heard"])
    record_property("skipped", len(told["skipped"]))
