"""Genres that lie at another level than the first are recognized."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.collection import scan_folder
from earmark.errors import CollectionError


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


GENRES = ("blues", "rock", "jazz")


@pytest.mark.parametrize("inside", ["genres_original", "a/b"])
def test_one_folder_that_holds_the_genres(tmp_path: Path, inside: str) -> None:
    root = put(tmp_path / "my Data", *(f"{inside}/{g}/{g}.{n}.wav" for g in GENRES for n in "12"))
    put(root, *(f"images/{g}/{g}.png" for g in GENRES))
    with pytest.raises(CollectionError, match="holds 3 folders") as caught:
        scan_folder(root)
    assert f"build '{root / inside}'" in str(caught.value)
    level = inside.count("/") + 2
    assert f"--genre-level {level}" in str(caught.value)
    found = scan_folder(root, genre_level=level)
    assert {file.genre for file in found.files} == set(GENRES)
    assert {file.genre for file in scan_folder(root / inside).files} == set(GENRES)
    assert len({file.genre for file in scan_folder(root, genre_level=1).files}) == 1


def test_the_parts_of_a_split_hold_the_genres(tmp_path: Path) -> None:
    root = put(tmp_path, *(f"{part}/{g}/1.wav" for part in ("train", "test") for g in GENRES))
    with pytest.raises(CollectionError, match="--genre-level 2"):
        scan_folder(root)
    assert {file.genre for file in scan_folder(root, genre_level=2).files} == set(GENRES)


@pytest.mark.parametrize(
    "names",
    [
        ["rock/1.wav", "jazz/2.wav"],
        ["rock/A/x/1.wav", "rock/B/2.wav", "jazz/C/3.wav"],
        ["rock/1.wav"],
        ["rock/album/1.wav"],
        ["rock/A/1.wav", "rock/B/2.wav", "rock/3.wav"],
        ["rock/Best of/1.wav", "jazz/Best of/2.wav", "jazz/Live/2.wav"],
    ],
)
def test_usual_trees_are_taken_as_they_are(tmp_path: Path, names: list[str]) -> None:
    found = scan_folder(put(tmp_path, *names))
    assert {file.genre for file in found.files} == {name.split("/")[0] for name in names}


def test_files_above_the_level_have_no_genre(tmp_path: Path) -> None:
    root = put(tmp_path, "train/rock/1.wav", "train/2.wav", "3.wav")
    found = scan_folder(root, genre_level=2)
    assert [Path(file.path).name for file in found.files] == ["1.wav"]
    assert sorted(Path(problem.path).name for problem in found.problems) == ["2.wav", "3.wav"]
