"""Labels from the tags of an existing collection, and files that are taken without any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from mutagen.flac import FLAC

from earmark.collection import LabelRules, build, open_for_build, scan_tags, scan_unlabelled
from earmark.errors import CollectionError
from earmark.tagging.genremap import GenreMap
from earmark.tagging.labels import genres_of
from support import sounds

RATE = 22_050
SOUND = sounds.tune(1.2, seed=1)


def plain(path: str, stored: Sequence[str]) -> tuple[str, ...]:
    return genres_of(path, stored, GenreMap())


def song(root: Path, name: str, seed: int | None = None, **tags: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = SOUND if seed is None else sounds.tune(1.2, seed=seed)
    return sounds.write(path, sound, RATE, path.suffix[1:], tags=tags)


def labels(root: Path, rules: LabelRules, table: GenreMap | None = None) -> dict[str, str | None]:
    found = scan_tags(root, lambda p, s: genres_of(p, s, table or GenreMap()), rules, jobs=1)
    return {str(Path(file.path).relative_to(root)): file.genre for file in found.files}


@pytest.mark.slow
def test_genres_of_enough_tracks_and_artists_are_labels(tmp_path: Path) -> None:
    song(tmp_path, "a/1.flac", genre="Rock", artist="A")
    song(tmp_path, "a/2.mp3", genre="rock", artist="B")
    song(tmp_path, "a/3.ogg", genre="Rock", artist="B")
    song(tmp_path, "4.flac", genre="Jazz", artist="C")
    song(tmp_path, "5.flac", genre="Jazz", artist="c")
    song(tmp_path, "6.flac", artist="D")
    (tmp_path / "cover.jpg").write_bytes(b"x")
    found = scan_tags(tmp_path, plain, LabelRules(min_tracks=2, min_artists=2), jobs=1)
    # The spelling that most files have holds for all of them.
    assert {file.genre for file in found.files} == {"Rock"}
    assert len(found.files) == 3
    why = {Path(left.path).name: left.reason for left in found.left_out}
    assert why["6.flac"] == "has no genre in its tags"
    assert (
        why["4.flac"] == why["5.flac"] == ("is of the genre jazz, which has 2 tracks by 1 artist")
    )
    assert found.passed_over == {".jpg": 1}


@pytest.mark.slow
def test_a_file_takes_the_first_of_its_genres_that_counts(tmp_path: Path) -> None:
    for number in range(3):
        song(tmp_path, f"r{number}.mp3", genre="Rock", artist=str(number))
    song(tmp_path, "both.mp3", genre="Zydeco/Rock", artist="x")
    # Dropped genres hand their files on, and so a third one becomes large enough.
    song(tmp_path, "j1.flac", genre="Bop;Jazz", artist="m")
    song(tmp_path, "j2.flac", genre="Free Jazz;Jazz", artist="n")
    assert labels(tmp_path, LabelRules(min_tracks=2)) == {
        "both.mp3": "Rock",
        "j1.flac": "Jazz",
        "j2.flac": "Jazz",
        "r0.mp3": "Rock",
        "r1.mp3": "Rock",
        "r2.mp3": "Rock",
    }


def test_a_file_may_have_all_its_genres(tmp_path: Path) -> None:
    song(tmp_path, "1.flac", genre="Rock;Blues;Zydeco", artist="a")
    song(tmp_path, "2.flac", genre="blues;rock", artist="b")
    song(tmp_path, "3.flac", genre="Blues", artist="c")
    rules = LabelRules(min_tracks=2, several=True)
    found = scan_tags(tmp_path, plain, rules, jobs=1).files
    assert [(file.genre, *file.other_genres) for file in found] == [
        ("Rock", "Blues"),
        ("Blues", "Rock"),
        ("Blues",),
    ]


@pytest.mark.parametrize("several", [True, False])
def test_a_style_that_is_too_small_is_one_of_its_genre(tmp_path: Path, several: bool) -> None:
    for number in range(3):
        song(tmp_path, f"{number}.flac", genre="Rock---Punk", artist=str(number))
    song(tmp_path, "rare.flac", genre="Rock---Zeuhl", artist="x")
    song(tmp_path, "whole.flac", genre="Rock", artist="y")
    found = labels(tmp_path, LabelRules(min_tracks=2, several=several))
    assert found == {
        "0.flac": "Rock---Punk",
        "1.flac": "Rock---Punk",
        "2.flac": "Rock---Punk",
        "rare.flac": "Rock",
        "whole.flac": "Rock",
    }


def test_a_map_gives_names_and_leaves_out(tmp_path: Path) -> None:
    song(tmp_path, "1.flac", genre="hiphop", artist="a")
    song(tmp_path, "2.mp3", genre="Pop/Rock", artist="b")
    song(tmp_path, "3.flac", genre="Podcast", artist="c")
    table = GenreMap((("hiphop", ("Rap",)), ("pop/rock", ("Pop",)), ("podcast", ())))
    rules = LabelRules(min_tracks=1, min_artists=1)
    assert labels(tmp_path, rules, table) == {"1.flac": "Rap", "2.mp3": "Pop"}


def test_the_artist_of_the_album_comes_first_but_for_compilations(tmp_path: Path) -> None:
    for name, artist, of_album in [("1", "A feat. B", "A"), ("2", "C", "Various Artists")]:
        tagged = FLAC(song(tmp_path, f"{name}.flac"))
        tagged.update({"genre": "Rock", "artist": artist, "albumartist": of_album})
        tagged.save()
    song(tmp_path, "3.flac", genre="Rock")
    rules = LabelRules(min_tracks=3, min_artists=3)
    found = scan_tags(tmp_path, plain, rules, jobs=1)
    assert [file.artist for file in found.files] == ["A", "C", None]


@pytest.mark.slow
def test_a_folder_whose_tags_say_too_little_is_refused(tmp_path: Path) -> None:
    song(tmp_path, "1.flac", genre="Rock", artist="A")
    with pytest.raises(CollectionError, match=r"--min-tracks.*rock, which has 1 track by 1 artist"):
        scan_tags(tmp_path, plain, jobs=1)
    kept = scan_tags(tmp_path, plain, LabelRules(keep_unlabelled=True), jobs=1)
    assert [file.genre for file in kept.files] == [None]


def test_a_file_that_is_no_sound_has_no_genre(tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"no sound")
    song(tmp_path, "1.flac", genre="Rock", artist="A")
    rules = LabelRules(min_tracks=1, min_artists=1)
    assert labels(tmp_path, rules) == {"1.flac": "Rock"}


@pytest.mark.slow
def test_a_build_without_labels_keeps_those_that_are_there(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for number in range(3):
        song(music, f"{number}.flac", seed=number, genre="Rock", artist=str(number))
    song(music, "4.flac", seed=4, artist="x")
    rules = LabelRules(min_tracks=1, min_artists=1)
    with open_for_build(tmp_path / "a.earmark", "mfcc") as library:
        report = build(library, scan_unlabelled(music), jobs=1)
        assert (report.heard, library.count(), library.genres()) == (4, 4, {})
        assert len(library.snapshot()) == 0
        assert library.snapshot(unlabelled=True).genre_codes.tolist() == [-1] * 4
        assert library.fitted() is None
        report = build(library, scan_tags(music, plain, rules, jobs=1), jobs=1)
        assert (report.heard, report.relabeled, library.genres()) == (0, 3, {"Rock": 3})
        assert [len(paths) for paths in report.left_out.values()] == [1]
        report = build(library, scan_unlabelled(music), jobs=1)
        assert (report.unchanged, library.genres()) == (4, {"Rock": 3})


@pytest.mark.slow
@pytest.mark.parametrize("labelled_first", [True, False])
def test_a_copy_without_a_label_is_the_same_track(tmp_path: Path, labelled_first: bool) -> None:
    """Whichever of the two sorts first, one track comes out, and it has the label."""
    names = ("1.flac", "2.flac") if labelled_first else ("2.flac", "1.flac")
    song(tmp_path / "music", names[0], genre="Rock", artist="A")
    song(tmp_path / "music", names[1])
    rules = LabelRules(min_tracks=1, min_artists=1, keep_unlabelled=True)
    with open_for_build(tmp_path / "a.earmark", "mfcc") as library:
        for _ in range(2):
            report = build(library, scan_tags(tmp_path / "music", plain, rules, jobs=1), jobs=1)
            (track,) = library.tracks()
            assert (track.genre, track.artist) == ("Rock", "A")
            assert len(report.duplicates) == 1
