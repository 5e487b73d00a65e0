"""Killed at any moment, or on a full disk: a library is what it was or what it should become.

Build, import, teach, backup, and bringing an older format up to date. Tags have such tests of their
own. The short form ends each a few times, the long one (`make soak`) twenty times.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark.library import ExtractorSpec, Track, create_library, open_library
from support import storage_run
from support.locked import run_locked_out
from support.skips import needs_posix, small_disk
from support.web import make_music

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    needs_posix("ends processes that were forked"),
]

TESTS = Path(storage_run.__file__).resolve().parent.parent
OLD = Path(__file__).parent / "data" / "format-1" / "classic.earmark.gz"
SPEC = ExtractorSpec("foreign", "1", 64, "cosine", "float32")
COUNT = 1_500


class Runner:
    """Starts acts, and ends them."""

    def __init__(self, errors: Path) -> None:
        self.errors = errors
        self._file = errors.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, storage_run.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._file,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        self._chance = random.Random(14)
        self._seconds: dict[str, float] = {}

    def __call__(self, *act: object, kill: bool = False) -> tuple[int, int]:
        """Let an act be done; return how it ended, and how much of it was confirmed.

        Parameters
        ----------
        act
            Its name and its arguments.
        kill
            End it at a random moment of the time that it takes where it is left alone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(act, default=str).encode() + b"\n")
        self._process.stdin.flush()
        number = int(self._process.stdout.readline())
        began = time.monotonic()
        if kill:
            time.sleep(self._chance.uniform(0, self._seconds[str(act[:2])]))
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        said = b""
        while not (line := self._process.stdout.readline()).startswith(b"ended"):
            assert line, self.errors.read_text()
            said += line
        if not kill:
            self._seconds.setdefault(str(act[:2]), time.monotonic() - began)
        return int(line.split()[1]), said.count(b"t")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._file.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    made = Runner(tmp_path_factory.mktemp("runner") / "errors")
    yield made
    made.close()


@pytest.fixture
def times(soak: bool) -> range:
    return range(20 if soak else 3)


def sound(path: Path) -> int:
    """See that a library opens and is whole; return how many tracks it holds."""
    with open_library(path, read_only=True) as library:
        library.check()
        assert len(library.snapshot(unlabelled=True)) == library.count()
        return library.count()


def large_npz(path: Path, count: int = COUNT) -> Path:
    rng = np.random.default_rng(1)
    np.savez(
        path,
        vectors=rng.normal(size=(count, 64)).astype(np.float32),
        track=np.array([f"track {n}" for n in range(count)]),
        genre=np.array([("jazz", "rock")[n % 2] for n in range(count)]),
        metric=np.array("cosine"),
    )
    return path


def small(path: Path, count: int = 5) -> Path:
    with create_library(path, SPEC) as library:
        tracks = [Track(name=f"old {n}", genre="jazz") for n in range(count)]
        library.add(tracks, np.ones((count, 64)))
    return path


def test_an_import_that_is_killed(
    runner: Runner, tmp_path: Path, times: range, record_property: Callable[..., None]
) -> None:
    npz, target = large_npz(tmp_path / "large.npz"), small(tmp_path / "my.earmark")
    first = tmp_path / "first.earmark"
    act = ("command", "import", npz, "-o")
    assert runner(*act, first, "--force")[0] == 0
    first.unlink()
    found = set()
    for _ in times:
        runner(*act, target, "--force", kill=True)
        found.add(sound(target))
        runner(*act, first, kill=True)
        if first.exists():
            assert sound(first) == COUNT
            first.unlink()
    assert found <= {5, COUNT}
    assert runner(*act, target, "--force")[0] == 0
    assert runner(*act, first)[0] == 0
    assert sound(target) == sound(first) == COUNT
    record_property("kills", 2 * len(times))


def test_a_build_that_is_killed(
    runner: Runner, tmp_path: Path, times: range, record_property: Callable[..., None]
) -> None:
    music = make_music(tmp_path / "music")
    whole, target = tmp_path / "whole.earmark", tmp_path / "my.earmark"
    act = ("command", "build", music, "--features", "mfcc", "--jobs", "2", "-o")
    assert runner(*act, whole)[0] == 0
    confirmed = 0
    for _ in times:
        runner(*act, target, kill=True)
        if target.exists():
            now = sound(target)
            assert now >= confirmed
            confirmed = now
    assert runner(*act, target)[0] == 0
    with open_library(whole) as expected, open_library(target) as found:
        for one, other in zip(expected.tracks(), found.tracks(), strict=True):
            assert (one.path, one.genre) == (other.path, other.genre)
            np.testing.assert_array_equal(expected.vector(one.id or 0), found.vector(other.id or 0))
    record_property("kills", len(times))


