"""Which library is used: the one named, the environment's, the user's own, the package's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.errors import LibraryError, LibraryExtractor, LibraryNotFound
from earmark.library import (
    ExtractorSpec,
    Track,
    create_library,
    default,
    open_default,
    open_library,
    user_library,
    user_library_path,
)

SPEC = ExtractorSpec("musicnn", "1", 2, "cosine", "float16")


def make(path: Path, name: str, spec: ExtractorSpec = SPEC) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with create_library(path, spec) as made:
        made.add([Track(name=name, genre="rock")], np.zeros((1, spec.dimension)))
    return path


def opened(explicit: str | None = None) -> str:
    with open_default(explicit) as library:
        return library.tracks()[0].name


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = tmp_path / "package"
    for name in ("reference", "gtzan", "classic"):
        source = make(tmp_path / f"{name}.earmark", name)
        data.mkdir(exist_ok=True)
        with open_library(source) as library:
            library.copy(data / f"{name}.earmark", packed=True)
    monkeypatch.setattr(default, "PACKAGE_DATA", data)
    return data


def test_the_order_of_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened() == "reference"
    make(user_library_path(), "own")
    assert opened() == "own"
    monkeypatch.setenv("EARMARK_LIBRARY", str(make(tmp_path / "e.earmark", "environment")))
    assert opened() == "environment"
    assert opened(str(make(tmp_path / "x.earmark", "explicit"))) == "explicit"
    assert opened("classic") == "classic"
    monkeypatch.setenv("EARMARK_LIBRARY", "classic")
    assert opened() == "classic"


def test_a_library_that_was_asked_for_is_not_replaced_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LibraryNotFound):
        open_default(str(tmp_path / "none.earmark"))
    monkeypatch.setenv("EARMARK_LIBRARY", str(tmp_path / "none.earmark"))
    with pytest.raises(LibraryNotFound, match="EARMARK_LIBRARY"):
        open_default()


def test_the_packages_own_are_read_without_a_trace(package: Path) -> None:
    before = sorted(package.iterdir())
    with open_default("reference") as library:
        assert library.read_only
        library.snapshot()
        assert sorted(package.iterdir()) == before
    with open_default(str(package / "reference.earmark")) as library:
        assert library.read_only


def test_the_users_own_begins_as_a_copy_and_is_then_kept(package: Path) -> None:
    with open_default() as reference:
        with user_library(reference) as own:
            assert own.file == user_library_path().resolve()
            assert own.tracks() == reference.tracks()
            own.add([Track(name="mine", genre="rock", taught=True)], np.ones((1, 2)))
        with user_library(reference) as own:
            assert own.count() == 2
    with open_default() as library:
        assert library.count() == 2


def test_the_users_own_is_not_mixed_with_another_extractor(tmp_path: Path) -> None:
    make(user_library_path(), "own")
    other = make(tmp_path / "m.earmark", "m", ExtractorSpec("mfcc", "1", 3, "cosine", "float64"))
    with open_library(other) as like, pytest.raises(LibraryExtractor):
        user_library(like)


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    loop = tmp_path / "loop.earmark"
    loop.symlink_to(loop)
    with pytest.raises(LibraryError, match=r"loop\.earmark: cannot be read \("):
        open_library(loop)
    with pytest.raises(LibraryError, match=r"loop\.earmark: "):
        create_library(loop, SPEC)
