"""Similar songs, paths and playlists on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.recommend.files import read_m3u
from earmark.schemas import schema
from support import sounds
from support.command import Command
from support.web import GENRES, RATE, make_library, make_music, song


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("lists") / "music")


@pytest.fixture(scope="module")
def library(music: Path) -> Path:
    return make_library(music.parent / "made.earmark", music)


@pytest.fixture
def earmark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Command(monkeypatch, capsys)


FREE = ("--per-album", "0", "--per-artist", "0", "--spacing", "0")


def test_a_file_of_the_library_is_not_like_itself(
    earmark: Command, library: Path, music: Path
) -> None:
    file = sorted(music.rglob("*.*"))[0]
    ran = earmark("similar", "-l", library, file, "-n", "5", "--json", *FREE)
    assert ran.code == 0, ran.err
    body = json.loads(ran.out)
    assert (body["schema"], body["kind"]) == (schema("songs"), "similar")
    assert len(body["tracks"]) == 5
    assert str(file) not in {track["path"] for track in body["tracks"]}
    shares = [track["similarity"] for track in body["tracks"]]
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.slow
def test_a_new_song_is_like_those_of_its_kind(
    earmark: Command, library: Path, tmp_path: Path
) -> None:
    genre = GENRES[-1]
    new = sounds.write(tmp_path / "new.flac", song(genre, 50), RATE, "flac")
    ran = earmark("similar", "-l", library, new, "-n", "3", "--json", *FREE)
    assert ran.code == 0, ran.err
    assert {track["genre"] for track in json.loads(ran.out)["tracks"]} == {genre}


@pytest.mark.slow
def test_a_retagged_copy_is_its_track(
    earmark: Command, library: Path, music: Path, tmp_path: Path
) -> None:
    file = sorted(music.rglob("*.*"))[0]
    copy = tmp_path / f"copy{file.suffix}"
    copy.write_bytes(file.read_bytes())
    one = earmark("similar", "-l", library, file, "--json", *FREE)
    other = earmark("similar", "-l", library, copy, "--json", *FREE)
    assert one.out == other.out


def test_a_path_leads_from_one_to_the_other(earmark: Command, library: Path, music: Path) -> None:
    first, last = (sorted((music / genre).glob("*"))[0] for genre in (GENRES[1], GENRES[-1]))
    ran = earmark("path", "-l", library, first, last, "-n", "6", "--json", *FREE)
    assert ran.code == 0, ran.err
    body = json.loads(ran.out)
    assert (body["schema"], body["kind"]) == (schema("songs"), "path")
    paths = [track["path"] for track in body["tracks"]]
    assert (paths[0], paths[-1]) == (str(first), str(last))
    assert len(set(paths)) == len(paths) == 6


@pytest.mark.slow
def test_a_path_needs_tracks(earmark: Command, library: Path, music: Path, tmp_path: Path) -> None:
    new = sounds.write(tmp_path / "new.flac", song(GENRES[-1], 51), RATE, "flac")
    ran = earmark("path", "-l", library, new, sorted(music.rglob("*.*"))[0])
    assert ran.code == 1
    assert "is no track of" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("ending", ["m3u8", "m3u", "xspf", "jspf"])
def test_a_playlist_is_written_with_every_file(
    earmark: Command, library: Path, music: Path, tmp_path: Path, ending: str
) -> None:
    to = tmp_path / "lists" / f"mine.{ending}"
    to.parent.mkdir()
    command = ("playlist", "-l", library, "--genre", GENRES[-1], "-n", "4", "-o", to, *FREE)
    ran = earmark(*command)
    assert ran.code == 0, ran.err
    assert f"written to {to}" in ran.out
    if ending.startswith("m3u"):
        files = read_m3u(to.read_bytes(), to.parent)
        assert len(files) == 4
        assert all(file.resolve().is_file() for file in files)
    again = earmark(*command)
    assert again.code == 1
    assert "--force" in again.err
    assert earmark(*command, "--force").code == 0
    assert [file.name for file in to.parent.iterdir()] == [to.name]


def test_what_was_played_lately_is_left_out(
    earmark: Command, library: Path, music: Path, tmp_path: Path
) -> None:
    file = sorted(music.rglob("*.*"))[0]
    command = ("similar", "-l", library, file, "-n", "3", "--json", *FREE)
    before = [track["path"] for track in json.loads(earmark(*command).out)["tracks"]]
    history = tmp_path / "played.m3u"
    history.write_text("\ufeff#EXTM3U\r\n" + "\r\n".join(before) + "\r\n")
    after = json.loads(earmark(*command, "--history", history).out)["tracks"]
    assert not {track["path"] for track in after} & set(before)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["similar", "no such song"], 1, "neither a file nor a track"),
        (["similar", "#999999"], 1, "has no track 999999"),
        (["playlist", "--genre", "polka"], 1, "has no genre 'polka'; it has"),
        (["playlist"], 2, "name a SONG"),
        (["playlist", "--genre", GENRES[-1], "-n", "2", "--minutes", "3"], 2, "twice"),
        (["playlist", "--genre", GENRES[-1], "-o", "list.pls"], 1, "ends in .m3u8"),
        (["similar", "x", "--variety", "2"], 2, "--variety"),
    ],
)
def test_what_is_wrong_is_said(
    earmark: Command, library: Path, arguments: list[str], code: int, told: str
) -> None:
    ran = earmark(*arguments, "-l", library)
    assert ran.code == code
    assert told in ran.err


def test_fewer_than_asked_for_are_spoken_of(earmark: Command, library: Path) -> None:
    ran = earmark("playlist", "-l", library, "--genre", GENRES[-1], "-n", "50")
    assert ran.code == 0
    assert "of 50 songs: the rules leave no more" in ran.err


def test_text_is_a_table(earmark: Command, library: Path) -> None:
    ran = earmark("playlist", "-l", library, "--genre", GENRES[-1], "-n", "3", *FREE)
    lines = ran.out.splitlines()
    assert len(lines) == 4
    assert lines[0].lstrip().startswith("1. ")
    assert lines[-1].strip().startswith("3 songs, ")


@pytest.mark.slow
def test_tracks_without_a_genre_are_listed_too(
    earmark: Command, music: Path, tmp_path: Path
) -> None:
    library = tmp_path / "bare.earmark"
    assert earmark("build", music, "--no-labels", "-o", library, "--features", "mfcc").code == 0
    file = sorted(music.rglob("*.*"))[0]
    for command in (("similar", file), ("path", file.stem, "hum-2"), ("playlist", file.stem)):
        ran = earmark(*command, "-l", library, "-n", "4", "--json", *FREE)
        assert ran.code == 0, ran.err
        tracks = json.loads(ran.out)["tracks"]
        assert len(tracks) == 4
        assert {track["genre"] for track in tracks} == {None}
    # Without a label nobody votes, and every command says so.
    for command in ("classify", "-l", library, file), ("evaluate", library), ("audit", library):
        ran = earmark(*command)
        assert ran.code == 1
        assert "no labelled tracks" in ran.err
    said = json.loads(earmark("info", library, "--json").out)
    assert (said["tracks"], said["labelled"], said["genres"]) == (said["tracks"], 0, {})


@pytest.mark.slow
def test_a_network_compares_unlabelled_tracks_without_a_vote(
    earmark: Command, music: Path, tmp_path: Path
) -> None:
    library = tmp_path / "bare.earmark"
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted(music.rglob("*.*"))[:6]:
        (few / file.name).symlink_to(file)
    assert earmark("build", few, "--no-labels", "-o", library).code == 0
    first = sorted(few.iterdir())[0]
    ran = earmark("similar", "-l", library, first, "-n", "3", "--json", *FREE)
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)["tracks"]) == 3