def test_teaching_that_is_killed(
    runner: Runner, tmp_path: Path, times: range, record_property: Callable[..., None]
) -> None:
    target = small(tmp_path / "my.earmark")
    assert runner("teach", small(tmp_path / "other.earmark"), 60) == (0, 60)
    runner._seconds[str(("teach", target))] = next(
        seconds for act, seconds in runner._seconds.items() if "other.earmark" in act
    )
    for _ in times:
        _, confirmed = runner("teach", target, 60, kill=True)
        assert sound(target) >= 5 + confirmed
    assert runner("teach", target, 60) == (0, 60)
    assert sound(target) == 65
    record_property("kills", len(times))


def test_a_backup_that_is_killed(
    runner: Runner, tmp_path: Path, times: range, record_property: Callable[..., None]
) -> None:
    source, target = small(tmp_path / "my.earmark", COUNT), tmp_path / "copy.earmark"
    former = small(tmp_path / "former.earmark")
    act = ("command", "backup", "-l", source)
    assert runner(*act, tmp_path / "x.earmark")[0] == 0
    for _ in times:
        runner(*act, target, kill=True)
        if target.exists():
            assert sound(target) == COUNT
            target.unlink()
        runner(*act, former, "--force", kill=True)
        assert sound(former) in (5, COUNT)
    assert sound(source) == COUNT
    assert runner(*act, target)[0] == 0
    assert sound(target) == COUNT
    record_property("kills", 2 * len(times))


def test_an_older_format_whose_update_is_killed(
    runner: Runner, tmp_path: Path, times: range, record_property: Callable[..., None]
) -> None:
    old = gzip.decompress(OLD.read_bytes())
    (tmp_path / "other.earmark").write_bytes(old)
    assert runner("migrate", tmp_path / "other.earmark")[0] == 0
    count = sound(tmp_path / "other.earmark")
    usual = next(seconds for act, seconds in runner._seconds.items() if "migrate" in act)
    for number in times:
        target = tmp_path / f"{number}.earmark"
        target.write_bytes(old)
        runner._seconds[str(("migrate", target))] = usual
        runner("migrate", target, kill=True)
        # Whether it was brought up to date or not, it can be read, and then it is.
        assert sound(target) == count
        assert runner("migrate", target)[0] == 0
        assert sound(target) == count
    record_property("kills", len(times))


# Full disks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four mebibytes."""
    with small_disk(tmp_path / "disk", "4m") as folder:
        yield folder


def test_disks_that_are_full(
    runner: Runner,
    tmp_path: Path,
    disk: Path,
    times: range,
    record_property: Callable[..., None],
) -> None:
    """Each act with random room on the disk: done, or one line, and nothing is lost."""
    chance = random.Random(3)
    music = make_music(tmp_path / "music")
    npz = large_npz(tmp_path / "large.npz")
    source = small(tmp_path / "source.earmark", COUNT)
    old = gzip.decompress(OLD.read_bytes())
    target, filler = disk / "my.earmark", disk / "filler"
    build = ("command", "build", music, "--features", "mfcc", "--jobs", "1", "-o", target)
    acts: dict[str, tuple[object, ...]] = {
        "import": ("command", "import", npz, "-o", target, "--force"),
        "backup": ("command", "backup", "-l", source, target, "--force"),
        "teach": ("teach", target, 60),
        "build": build,
        "migrate": ("migrate", target),
    }
    refused = 0
    for name, act in acts.items():
        for _ in times:
            for left in disk.iterdir():
                left.unlink()
            before = 5
            if name == "migrate":
                target.write_bytes(old)
                before = sound(tmp_path_of_old(tmp_path, old))
            elif name == "build":
                assert runner(*act)[0] == 0
                before = sound(target)
                # So that something is left to be done.
                with open_library(target) as library:
                    library.remove([track.id or 0 for track in library.tracks(limit=20)])
                before = sound(target)
            else:
                small(target)
            runner("fill", filler, chance.randrange(0, 400_000))
            runner.errors.write_bytes(b"")
            code, confirmed = runner(*act)
            said = runner.errors.read_text()
            assert "Traceback" not in said, said
            if code not in (0, 3):
                refused += 1
            filler.unlink()
            now = sound(target)
            assert now >= before + (confirmed if name == "teach" else 0)
            assert [path.name for path in disk.iterdir() if path != target] == []
            # With room again, the same command completes it.
            assert runner(*act)[0] == 0
            assert sound(target) >= now
    assert refused > len(times)
    record_property("full disks", len(acts) * len(times))


def tmp_path_of_old(folder: Path, old: bytes) -> Path:
    """Return a library of the older format beside the small disk."""
    path = folder / "old.earmark"
    if not path.exists():
        path.write_bytes(old)
    return path


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    path = small(tmp_path / "my.earmark")
    tmp_path.chmod(0o500)
    try:
        read, made = run_locked_out(
            [["info", path, "--check", "--json"], ["backup", tmp_path / "new.earmark", "-l", path]]
        )
    finally:
        tmp_path.chmod(0o700)
    assert read.code == 0, read.err
    assert json.loads(read.out)["tracks"] == 5
    # That it may not be written was so.
    assert made.code == 1, made.out
    assert "Permission denied" in made.err
