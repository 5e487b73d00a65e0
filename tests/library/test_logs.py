"""A log that another library left beside a file is never taken in, and nothing is lost by that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryError, LibraryReplaced
from earmark.library import ExtractorSpec, Track, create_library, new_library, open_library
from earmark.library.backends.logs import has_foreign_log
from support.skips import small_disk

pytestmark = pytest.mark.slow

SPEC = ExtractorSpec("foreign", "1", 3, "cosine", "float32")


def fill(path: Path, name: str, count: int = 20) -> Path:
    with create_library(path, SPEC) as library:
        tracks = [Track(name=f"{name} {n:03}", genre=name, artist="x" * 300) for n in range(count)]
        library.add(tracks, np.full((count, 3), len(name)))
    return path


def contents(path: Path) -> tuple[list[Track], bytes]:
    with open_library(path) as library:
        library.check()
        return library.tracks(), library.snapshot().vectors.tobytes()


def beside(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# What a process leaves that is killed: its changes are in the log alone.
KILLED = """
import os, signal, sys
import numpy as np
from earmark.library import Track, open_library
library = open_library(sys.argv[1])
for number in range(int(sys.argv[2])):
    library.add([Track(name=f"late {number}", genre="late")], np.ones((1, 3)))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path: Path, changes: int = 3) -> Path:
    """Change a library and leave its log behind; return the log."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(changes)], check=False)
    assert done.returncode == -signal.SIGKILL
    log = Path(f"{path}-wal")
    assert log.stat().st_size
    return log


def test_the_own_log_is_taken_in_after_a_crash(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    for round_ in (1, 2):
        killed(path)
        assert not has_foreign_log(path)
        with open_library(path) as library:
            assert library.count(genre="late") == 3 * round_
    assert beside(tmp_path) == {"a.earmark"}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_library_that_was_moved_to_the_place_of_another_stays_as_it_is(
    tmp_path: Path, read_only: bool
) -> None:
    path, other = fill(tmp_path / "a.earmark", "one"), fill(tmp_path / "b.earmark", "two", 90)
    expected = contents(other)
    log = killed(path)
    lost = log.read_bytes()
    other.replace(path)
    assert has_foreign_log(path)
    with open_library(path, read_only=read_only) as library:
        assert (library.tracks(), library.snapshot().vectors.tobytes()) == expected
        library.check()
    assert contents(path) == expected
    assert beside(tmp_path) == {"a.earmark", "a.earmark-log-of-another"}
    assert (tmp_path / "a.earmark-log-of-another").read_bytes() == lost


def test_a_copy_of_the_library_itself_is_another(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    with open_library(path) as library:
        library.copy(str(tmp_path / "b.earmark"))
    expected = contents(tmp_path / "b.earmark")
    killed(path)
    (tmp_path / "b.earmark").replace(path)
    assert contents(path) == expected


def test_a_log_beside_a_library_that_may_not_be_written_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = fill(tmp_path / "a.earmark", "one"), fill(tmp_path / "b.earmark", "two")
    expected = contents(other)
    killed(path)
    other.replace(path)
    before = {name: (tmp_path / name).read_bytes() for name in beside(tmp_path)}
    monkeypatch.setattr("earmark.library.backends.sqlite_files.is_writable", lambda path: False)
    with open_library(path) as library:
        assert library.read_only
        assert library.tracks() == expected[0]
    assert {name: (tmp_path / name).read_bytes() for name in beside(tmp_path)} == before


def test_what_a_program_leaves_goes_with_it_where_its_library_was_replaced(tmp_path: Path) -> None:
    path, other = fill(tmp_path / "a.earmark", "one"), fill(tmp_path / "b.earmark", "two")
    expected = contents(other)
    library = open_library(path)
    library.add([Track(name="late", genre="late")], np.ones((1, 3)))
    other.replace(path)
    with pytest.raises(LibraryReplaced):
        library.require_unchanged()
    library.close()
    assert beside(tmp_path) == {"a.earmark"}
    assert contents(path) == expected


def test_a_program_leaves_the_log_of_others_alone(tmp_path: Path) -> None:
    path, other = fill(tmp_path / "a.earmark", "one"), fill(tmp_path / "b.earmark", "two")
    library = open_library(path)
    library.add([Track(name="late", genre="late")], np.ones((1, 3)))
    other.replace(path)
    with open_library(path) as second:
        second.add([Track(name="new", genre="new")], np.ones((1, 3)))
        library.close()
        assert Path(f"{path}-wal").exists()
        assert second.count(genre="new") == 1
    with open_library(path) as second:
        assert second.genres() == {"new": 1, "two": 20}
        second.check()


def test_readers_beside_a_writer_never_see_a_foreign_log(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    with open_library(path) as library:
        for number in range(60):
            # Every few changes the log reaches the file, and begins anew.
            library.add([Track(name=f"{number}", genre="g", artist="y" * 90_000)], np.ones((1, 3)))
            assert not has_foreign_log(path)


def test_replacing_a_library_takes_its_log_along(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    killed(path)
    with create_library(path, SPEC, overwrite=True) as library:
        assert library.count() == 0
    assert beside(tmp_path) == {"a.earmark"}


def test_a_file_that_is_no_log_is_not_taken_for_one(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    expected = contents(path)
    for junk in (b"", b"x", b"\x37\x7f\x06\x82" + bytes(28), os.urandom(5000)):
        Path(f"{path}-wal").write_bytes(junk)
        assert contents(path) == expected


# Made whole or not at all

FULL = """
import sys
import numpy as np
from earmark.errors import LibraryError
from earmark.library import ExtractorSpec, Track, new_library
from earmark.library.backends import connections
spec = ExtractorSpec("foreign", "1", 3, "cosine", "float32")
with new_library(sys.argv[1], spec, overwrite=True) as library:
    library.add([Track(name="new", genre="new")], np.ones((1, 3)))
    print("made", flush=True)
    sys.stdin.read()
"""


def test_a_library_that_is_being_made_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    expected = contents(path)
    maker = subprocess.Popen(
        [sys.executable, "-c", FULL, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert maker.stdout is not None
    assert maker.stdout.readline() == "made\n"
    assert contents(path) == expected
    maker.kill()
    # Closes the pipes, too.
    maker.communicate()
    assert contents(path) == expected
    with create_library(tmp_path / "c.earmark", SPEC):
        pass


def test_a_full_disk_leaves_the_former_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fill(tmp_path / "a.earmark", "one")
    expected = contents(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("earmark.atomic._sync", full)
    with pytest.raises(LibraryError, match=r"a\.earmark: cannot be written \(No space left"):
        create_library(path, SPEC, overwrite=True)
    monkeypatch.undo()
    assert contents(path) == expected
    assert beside(tmp_path) == {"a.earmark"}


def test_a_disk_that_is_full_leaves_the_former_library(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "400k") as disk:
        path = fill(disk / "a.earmark", "one")
        expected = contents(path)
        with pytest.raises(LibraryError, match=r"no room|No space"):
            overfill(path)
        assert contents(path) == expected
        assert beside(disk) == {"a.earmark"}


def overfill(path: Path) -> None:
    tracks = [Track(name=f"{n}", genre="g", artist="x" * 500) for n in range(900)]
    with new_library(path, SPEC, overwrite=True) as library:
        library.add(tracks, np.ones((900, 3)))
