"""Libraries moved between files and databases, also in several attempts."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryDamaged, LibraryError, LibraryExists, LibraryNotFound
from earmark.features import Segments
from earmark.library import ExtractorSpec, Library, Track, create_library, open_library
from earmark.library.backends import transfer
from earmark.library.copying import copy_library
from support.postgres import Server

SPEC = ExtractorSpec("musicnn", "1", 4, "cosine", "float16")
TRACKS = 57


@pytest.fixture(params=["file to file", "file to database", "database to file"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where a library is, and where its copy is to be."""
    first, _, second = request.param.partition(" to ")

    def place(kind: str, name: str) -> str:
        if kind == "file":
            return str(tmp_path / name)
        server: Server = request.getfixturevalue("postgres")
        return server.new_place()

    return place(first, "a.earmark"), place(second, "b.earmark")


def fill(place: str) -> None:
    """Make a library with something in every table, and gaps between its ids."""
    rng = np.random.default_rng(1)
    new = [
        Track(
            name=f"söng {n % 40:03}",
            genre=("rock", "jazz", None)[n % 3],
            artist=f"artist {n % 7}" if n % 5 else None,
            path=f"/m/caf\udce9 {n}.wav" if n % 4 else None,
            content_hash=f"{n:064x}" if n % 2 else None,
            duration=n / 7,
            modified_ns=2**60 + n,
            taught=n % 6 == 0,
        )
        for n in range(TRACKS + 3)
    ]
    parts = [
        Segments(np.arange(2.0), np.arange(2.0) + 0.7, rng.normal(size=(2, 4))) if n % 3 else None
        for n in range(len(new))
    ]
    with create_library(place, SPEC) as made:
        made.add(new, rng.normal(size=(len(new), 4)), segments=parts)
        made.update(5, genre="metal", taught=True)
        made.remove([1, 30, 60])
        made.set_parents({"metal": "rock"})
        made.store_parameters(b"\0parameters\xff")


def contents(library: Library) -> dict[str, object]:
    """Return all that a library says of itself, but where it is."""
    snapshot = library.snapshot(unlabelled=True)
    held = library.segments(snapshot.ids.tolist())
    return {
        "spec": library.spec,
        "revision": library.revision,
        "tracks": library.tracks(),
        "history": library.history(1000),
        "parents": library.parents(),
        "fitted": library.fitted(),
        "vectors": [library.vector(i).tobytes() for i in snapshot.ids.tolist()],
        "segments": {
            i: [getattr(held[i], field.name).tobytes() for field in dataclasses.fields(Segments)]
            for i in held
        },
    }


@pytest.mark.slow
def test_a_copy_is_equal_and_its_copy_too(places: tuple[str, str], tmp_path: Path) -> None:
    source, target = places
    fill(source)
    copied = copy_library(source, target)
    assert (copied.tracks, copied.before) == (TRACKS, 0)
    copy_library(target, tmp_path / "back.earmark")
    with (
        open_library(source) as one,
        open_library(target) as two,
        open_library(tmp_path / "back.earmark") as three,
    ):
        expected = contents(one)
        assert len(expected["vectors"]) == TRACKS  # type: ignore[arg-type]
        assert contents(two) == contents(three) == expected
        for library in (one, two, three):
            library.check()
            # No id is given twice, though the last track is gone.
            assert library.add([Track(name="x", genre=None)], np.zeros((1, 4)))[0].track_id == 61
            removal = library.history(1)[0]
            library.undo(removal.id or 0)
            assert library.get(60).name == "söng 019"


@pytest.mark.slow
def test_a_copy_that_was_ended_goes_on(
    places: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "BATCH", 10)
    source, target = places
    fill(source)
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) in (2, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_library(source, target, progress=stop)
    with pytest.raises((LibraryNotFound, LibraryDamaged), match=r"no such library|not finished"):
        open_library(target)
    with pytest.raises(KeyboardInterrupt):
        copy_library(source, target, progress=stop)
    copied = copy_library(source, target, progress=stop)
    assert told[:3] == [(10, TRACKS), (20, TRACKS), (30, TRACKS)]
    assert copied.before == 30
    with open_library(source) as one, open_library(target) as two:
        assert contents(one) == contents(two)


@pytest.mark.slow
def test_what_was_begun_of_another_state_is_not_gone_on_with(
    places: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "BATCH", 10)
    source, target = places
    fill(source)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_library(source, target, progress=stop)
    with open_library(source) as library:
        library.update(2, genre="pop")
    with pytest.raises(LibraryExists, match="a copy was begun"):
        copy_library(source, target)
    copied = copy_library(source, target, overwrite=True)
    assert copied.before == 0
    with open_library(source) as one, open_library(target) as two:
        assert contents(one) == contents(two)
    with pytest.raises(LibraryExists, match="there already"):
        copy_library(source, target)


def test_a_library_is_not_copied_to_itself(places: tuple[str, str]) -> None:
    fill(places[0])
    with pytest.raises(LibraryError, match=r"there already|itself"):
        copy_library(places[0], places[0], overwrite=False)
    with pytest.raises(LibraryError, match="itself"):
        copy_library(places[0], places[0], overwrite=True)


@pytest.mark.slow
def test_a_copy_that_was_killed_goes_on(places: tuple[str, str]) -> None:
    source, target = places
    fill(source)
    script = (
        "import os, signal, sys\n"
        "from earmark.library.backends import transfer\n"
        "from earmark.library.copying import copy_library\n"
        "transfer.BATCH = 10\n"
        "def kill(done, total):\n"
        "    if done == 30: os.kill(os.getpid(), signal.SIGKILL)\n"
        "copy_library(sys.argv[1], sys.argv[2], progress=kill)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, source, target], check=False)
    assert ended.returncode == -signal.SIGKILL
    copied = copy_library(source, target)
    assert copied.before == 30
    with open_library(source) as one, open_library(target) as two:
        assert contents(one) == contents(two)
