"""A build asks a library only for recordings that it may hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from earmark.collection.changes import Changes
from earmark.collection.labelled_files import LabelledFile
from earmark.extraction import Looked
from earmark.library import ExtractorSpec, Library, Track, create_library, open_library

SPEC = ExtractorSpec("foreign", "1", 3, "cosine", "float32")


def track(name: str, number: str) -> Track:
    return Track(name=name, genre="jazz", path=f"/{name}", content_hash=number * 64)


def looked(number: str) -> Looked:
    return Looked(number * 64, None, 1, 1, None, None)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with create_library(tmp_path / "l.earmark", SPEC) as made:
        made.add([track("a", "1")], np.ones((1, 3)))
        yield made


def names(changes: Changes, number: str) -> list[str]:
    return [found.name for found in changes.known(looked(number))]


def learned(library: Library) -> Changes:
    changes = Changes(library)
    changes.learn(library.tracks(), library.revision)
    return changes


def test_what_is_known_is_found_and_nothing_else_is_asked_for(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = learned(library)
    assert names(changes, "1") == ["a"]
    monkeypatch.setattr(library, "find_hash", None)
    monkeypatch.setattr(library, "find_path", None)
    assert names(changes, "2") == []
    assert changes.track_of(LabelledFile("/b", "rock"), looked("2"), 3.0).genre == "rock"


def test_what_the_build_itself_wrote_is_found(library: Library) -> None:
    changes = learned(library)
    changes.add([track("b", "2")], [np.ones(3)], [None])
    changes.relabel(library.tracks()[0], LabelledFile("/a", "rock"), looked("3"))
    changes.identify(1, "4" * 64)
    assert names(changes, "2") == ["b"]
    assert names(changes, "3") == ["a"]
    assert names(changes, "4") == []
    assert [
        found.name for found in changes.known(Looked("5" * 64, "4" * 64, 1, 1, None, None))
    ] == ["a"]


@pytest.mark.parametrize("own", ["add", "remove", "relabel"])
def test_what_another_process_wrote_is_found_after_the_next_change(
    library: Library, own: str
) -> None:
    changes = learned(library)
    with open_library(library.location) as other:
        other.add([track("theirs", "7")], np.ones((1, 3)))
    if own == "add":
        changes.add([track("b", "2")], [np.ones(3)], [None])
    elif own == "remove":
        changes.remove([1])
    else:
        changes.relabel(library.get(1), LabelledFile("/a", "rock"))
    assert names(changes, "7") == ["theirs"]
    assert changes.track_of(LabelledFile("/theirs", None), looked("8"), 3.0).genre == "jazz"
