"""Which files of a folder are taken up, under which genre."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from earmark.collection import scan_folder
from earmark.errors import CollectionError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(root: Path) -> dict[str, str]:
    return {str(Path(p.path).relative_to(root)): p.genre for p in scan_folder(root).files}


def test_the_first_folder_on_the_way_is_the_genre(tmp_path: Path) -> None:
    touch(tmp_path, "rock/a.wav", "rock/Artist/Album/b.MP3", "jazz/c.flac", "jazz/rock/d.ogg")
    assert found(tmp_path) == {
        "jazz/c.flac": "jazz",
        "jazz/rock/d.ogg": "jazz",
        "rock/Artist/Album/b.MP3": "rock",
        "rock/a.wav": "rock",
    }
    assert [p.path for p in scan_folder(tmp_path).files] == sorted(
        p.path for p in scan_folder(tmp_path).files
    )


def test_what_is_hidden_or_no_sound_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "rock/a.wav", "rock/cover.jpg", "rock/.b.wav", ".git/c.wav", "rock/.x/d.wav",
          "rock/._a.wav", "notes.txt")  # fmt: skip
    scan = scan_folder(tmp_path)
    assert [Path(p.path).name for p in scan.files] == ["a.wav"]
    assert scan.problems == ()


def test_files_without_a_genre_are_reported(tmp_path: Path) -> None:
    touch(tmp_path, "rock/a.wav", "loose.wav")
    (problem,) = scan_folder(tmp_path).problems
    assert problem.path == str(tmp_path / "loose.wav")
    assert "no genre" in problem.reason


def test_one_letter_written_in_two_ways_is_one_genre(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    touch(tmp_path, f"{composed}/a.wav", f"{decomposed}/b.wav")
    assert set(found(tmp_path).values()) == {composed}


def test_a_name_that_is_no_text_is_taken_up(tmp_path: Path) -> None:
    folder = tmp_path / b"rock\xff".decode("utf-8", "surrogateescape")
    touch(folder, b"caf\xe9.wav".decode("utf-8", "surrogateescape"))
    (file,) = scan_folder(tmp_path).files
    assert file.genre == "rock\ufffd"
    assert file.name == "caf\ufffd"
    assert Path(file.path).exists()


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path, "rock/a.wav")
    (tmp_path / "rock" / "again").symlink_to(tmp_path)
    (tmp_path / "rock" / "self").symlink_to(tmp_path / "rock")
    assert list(found(tmp_path)) == ["rock/a.wav"]


def test_music_behind_a_link_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "disk/a.wav")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "rock").symlink_to(tmp_path / "disk")
    assert found(tmp_path / "music") == {"rock/a.wav": "rock"}


@pytest.mark.parametrize(
    ("names", "reason"), [((), "no sound files"), (("a.wav",), "sub-folder"), (("r/a.txt",), "no")]
)
def test_a_folder_without_music_in_genres(
    tmp_path: Path, names: tuple[str, ...], reason: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(CollectionError, match=reason):
        scan_folder(tmp_path)


def test_no_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such folder"):
        scan_folder(tmp_path / "none")
    touch(tmp_path, "a.wav")
    with pytest.raises(CollectionError, match="is a file"):
        scan_folder(tmp_path / "a.wav")
