"""A folder that is watched: what is told of it, by hand and by the real command."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark import watching
from earmark.watching import Known, Watch, state_of
from support import sounds
from support.forked import earmark
from support.skips import import_or_skip
from support.watched import Running
from support.web import RATE, make_library, make_music, song


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still, a system that tells nothing, and no waiting."""
    monkeypatch.setattr(watching, "has_notices", lambda: False)
    monkeypatch.setattr(watching.time, "sleep", lambda _: None)
    return Clock()


def watched(folder: Path, clock: Clock, tmp_path: Path, say: Callable[[str], None] = print):
    known = Known(tmp_path / "known.jsonl")
    watch = Watch(str(folder), known, settle=5, poll=60, say=say, clock=clock)
    return known, watch, watch.batches()


@pytest.mark.slow
def test_a_file_that_grows_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    _, _, batches = watched(folder, clock, tmp_path)
    file = folder / "song.mp3"
    file.write_bytes(b"1")
    assert next(batches) == []
    clock.now += 4
    file.write_bytes(b"12")
    assert next(batches) == []
    clock.now += 4
    assert next(batches) == []
    clock.now += 2
    assert next(batches) == [str(file)]
    # Not twice, until it changes.
    clock.now += 100
    assert next(batches) == []


def test_what_was_dealt_with_comes_again_only_when_it_changed(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    file = folder / "song.mp3"
    file.write_bytes(b"1")
    known, _, batches = watched(folder, clock, tmp_path)
    known.add(str(file), state_of(str(file)))
    for _ in range(3):
        clock.now += 61
        assert next(batches) == []
    file.write_bytes(b"other")
    clock.now += 61
    assert next(batches) == []
    clock.now += 6
    assert next(batches) == [str(file)]


def test_what_is_no_sound_or_hidden_is_passed_over(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "music"
    (folder / ".hidden").mkdir(parents=True)
    for name in ("notes.txt", ".part.mp3", ".hidden/song.mp3"):
        (folder / name).write_bytes(b"1")
    os.mkfifo(folder / "pipe.mp3")
    _, _, batches = watched(folder, clock, tmp_path)
    next(batches)
    clock.now += 10
    assert next(batches) == []


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    said: list[str] = []
    _, _, batches = watched(folder, clock, tmp_path, said.append)
    next(batches)
    folder.rename(tmp_path / "elsewhere")
    assert [next(batches) for _ in range(3)] == [[], [], []]
    (tmp_path / "elsewhere" / "new.mp3").write_bytes(b"1")
    (tmp_path / "elsewhere").rename(folder)
    # It is walked through at once.
    assert next(batches) == []
    clock.now += 6
    assert next(batches) == [str(folder / "new.mp3")]
    assert said == [f"{folder}: is away; waiting for it", f"{folder}: is there again"]


def test_what_is_known_outlives_a_kill_and_a_full_disk(tmp_path: Path) -> None:
    file = tmp_path / "known.jsonl"
    known = Known(file)
    known.add("/a\n\udcff.mp3", (1, 2))
    known.save()
    with file.open("a") as stream:
        stream.write('["/cut", 1')
    again = Known(file)
    assert again.has("/a\n\udcff.mp3", (1, 2))
    assert len(again) == 1
    again.add("/b.mp3", (3, 4))
    again.save()
    assert len(Known(file)) == 2
    full = Known(Path("/dev/full"))
    full.add("/c.mp3", (5, 6))
    with pytest.raises(OSError, match="No space"):
        full.save()
    assert full.has("/c.mp3", (5, 6))


# The command


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*arguments: object) -> Running:
        running.append(Running(tmp_path, *arguments))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.stop()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    return make_library(folder / "small.earmark", make_music(folder / "music"))


def new_song(folder: Path, name: str, number: int) -> Path:
    made = sounds.write(folder.parent / name, song("melody", number, 6.0), RATE, "flac")
    return Path(shutil.move(made, folder / name))


@pytest.mark.slow
def test_files_are_classified_as_they_come_and_once(tmp_path: Path, library: Path, start) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    new_song(folder, "there.flac", 99)
    options = (folder, "-l", library, "--settle", 0.3, "--poll", 1)
    watch = start(*options)
    begun = watch.line()
    assert "1 file known; library small" in begun
    assert "walks every " in begun
    one = new_song(folder, "one [red].flac", 100)
    assert watch.line().startswith(f"{one}: melody ")
    (folder / "broken.mp3").write_bytes(b"no sound at all")
    assert watch.line().startswith(f"{folder / 'broken.mp3'}: ")
    below = folder / "album"
    below.mkdir()
    two = new_song(below, "two.flac", 101)
    assert watch.line().startswith(f"{two}: melody ")
    watch.wait_until_noted(two)
    code, more, errors = watch.stop()
    assert (code, errors.strip()) == (143, "")
    assert more == []
    # While it is away, too.
    three = new_song(folder, "three.flac", 102)
    watch = start(*options)
    watch.line()
    assert watch.line().startswith(f"{three}: melody ")
    code, more, _ = watch.stop()
    assert more == []


@pytest.mark.slow
def test_files_are_tagged_as_they_come_and_it_can_be_taken_back(
    tmp_path: Path, library: Path, start
) -> None:
    mutagen = import_or_skip("mutagen")
    folder = tmp_path / "music"
    folder.mkdir()
    watch = start(
        *(folder, "-l", library, "--settle", 0.3, "--poll", 1),
        *("--write", "--min-confidence", "0.1"),
    )
    watch.line()
    one = new_song(folder, "one.flac", 100)
    before = one.read_bytes()
    line = watch.line()
    assert ", written (" in line, line
    assert mutagen.File(one)["genre"] == ["melody"]
    (folder / "broken.mp3").write_bytes(b"no sound at all")
    line = watch.line()
    assert line.startswith(f"{folder / 'broken.mp3'}: left as it is: ")
    assert line.count("broken.mp3") == 1
    # What it wrote itself is no change to deal with.
    two = new_song(folder, "two.flac", 101)
    assert watch.line().startswith(f"{two}: melody")
    code, more, errors = watch.stop()
    assert (code, errors.strip(), more) == (143, "", [])
    own = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CACHE", "STATE")}
    undone = earmark("tag", "--history", "--json", **own)
    assert len([json.loads(line) for line in undone.stdout.splitlines()]) == 2
    for _ in range(2):
        earmark("tag", "--undo", "last", **own).check_returncode()
    assert one.read_bytes() == before
