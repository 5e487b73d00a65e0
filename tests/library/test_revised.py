"""After a few changes a snapshot is made of the one before; it is the one that is read afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.library import ExtractorSpec, Library, Snapshot, Track, create_library, open_library
from earmark.library.backends import sql

SPEC = ExtractorSpec("foreign", "1", 3, "cosine", "float32")
GENRES = (None, "blues", "jazz", "rock")


def vector(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(1, 3))


def same(one: Snapshot, other: Snapshot) -> None:
    """See that two snapshots hold the same, whichever way they were read."""
    # A name more, of a track without a genre, does not matter.
    for column in ("revision", "genre_names", "artists", "parents"):
        assert getattr(one, column) == getattr(other, column), column
    for column in (
        "ids",
        "vectors",
        "genre_codes",
        "seconds",
        "taught",
        "content_hashes",
        "audio_hashes",
        "labels",
        "recording_codes",
    ):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column), column)
    assert not one.vectors.flags.writeable


def filled(path: Path, names: str = "cegikmoqs") -> Library:
    library = create_library(path, SPEC)
    tracks = [
        Track(name=name, genre=GENRES[1 + n % 3], artist=f"artist {n % 2}", duration=float(n))
        for n, name in enumerate(names)
    ]
    library.add(tracks, np.concatenate([vector(n) for n in range(len(names))]))
    return library


songs = st.builds(
    Track,
    name=st.sampled_from(["a", "e", "e", "h", "zz"]),
    genre=st.sampled_from([*GENRES, "polka"]),
    other_genres=st.just(()),
    artist=st.sampled_from([None, "artist 0", "Somebody"]),
    path=st.sampled_from([None, "/b", "/c", "/d"]),
    content_hash=st.sampled_from([None, "1" * 64, "2" * 64]),
    duration=st.sampled_from([None, 3.0]),
    taught=st.booleans(),
)
steps = st.one_of(
    st.tuples(st.just("add"), songs),
    st.tuples(st.just("relabel"), st.integers(0, 8), st.sampled_from(["jazz", "ska", None])),
    st.tuples(st.just("several"), st.integers(0, 8)),
    st.tuples(st.just("rename"), st.integers(0, 8), st.sampled_from(["a", "e", "zz"])),
    st.tuples(st.just("remove"), st.integers(0, 8)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("look")),
)


def do(library: Library, step: tuple[Any, ...], number: int) -> None:
    known = [track.id for track in library.tracks()]
    if step[0] == "add":
        library.add([step[1]], vector(100 + number))
    elif step[0] == "undo":
        for change in library.history(1):
            if not change.undone:
                library.undo(int(change.id or 0))
    elif step[0] == "look":
        library.snapshot()
    elif known:
        track_id = int(known[step[1] % len(known)] or 0)
        if step[0] == "remove":
            library.remove([track_id])
        elif step[0] == "several":
            library.update(track_id, genre="jazz", other_genres=("rock", "soul"))
        elif step[0] == "relabel":
            library.update(track_id, genre=step[2], other_genres=())
        else:
            library.update(track_id, name=step[2])


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(made=st.lists(steps, min_size=1, max_size=6), unlabelled=st.booleans())
def test_it_is_the_one_that_is_read_afresh(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[Any, ...]], unlabelled: bool
) -> None:
    path = tmp_path_factory.mktemp("revised") / "l.earmark"
    with filled(path) as library:
        library.snapshot(unlabelled=unlabelled)
        for number, step in enumerate(made):
            do(library, step, number)
        taken = library.snapshot(unlabelled=unlabelled)
        with open_library(path, read_only=True) as afresh:
            same(taken, afresh.snapshot(unlabelled=unlabelled))


def test_after_a_few_changes_only_those_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "l.earmark"
    with filled(path) as library:
        before = library.snapshot()
        monkeypatch.setattr(sql, "read_snapshot", None)
        library.update(3, genre="ska")
        relabelled = library.snapshot()
        # Nothing of them has changed.
        assert relabelled.vectors is before.vectors
        library.add([Track(name="d", genre="jazz"), Track(name="z", genre=None)], np.ones((2, 3)))
        library.remove([1])
        taken = library.snapshot()
        assert taken.since is not None
        assert taken.since[0] == relabelled.revision
        assert len(taken.since[1]) == 3
        monkeypatch.undo()
        with open_library(path, read_only=True) as afresh:
            same(taken, afresh.snapshot())


def test_what_another_process_changed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "l.earmark"
    with filled(path) as library, open_library(path) as other:
        library.snapshot()
        library.update(3, genre="ska")
        other.update(4, genre="polka")
        library.update(5, genre="ska")
        taken = library.snapshot()
        assert taken.since is None
        same(taken, other.snapshot())


def test_very_many_tracks_of_one_name_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.library.backends.revised._MOST_OF_A_NAME", 3)
    path = tmp_path / "l.earmark"
    with filled(path, "eeeeee") as library:
        library.snapshot()
        library.add([Track(name="e", genre="jazz")], vector(9))
        taken = library.snapshot()
        assert taken.since is None
        with open_library(path, read_only=True) as afresh:
            same(taken, afresh.snapshot())
