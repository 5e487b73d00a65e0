"""Libraries looked after from the command line: list, relabel, remove, teach, merge, undo."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.library import Library, open_library
from earmark.testing import make_library, make_music, make_song, write_wav
from support.command import Command, Ran
from support.locked import run_locked_out

pytestmark = pytest.mark.slow

EACH = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("care")
    music = make_music(folder / "music", each=EACH)
    make_library(folder / "made.earmark", music).close()
    return folder


@pytest.fixture
def location(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made / "made.earmark", tmp_path / "mine.earmark"))


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("EARMARK_LIBRARY", raising=False)
    return Command(monkeypatch, capsys)


def content(library: Path | Library) -> list[Any]:
    """Return all that a library knows of its tracks, with their vectors."""
    if isinstance(library, Path):
        with open_library(library, read_only=True) as opened:
            return content(opened)
    return [(track, library.vector(track.id or 0).tobytes()) for track in library.tracks()]


def genre_of(location: Path, name: str) -> str | None:
    with open_library(location, read_only=True) as library:
        (found,) = [track for track in library.tracks(search=name) if track.name == name]
        return found.genre


def lines(ran: Ran) -> list[str]:
    assert ran.code == 0, ran.err
    return ran.out.splitlines()


# list


def test_a_list_has_every_track_and_filters_narrow_it(run: Command, location: Path) -> None:
    assert lines(run("list", "-l", location))[-1] == "9 tracks"
    assert lines(run("list", "-l", location, "-n", "2"))[-1] == "2 of 9 tracks"
    assert lines(run("list", "-l", location, "--genre", "hum"))[-1] == "3 tracks"
    assert lines(run("list", "-l", location, "--search", "HUM-1"))[-1] == "1 track"
    assert lines(run("list", "-l", location, "--unlabelled"))[-1] == "0 tracks"
    run("relabel", "hum-1", "--no-genre", "-l", location)
    (first, last) = lines(run("list", "-l", location, "--unlabelled"))
    assert "hum-1" in first
    assert first.endswith("unlabelled, by hand")
    assert last == "1 track"
    assert run("list", "-l", location, "--json", "--csv").code == 2


def test_a_list_below_a_folder_has_its_files(run: Command, made: Path, tmp_path: Path) -> None:
    library = tmp_path / "b.earmark"
    assert run("build", made / "music", "-o", library, "--features", "mfcc").code == 0
    ran = run("list", "-l", library, "--below", made / "music" / "hum", "--json")
    body = json.loads(ran.out)
    assert body["schema"] == "earmark.tracks/1"
    assert {track["genre"] for track in body["tracks"]} == {"hum"}
    assert body["total"] == len(body["tracks"]) == EACH


def test_a_table_of_tracks_builds_the_same_library(
    run: Command, made: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "1.earmark", tmp_path / "2.earmark"
    run("build", made / "music", "-o", first, "--features", "mfcc")
    run("relabel", "hum-1", "--genre", 'a "b", c', "--artist", "X; Y", "-l", first)
    table, exported = tmp_path / "t.csv", tmp_path / "e.csv"
    table.write_text(run("list", "-l", first, "--csv").out)
    assert run("export", exported, "-l", first).code == 0
    assert exported.read_text() == table.read_text()
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == 3 * EACH
    assert run("build", "--manifest", table, "-o", second, "--features", "mfcc").code == 0

    def known(location: Path) -> list[Any]:
        return [(t.path, t.genre, t.artist, t.title, vector) for t, vector in content(location)]

    assert known(first) == known(second)


def test_an_npz_has_vectors_names_genres_and_artists(
    run: Command, location: Path, tmp_path: Path
) -> None:
    run("relabel", "hum-1", "--no-genre", "--artist", "A", "-l", location)
    assert run("export", tmp_path / "x.npz", "-l", location).code == 0
    with np.load(tmp_path / "x.npz") as arrays:
        names, genres = list(arrays["track"]), list(arrays["genre"])
        assert len(arrays["vectors"]) == len(names) == 3 * EACH
        assert genres[names.index("hum-1")] == ""
        assert arrays["artist"][names.index("hum-1")] == "A"


# relabel, remove, undo, history


def test_what_was_relabelled_is_undone_as_one(run: Command, location: Path) -> None:
    before = content(location)
    ran = run("relabel", "--of-genre", "hum", "--genre", "drone", "-l", location)
    assert lines(ran)[-1] == "3 tracks changed; earmark undo takes it back"
    run("relabel", "hiss-0", "--genre", "noise", "-l", location)
    assert (genre_of(location, "hum-1"), genre_of(location, "hiss-0")) == ("drone", "noise")
    history = json.loads(run("history", "-l", location, "--json").out)["corrections"]
    assert [one["genre_after"] for one in history] == ["noise", "drone", "drone", "drone"]
    assert "noise → hiss" not in run("undo", "-l", location).out
    assert (genre_of(location, "hum-1"), genre_of(location, "hiss-0")) == ("drone", "hiss")
    run("undo", "-l", location)
    assert content(location) == before
    assert run("undo", "-l", location).code == 1


def test_tracks_get_several_genres_which_a_table_keeps(
    run: Command, location: Path, tmp_path: Path
) -> None:
    assert "other_genres" not in run("list", "-l", location, "--csv").out
    told = lines(run("relabel", "hum-1", "-g", "Drone", "-g", "Noise---Hum", "-l", location))
    assert "hum → Drone; Noise---Hum" in told[0]
    listed = json.loads(run("list", "-l", location, "--genre", "Noise---Hum", "--json").out)
    assert [track["genres"] for track in listed["tracks"]] == [["Drone", "Noise---Hum"]]
    facts = json.loads(run("info", location, "--json").out)["genres"]
    assert facts["Noise---Hum"] == {"tracks": 1, "artists": 1}
    table = tmp_path / "table.csv"
    table.write_text(run("list", "-l", location, "--csv").out)
    assert (
        run("build", "--manifest", table, "-o", tmp_path / "b.earmark", "--extractor", "mfcc").code
        == 0
    )
    with (
        open_library(location, read_only=True) as one,
        open_library(tmp_path / "b.earmark") as other,
    ):
        assert [track.genres for track in one.tracks()] == [
            track.genres for track in other.tracks()
        ]
    run("undo", "-l", location)
    assert genre_of(location, "hum-1") == "hum"


def test_one_change_of_several_can_be_undone_by_its_number(run: Command, location: Path) -> None:
    ran = run("relabel", "hum-0", "hum-1", "--genre", "drone", "-l", location, "--json")
    first, _ = json.loads(ran.out)["corrections"]
    undone = run("undo", first["id"], "-l", location, "--json")
    assert json.loads(undone.out)["corrections"][0]["undone"] is True
    assert (genre_of(location, "hum-0"), genre_of(location, "hum-1")) == ("hum", "drone")
    assert run("undo", first["id"], "-l", location).code == 1
    assert run("undo", "99", "-l", location).code == 1


def test_removed_tracks_come_back_as_they_were(run: Command, location: Path) -> None:
    before = content(location)
    assert run("remove", "hum-0", "--of-genre", "hiss", "-l", location).code == 0
    assert len(content(location)) == 3 * EACH - 1 - EACH
    assert run("undo", "-l", location).code == 0
    assert content(location) == before


def test_nothing_changes_where_a_name_is_wrong(run: Command, location: Path) -> None:
    before = content(location)
    for command in (
        ("remove", "hum-0", "no such song"),
        ("relabel", "hum-0", "nobody", "--genre", "x"),
        ("relabel", "--of-genre", "nothing", "--genre", "x"),
        ("relabel", "hum-0", "hum-1", "--title", "T"),
    ):
        ran = run(*command, "-l", location)
        assert ran.code == 1
        assert ran.err.startswith("earmark: ")
    for command in (
        ("relabel", "hum-0"),
        ("relabel", "--genre", "x"),
        ("relabel", "hum-0", "--genre", " "),
        ("relabel", "hum-0", "--genre", "x", "--no-genre"),
        ("remove",),
        ("teach", "--genre", "x"),
        ("teach", "a.wav", "--genre", ""),
    ):
        assert run(*command, "-l", location).code == 2
    assert content(location) == before


def test_a_title_that_two_tracks_have_asks_for_the_number(run: Command, location: Path) -> None:
    for name in ("hum-0", "hum-1"):
        run("relabel", name, "--title", "Twins", "-l", location)
    ran = run("relabel", "twins", "--genre", "x", "-l", location)
    assert ran.code == 1
    assert "2 tracks" in ran.err
    number = ran.err.partition("'#")[2].partition("'")[0]
    assert run("relabel", f"#{number}", "--genre", "x", "-l", location).code == 0
    assert {genre_of(location, "hum-0"), genre_of(location, "hum-1")} == {"x", "hum"}


def test_a_library_that_may_not_be_written_stays(location: Path) -> None:
    location.chmod(0o444)
    before = location.read_bytes()
    (ran,) = run_locked_out([["relabel", "hum-0", "--genre", "x", "-l", location]])
    assert ran.code == 1
    assert "may not be written" in ran.err
    assert location.read_bytes() == before


def test_the_packages_own_is_copied_first(run: Command) -> None:
    ran = run("relabel", "metal.00000", "--genre", "thrash", "-l", "reference")
    assert ran.code == 0, ran.err
    assert "your own library" in ran.err
    assert "thrash" in run("list", "--search", "metal.00000").out
    with open_library("reference") as library:
        assert "thrash" not in library.genres()


# teach


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "new songs"
    folder.mkdir()
    for number in (30, 31):
        write_wav(folder / f"ö{number}.wav", make_song("melody", number))
    return folder


def test_songs_of_a_playlist_become_a_genre(
    run: Command, location: Path, made: Path, songs: Path
) -> None:
    before = content(location)
    known = made / "music" / "hum" / "hum-2.wav"
    (songs / "list.m3u8").write_text(
        f"#EXTM3U\n#EXTINF:3,x\nö30.wav\nö31.wav\nö31.wav\n{known}\nhttp://radio/stream\n", "utf-8"
    )
    ran = run("teach", "--from", songs / "list.m3u8", "--genre", "shoegaze", "-l", location)
    assert lines(ran)[-1] == "3 tracks changed; earmark undo takes it back"
    with open_library(location) as library:
        assert library.genres()["shoegaze"] == 3
        assert library.count() == 3 * EACH + 2
        assert all(track.taught for track in library.tracks(genre="shoegaze"))
    again = run("teach", songs / "ö30.wav", "--genre", "shoegaze", "-l", location)
    assert "nothing to change" in again.out
    assert run("undo", "-l", location).code == 0
    assert content(location) == before


def test_songs_that_cannot_be_used_are_named(run: Command, location: Path, songs: Path) -> None:
    (songs / "bad.wav").write_bytes(b"no sound")
    bad = songs / "bad.wav"
    ran = run("teach", bad, songs / "ö30.wav", "--genre", "x", "-l", location)
    assert ran.code == 3
    assert str(bad) in ran.err
    ran = run("teach", bad, "--genre", "y", "-l", location)
    assert ran.code == 1
    with open_library(location) as library:
        assert library.genres()["x"] == 1
        assert "y" not in library.genres()


# merge


@pytest.fixture
def other(made: Path, tmp_path: Path) -> Path:
    """A library with a genre that the first one has not, and one that it has."""
    music = tmp_path / "other"
    shutil.copytree(made / "music" / "hum", music / "hum")
    for number in range(EACH):
        (music / "tune").mkdir(exist_ok=True)
        write_wav(music / "tune" / f"tune-{number}.wav", make_song("melody", 40 + number))
    make_library(tmp_path / "other.earmark", music).close()
    return tmp_path / "other.earmark"


def test_recordings_of_both_are_there_once(
    run: Command, location: Path, other: Path, tmp_path: Path
) -> None:
    before = content(location), content(other)
    to = tmp_path / "both.earmark"
    ran = run("merge", location, other, "-o", to, "--json")
    body = json.loads(ran.out)
    assert body["schema"] == "earmark.merge/1"
    assert body["genres"] == {"hiss": 3, "hum": 3, "melody": 3, "tune": 3}
    assert (body["tracks"], body["same_recordings"], body["conflicts"]) == (12, 3, [])
    assert (content(location), content(other)) == before
    vectors = {vector for _, vector in content(to)}
    assert vectors == {vector for one in before for _, vector in one}
    with open_library(to) as library:
        assert library.fitted() is not None
        library.check()
    assert run("merge", location, other, "-o", to).code == 1
    assert run("merge", location, other, "-o", to, "--force").code == 0
    assert run("merge", location, "-o", to).code == 2


@pytest.mark.parametrize("taught_in", ["first", "second", "neither"])
def test_of_two_genres_that_given_by_hand_holds(
    run: Command, location: Path, other: Path, tmp_path: Path, taught_in: str
) -> None:
    change: Callable[[Path, str], Ran] = lambda where, to: run(  # noqa: E731
        "relabel", "hum-1", "--genre", to, "-l", where
    )
    if taught_in == "neither":
        with open_library(location) as library:
            (track,) = [t for t in library.tracks() if t.name == "hum-1"]
            library.update(track.id or 0, genre="drone")
    else:
        change(location if taught_in == "first" else other, "drone")
    to = tmp_path / "both.earmark"
    ran = run("merge", location, other, "-o", to)
    assert genre_of(to, "hum-1") == "drone"
    assert "hum-1: drone is kept" in ran.err


def test_libraries_of_different_extractors_are_not_merged(
    run: Command, location: Path, tmp_path: Path
) -> None:
    ran = run("merge", location, "reference", "-o", tmp_path / "both.earmark")
    assert ran.code == 1
    assert not (tmp_path / "both.earmark").exists()


@pytest.mark.parametrize(
    "command", ["history", "list", "merge", "relabel", "remove", "teach", "undo"]
)
def test_help_fits_a_screen_and_has_an_example(run: Command, command: str) -> None:
    said = run(command, "--help").out
    assert f"\n  earmark {command}" in said
    assert len(said.splitlines()) <= 40
