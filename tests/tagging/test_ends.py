"""A process that is killed and a disk that is full leave each file as it was or finished."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from earmark.errors import JournalError
from earmark.listen import identify
from earmark.tagging import files
from earmark.tagging.apply import Options, apply
from earmark.tagging.genres import write_genres
from earmark.tagging.history import stories
from earmark.tagging.journal import Journal
from earmark.tagging.plan import Proposal, write_plan
from earmark.tagging.undo import sweep, undo
from support import tagged, tagging_run
from support.skips import small_disk

KINDS = ("flac", "mp3-v24", "mp3-v23", "m4a", "ogg", "wavpack", "wav", "aiff")
GENRES = ("Jazz", "Soul")


@cache
def finished(kind: str) -> bytes:
    file = tagged.memory(kind)
    write_genres(file, GENRES)
    return file.getvalue()


def collection(folder: Path, count: int) -> dict[Path, str]:
    folder.mkdir(exist_ok=True)
    return {
        tagged.write(folder, kind, f"song {number}"): kind
        for number, kind in zip(range(count), KINDS * count, strict=False)
    }


def plan_of(songs: dict[Path, str]) -> list[Proposal]:
    hashes = {kind: identify(path).audio_hash or "" for path, kind in songs.items()}
    return [
        Proposal(str(path), str(path.parent), hashes[kind], "", (), GENRES, 0.9)
        for path, kind in songs.items()
    ]


def check(songs: dict[Path, str]) -> int:
    """See that each file is as before or finished; return how many are finished."""
    after = {kind: finished(kind) for kind in KINDS}
    count = 0
    for path, kind in songs.items():
        content = path.read_bytes()
        assert content in (tagged.content(kind), after[kind]), f"{path} is between"
        count += content == after[kind]
    return count


def take_all_back(songs: dict[Path, str], journals: Path) -> None:
    """Undo every journal, and see that each file is what it was."""
    sweep(journals)
    for story in stories(journals):
        assert all(outcome.done for outcome in undo(story))
    for path, kind in songs.items():
        assert path.read_bytes() == tagged.content(kind)
    for folder in {path.parent for path in songs}:
        assert not list(folder.glob(f"{files.PREFIX}*"))


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    songs = collection(tmp_path / "music", 200)
    linked = list(songs)[::7]
    for number, path in enumerate(linked):
        (tmp_path / f"name {number}").hardlink_to(path)
    plan, journals = tmp_path / "plan.jsonl", tmp_path / "journals"
    write_plan(plan, plan_of(songs))
    chance = random.Random(12)
    counts = [0]
    with subprocess.Popen(
        [sys.executable, tagging_run.__file__, plan, journals],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(20):
            process.stdin.write(b"go\n")
            number = int(process.stdout.readline())
            # However fast the machine is: within some file, early or late.
            process.stdout.read(chance.randrange(8))
            time.sleep(chance.uniform(0, 0.015))
            os.kill(number, signal.SIGKILL)
            while not process.stdout.readline().endswith(b"ended\n"):
                pass
            check({path: kind for path, kind in songs.items() if path not in linked})
            # A file with two names is changed in place, and mended where that was cut off.
            sweep(journals)
            counts.append(check(songs))
        process.stdin.close()
    assert counts == sorted(counts)
    assert 0 < counts[-1] < len(songs)
    assert check({path: songs[path] for path in linked}) > 0
    take_all_back(songs, journals)
    assert all(path.stat().st_nlink == 2 for path in linked)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three mebibytes."""
    with small_disk(tmp_path / "small", "3m") as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("journal_too", [True, False])
def test_the_disk_full_at_random_moments(
    disk: Path,
    tmp_path: Path,
    foreseen: bool,
    journal_too: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    songs = collection(disk / "music", 16)
    journals = (disk if journal_too else tmp_path) / "journals"
    plan = plan_of(songs)
    if not foreseen:
        monkeypatch.setattr(files, "ROOM", -(10**12))
    chance = random.Random(5)
    ballast = disk / "ballast"
    for _ in range(20):
        free = shutil.disk_usage(disk).free
        ballast.write_bytes(bytes(max(0, free - chance.randrange(0, 300_000))))
        try:
            with Journal(journals) as journal:
                outcomes = list(apply(plan, journal, identify, Options()))
            assert all("\n" not in outcome.why for outcome in outcomes)
        except JournalError as error:
            assert "\n" not in str(error)  # noqa: PT017
        ballast.unlink()
        check(songs)
        assert not list((disk / "music").glob(f"{files.PREFIX}*"))
    monkeypatch.setattr(files, "ROOM", 0)
    with Journal(journals) as journal:
        list(apply(plan, journal, identify, Options()))
    assert check(songs) == len(songs)
    take_all_back(songs, journals)


@pytest.mark.slow
def test_a_file_may_not_grow(tmp_path: Path) -> None:
    """The limit of a process for its files is met in the middle of a copy, as a full disk is."""
    songs = collection(tmp_path / "music", 8)
    script = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, -1)); "
        f"runpy.run_path({tagging_run.__file__!r}, run_name='__main__')"
    )
    plan, journals = tmp_path / "plan.jsonl", tmp_path / "journals"
    write_plan(plan, plan_of(songs))
    command = [sys.executable, "-c", script, plan, journals]
    subprocess.run(command, input=b"go\n", check=True, capture_output=True)
    assert 0 < check(songs) < len(songs)
    take_all_back(songs, journals)
