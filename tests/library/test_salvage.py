"""A damaged library is checked, and what can be saved of it is; a library in use is copied."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryDamaged, LibraryError
from earmark.features import Segments
from earmark.library import ExtractorSpec, Library, Track, create_library, open_library
from earmark.library.backends.salvage import Saved, salvage
from support.command import Command

pytestmark = pytest.mark.slow

SPEC = ExtractorSpec("foreign", "1", 8, "cosine", "float32")
COUNT = 400


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.earmark"
    rng = np.random.default_rng(0)
    with create_library(path, SPEC) as library:
        tracks = [
            Track(
                name=f"song {n:03}",
                genre=None if n % 10 == 0 else "jazz" if n % 2 else "rock",
                artist=f"artist {n % 40}",
                path=f"/music/{n}.wav",
                duration=float(n),
                taught=n % 3 == 0,
            )
            for n in range(COUNT)
        ]
        starts = np.array([0.0, 5.0])
        parts = [Segments(starts, starts + 3, rng.normal(size=(2, 8))) for _ in tracks]
        library.add(tracks, rng.normal(size=(COUNT, 8)), segments=parts)
        library.set_parents({"jazz": "music"})
    return path


def contents(library: Library) -> dict[int, tuple[Track, bytes]]:
    return {
        track.id or 0: (track, np.asarray(library.vector(track.id or 0)).tobytes())
        for track in library.tracks()
    }


def segments(library: Library) -> dict[int, bytes]:
    found = library.segments(library.snapshot(unlabelled=True).ids.tolist())
    return {track_id: parts.vectors.tobytes() for track_id, parts in found.items()}


def kept_of(path: Path) -> dict[int, tuple[Track, bytes]]:
    with open_library(path) as library:
        return contents(library)


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(script)


def test_a_sound_library_is_saved_whole(path: Path, tmp_path: Path) -> None:
    with open_library(path, read_only=True) as library:
        before, parts = contents(library), segments(library)
    bytes_before = path.read_bytes()
    assert salvage(path, tmp_path / "b.earmark") == Saved(COUNT, 0, COUNT // 10)
    with open_library(tmp_path / "b.earmark") as library:
        library.check()
        assert contents(library) == before
        assert segments(library) == parts
        assert len(parts) == COUNT
        assert library.parents() == {"jazz": "music"}
        assert library.spec == SPEC
        # Numbers are not given again.
        (change,) = library.add([Track(name="new", genre="rock")], np.ones((1, 8)))
        assert change.track_id > max(before)
    assert path.read_bytes() == bytes_before


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_what_is_saved_is_true(path: Path, tmp_path: Path, seed: int) -> None:
    """Pages are filled with noise, or the end is cut off: no track comes out other than it was."""
    before = kept_of(path)
    rng = random.Random(seed)
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    if seed % 4 == 3:
        del data[4096 * rng.randrange(pages // 2, pages) + 100 :]
    else:
        # Not the first page, which says what the file is.
        for page in rng.sample(range(1, pages), 1 + seed % 3):
            data[4096 * page : 4096 * (page + 1)] = rng.randbytes(4096)
    path.write_bytes(data)
    try:
        saved = salvage(path, tmp_path / "b.earmark")
    except LibraryDamaged:
        assert not (tmp_path / "b.earmark").exists()
        return
    with open_library(tmp_path / "b.earmark") as library:
        library.check()
        found = contents(library)
    assert len(found) == saved.tracks
    for number, (track, vector) in found.items():
        was, its_vector = before[number]
        assert vector == its_vector
        assert track.name == was.name
        assert track.genre in (was.genre, None)
    assert list(tmp_path.glob(".*.part")) == []


def test_bits_that_flip_are_found(path: Path) -> None:
    """In any page of the file: opening or checking says so, or nothing that counts has changed."""
    before = kept_of(path)
    whole = path.read_bytes()
    rng = random.Random(1)
    told: list[str] = []
    for _ in range(25):
        flipped = bytearray(whole)
        flipped[rng.randrange(4096, len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            with open_library(path, read_only=True) as library:
                library.check()
                unchanged = {
                    number: (track.genre, vector)
                    for number, (track, vector) in contents(library).items()
                }
        except LibraryError as error:
            told.append(str(error))
            continue
        assert unchanged == {n: (track.genre, vector) for n, (track, vector) in before.items()}
    assert len(told) > 4
    assert all(line.startswith(f"{path}: ") and line.isprintable() for line in told)


def test_on_the_command_line(earmark: Command, path: Path, tmp_path: Path) -> None:
    new = tmp_path / "b.earmark"
    fine = earmark("repair", path, "-o", new)
    assert (fine.code, new.exists()) == (1, False)
    assert "nothing is wrong with it" in fine.err
    run(path, "UPDATE vectors SET vector = x'00' WHERE track_id = 7")
    checked = earmark("info", path, "--check")
    assert checked.code == 1
    assert "repair" in checked.err
    assert earmark("repair", path, "-o", path).code == 1
    done = earmark("repair", path, "-o", new)
    assert done.code == 3
    assert done.out == f"{new}: {COUNT - 1} tracks saved, 1 lost, {COUNT // 10} without a genre\n"
    again = earmark("repair", path, "-o", new)
    assert again.code == 1
    assert "--force" in again.err
    assert earmark("repair", path, "-o", new, "--force").code == 3
    assert earmark("info", new, "--check").code == 0
    for none in (tmp_path / "none.earmark", tmp_path):
        gone = earmark("repair", none, "-o", tmp_path / "c.earmark")
        assert gone.code == 1
        assert gone.err.count("\n") == 1


def test_what_is_made_on_purpose_is_not_run(path: Path, tmp_path: Path) -> None:
    run(path, "ALTER TABLE tracks RENAME TO old; CREATE VIEW tracks AS SELECT * FROM old, old;")
    with pytest.raises(LibraryDamaged, match="plain"):
        salvage(path, tmp_path / "b.earmark")


def test_damage_that_the_log_would_mend_is_not_taken_from_another(
    path: Path, tmp_path: Path
) -> None:
    """What was confirmed and lies in the file's own log is saved, too."""
    held = sqlite3.connect(path)
    with open_library(path) as library:
        library.add([Track(name="in the log", genre="rock")], np.ones((1, 8)))
        held.execute("SELECT count(*) FROM tracks").fetchone()
        saved = salvage(path, tmp_path / "b.earmark")
    held.close()
    assert saved.tracks == COUNT + 1


WRITER = """
import sys, numpy as np
from earmark.library import Track, open_library
with open_library(sys.argv[1]) as library:
    print("ready", flush=True)
    for batch in range(10_000):
        tracks = [Track(name=f"{batch}-{n}", genre=f"g{batch}") for n in range(10)]
        library.add(tracks, np.full((10, 8), 1.0 + batch))
"""


def test_a_copy_of_a_library_in_use_is_of_one_moment(
    earmark: Command, path: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for number in range(3):
            target = tmp_path / f"copy {number}.earmark"
            done = earmark("backup", target, "-l", path)
            assert done.code == 0, done.err
            assert done.out.endswith("tracks, checked\n")
            with open_library(target) as copy:
                genres = copy.genres()
            assert {genres[g] for g in genres if g.startswith("g")} <= {10}
        writer.kill()
    there = earmark("backup", target, "-l", path)
    assert there.code == 1
    assert "--force" in there.err
