"""What people tell a library is told back truly, and can be taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark import corrections
from earmark.errors import LibraryError, LibraryReadOnly, LibraryReplaced, TrackNotFound
from earmark.library import (
    ExtractorSpec,
    Library,
    MemoryLibrary,
    Track,
    create_library,
    open_library,
    user_library_path,
)

SPEC = ExtractorSpec("foreign", "1", 3, "cosine", "float32")
VECTOR = np.arange(3.0)


@pytest.fixture(params=["file", "memory"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    if request.param == "memory":
        yield MemoryLibrary(SPEC)
    else:
        with create_library(tmp_path / "a.earmark", SPEC) as made:
            yield made


def song(genre: str, **more: object) -> Track:
    return Track(name="song", genre=genre, content_hash="c" * 64, **more)  # type: ignore[arg-type]


def test_teaching_what_a_track_already_is_says_so(library: Library) -> None:
    corrections.teach(library, song("B"), VECTOR)
    other = corrections.teach(library, song("A"), VECTOR)
    assert other.id is not None
    library.undo(other.id)
    before = library.history()
    with pytest.raises(LibraryError, match="song: is B already, so there is nothing to change"):
        corrections.teach(library, song("B"), VECTOR)
    assert library.history() == before


def test_teaching_adds_a_song_once(library: Library) -> None:
    added = corrections.teach(library, song("B", artist="tag", title="tag"), VECTOR, artist="Ann")
    assert (added.what, added.track.taught) == ("add", True)
    assert (added.track.artist, added.track.title) == ("Ann", "tag")
    again = corrections.teach(library, song("A", artist="tag"), VECTOR)
    assert (again.what, again.track_id) == ("relabel", added.track_id)
    assert again.before == added.after
    # What a tag says does not come before what was told by hand.
    assert again.track.artist == "Ann"
    assert library.count() == 1
    assert library.history() == [again, added]


def test_a_song_that_was_tagged_anew_is_known_by_its_sound(library: Library) -> None:
    first = corrections.teach(library, song("B", audio_hash="a" * 64), VECTOR)
    tagged = dataclasses.replace(song("A", audio_hash="a" * 64), content_hash="d" * 64)
    assert corrections.teach(library, tagged, VECTOR).track_id == first.track_id
    assert library.count() == 1


def test_relabelling_counts_as_taught_and_removing_can_be_undone(library: Library) -> None:
    (added,) = library.add([song("B")], VECTOR[None])
    change = corrections.relabel(library, added.track, {"genre": "A"})
    assert change is not None
    assert change.track.taught
    assert corrections.relabel(library, change.track, {"genre": "A"}) is None
    edited = corrections.relabel(library, change.track, {"title": "t"})
    assert edited is not None
    gone = corrections.remove(library, edited.track)
    with pytest.raises(TrackNotFound):
        corrections.remove(library, edited.track)
    library.undo(gone.id or 0)
    assert library.get(added.track_id) == edited.after


def test_a_library_that_cannot_be_written_is_copied_for_the_user(tmp_path: Path) -> None:
    with create_library(tmp_path / "a.earmark", SPEC) as library:
        library.add([song("B")], VECTOR[None])
        assert corrections.writable(library) is library
    with open_library(tmp_path / "a.earmark", read_only=True) as library:
        with corrections.writable(library) as own:
            assert Path(own.location) == user_library_path().resolve()
            shown = library.tracks()[0]
            corrections.require_held(own, shown)
            corrections.remove(own, shown)
            with pytest.raises(LibraryError, match="is not in your own library"):
                corrections.require_held(own, shown)
        assert library.count() == 1


def test_what_cannot_be_written_at_all_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_library(tmp_path / "a.earmark", SPEC).close()
    monkeypatch.setattr("earmark.library.backends.sqlite_files.is_writable", lambda path: False)
    with (
        open_library(tmp_path / "a.earmark") as library,
        pytest.raises(LibraryReadOnly, match="may not be written; name another with --library"),
    ):
        corrections.writable(library)


def test_a_library_whose_place_was_taken_is_not_changed(tmp_path: Path) -> None:
    create_library(tmp_path / "b.earmark", SPEC).close()
    with create_library(tmp_path / "a.earmark", SPEC) as library:
        (tmp_path / "b.earmark").replace(tmp_path / "a.earmark")
        with pytest.raises(LibraryReplaced):
            corrections.writable(library)
