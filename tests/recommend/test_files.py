"""Playlist files come back with every path found."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import m3u8
import pytest

from earmark.errors import PlaylistError
from earmark.recommend.files import Entry, read_m3u, written
from support.skips import NAMES_OF_BYTES, skip

NAMES = (
    "plain.mp3",
    "with space.flac",
    "#begins like a comment.ogg",
    "ünï¢ödé.opus",
    "e\u0301 decomposed.mp3",
    "percent%20sign.mp3",
    "a:colon.mp3",
    "-dash.mp3",
    "quote'\"&<>.mp3",
)


@pytest.fixture
def music(tmp_path: Path) -> list[Path]:
    files = []
    for number, name in enumerate(NAMES):
        file = tmp_path / "music" / f"album {number % 3}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        files.append(file)
    return files


def entries(files: list[Path]) -> list[Entry]:
    return [
        Entry(
            str(file), artist="An Artist\n", title=None if i % 2 else "Title, & more", seconds=61.5
        )
        for i, file in enumerate(files)
    ]


@pytest.mark.parametrize("name", ["list.m3u8", "music/list.m3u", "other/deep/list.m3u8"])
def test_m3u_comes_back_as_it_was(tmp_path, music, name):
    to = tmp_path / name
    to.parent.mkdir(parents=True, exist_ok=True)
    content = written(entries(music), to, "My list")
    assert content.startswith(b"#EXTM3U\n#PLAYLIST:My list\n#EXTINF:62,An Artist - Title, & more\n")
    read = read_m3u(content, to.parent)
    assert [path.resolve() for path in read] == [file.resolve() for file in music]


@pytest.mark.parametrize("name", ["list.m3u8", "music/list.m3u", "other/deep/list.m3u8"])
def test_another_parser_finds_every_path(tmp_path, music, name):
    to = tmp_path / name
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(written(entries(music), to, "My list"))
    read = m3u8.load(str(to))
    found = [Path(song.absolute_uri) for song in read.segments]
    assert [path.resolve() for path in found] == [file.resolve() for file in music]
    assert {song.duration for song in read.segments} == {62.0}
    assert {song.title for song in read.segments} == {"An Artist - Title, & more", "An Artist"}


def test_bytes_that_are_no_utf8_survive_in_m3u(tmp_path):
    name = os.fsdecode(b"caf\xe9.mp3")
    try:
        (tmp_path / name).write_bytes(b"x")
    except OSError:
        skip("this file system takes no names that are not UTF-8", NAMES_OF_BYTES)
    content = written([Entry(str(tmp_path / name))], tmp_path / "l.m3u8", "x")
    assert b"caf\xe9.mp3" in content


def test_xspf_is_valid_xml_with_every_location(tmp_path, music):
    content = written(entries(music), tmp_path / "list.xspf", "My <list>")
    root = ElementTree.fromstring(content)
    space = {"x": "http://xspf.org/ns/0/"}
    assert root.tag == "{http://xspf.org/ns/0/}playlist"
    assert root.get("version") == "1"
    assert root.findtext("x:title", namespaces=space) == "My <list>"
    locations = [node.text for node in root.findall(".//x:location", space)]
    assert [tmp_path / unquote(place) for place in locations] == music
    assert {node.text for node in root.findall(".//x:duration", space)} == {"61500"}


def test_jspf_says_the_same(tmp_path, music):
    body = json.loads(written(entries(music), tmp_path / "list.jspf", "My list"))["playlist"]
    assert [tmp_path / unquote(track["location"][0]) for track in body["track"]] == music
    assert body["track"][0]["creator"] == "An Artist"


def test_a_line_break_in_a_name_is_refused_by_m3u_alone(tmp_path):
    song = Entry(str(tmp_path / "two\nlines.mp3"))
    with pytest.raises(PlaylistError, match=r"line break.*\.xspf"):
        written([song], tmp_path / "l.m3u8", "x")
    assert b"two%0Alines.mp3" in written([song], tmp_path / "l.xspf", "x")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(PlaylistError, match=r"ends in \.m3u8"):
        written([], tmp_path / "list.pls", "x")


@pytest.mark.parametrize(
    "line",
    [
        "album 0/plain.mp3",
        "./album 0/plain.mp3",
        "album 0\\plain.mp3",
        "M:\\Music\\album 0\\plain.mp3",
        "\\\\server\\share\\album 0\\plain.mp3",
        "file:///{folder}/album%200/plain.mp3",
        "file:///C:/Music/album%200/plain.mp3",
        "file://server/share/album%200/plain.mp3",
        "{folder}/album 0/plain.mp3",
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_of_other_programs_are_understood(music, line, mark, end):
    folder = music[0].parent.parent
    text = f"#EXTM3U{end}#EXTINF:1,x{end}{line.format(folder=folder)}{end}"
    [found] = read_m3u(mark + text.replace("////", "///").encode(), folder)
    assert found.samefile(music[0])


def test_streams_are_left_out_and_old_lists_are_read(tmp_path):
    content = b"http://example.org/stream\n#comment\n\ncaf\xe9.mp3\n"
    assert read_m3u(content, tmp_path) == [tmp_path / "café.mp3"]


@pytest.mark.parametrize("line", ["x" * 300 + "\\y.mp3", "C:\\" + "x" * 300 + "\\y.mp3"])
def test_a_name_that_is_too_long_costs_no_other_entry(tmp_path, line):
    found = read_m3u(f"{line}\nsong.mp3\n".encode(), tmp_path)
    assert len(found) == 2
    assert found[1] == tmp_path / "song.mp3"
