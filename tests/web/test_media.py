"""The sound of tracks: which files are served, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from earmark.library import Track


def add(state, path, name="x"):
    track = Track(name=name, genre="hum", path=str(path))
    return state.library.add([track], state.library.snapshot().vectors[:1])[0].track_id


def test_the_sound_of_a_track(client, state, music):
    track = state.library.tracks(search="hum-2")[0]
    answer = client.get(f"/media/tracks/{track.id}")
    assert answer.status_code == 200
    assert answer.data == (music / "hum/hum-2.wav").read_bytes()
    assert answer.content_type == "audio/wav"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "public" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-99999999", slice(None)),
        ("bytes=3-99999999", slice(3, None)),
        ("Bytes=0-0", slice(0, 1)),
    ],
)
def test_a_range_of_it(client, state, music, wanted, part):
    track = state.library.tracks(search="hum-2")[0]
    whole = (music / "hum/hum-2.wav").read_bytes()
    answer = client.get(f"/media/tracks/{track.id}", headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.data == whole[part]
    assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=-0", "bytes=99999999-999999999"])
def test_a_range_beyond_the_end(client, state, music, wanted):
    track = state.library.tracks(search="hum-2")[0]
    answer = client.get(f"/media/tracks/{track.id}", headers={"Range": wanted})
    assert answer.status_code == 416
    length = (music / "hum/hum-2.wav").stat().st_size
    assert answer.headers["Content-Range"] == f"bytes */{length}"


@pytest.mark.parametrize(
    "wanted",
    [
        "lines=1-2",
        "bytes=5-2",
        "bytes=0-9,20-29",
        "bytes=0-9, -5",
        "bytes=-",
        "bytes=a-b",
        "bytes=--5",
        "bytes",
        "",
        f"bytes={'9' * 5000}-",
    ],
)
def test_a_range_that_is_none_or_several_is_answered_with_the_whole(client, state, music, wanted):
    track = state.library.tracks(search="hum-2")[0]
    whole = (music / "hum/hum-2.wav").read_bytes()
    answer = client.get(f"/media/tracks/{track.id}", headers={"Range": wanted})
    assert answer.status_code == 200
    assert answer.data == whole
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in answer.headers


def test_only_get_knows_ranges(client, state, music):
    track = state.library.tracks(search="hum-2")[0]
    answer = client.head(f"/media/tracks/{track.id}", headers={"Range": "bytes=0-9"})
    assert answer.status_code == 200
    assert answer.content_length == (music / "hum/hum-2.wav").stat().st_size


def test_only_sound_under_the_folder_of_music_is_served(client, state, tmp_path, music):
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"RIFF")
    text = music / "notes.txt"
    text.write_text("words")
    link = music / "link.wav"
    link.symlink_to(outside)
    try:
        paths = (outside, "/etc/passwd", text, link, music / "../x.wav", music / "none.wav", music)
        for path in paths:
            track_id = add(state, path)
            assert client.get(f"/media/tracks/{track_id}").status_code == 404, path
            assert client.get(f"/api/v1/tracks/{track_id}").json["audio"] is None
    finally:
        text.unlink()
        link.unlink()


def test_relative_paths_are_those_under_the_folder(client, state):
    track_id = add(state, "hum/hum-1.wav")
    assert client.get(f"/media/tracks/{track_id}").status_code == 200


def test_a_track_without_a_path_keeps_its_sound_when_it_is_labelled_anew(client, state, music):
    vectors = state.library.snapshot().vectors[:1]
    track_id = state.library.add([Track(name="hum-5", genre="hum")], vectors)[0].track_id
    whole = (music / "hum/hum-5.wav").read_bytes()
    for genre in ("hiss", "a genre without a folder", "hum"):
        changed = client.patch(f"/api/v1/tracks/{track_id}", json={"genre": genre}).json
        assert changed["audio"] == f"/media/tracks/{track_id}"
        assert client.get(changed["audio"]).data == whole


def test_a_name_that_several_folders_have_is_nobodys_sound(make_app, tmp_path, music):
    folder = tmp_path / "own"
    for genre in ("one", "two", "three"):
        (folder / genre).mkdir(parents=True)
    for place in ("one/01.wav", "two/01.wav", "two/02.wav"):
        (folder / place).write_bytes((music / "hum/hum-5.wav").read_bytes())
    app = make_app(music=folder)
    library = app.extensions["earmark"].library
    tracks = [Track(name=name, genre="three", taught=True) for name in ("01", "02")]
    several, single = (
        change.track_id for change in library.add(tracks, library.snapshot().vectors[:2])
    )
    client = app.test_client()
    assert client.get(f"/media/tracks/{several}").status_code == 404
    assert client.get(f"/media/tracks/{single}").status_code == 200


def test_the_disk_is_not_read_for_every_request(client, state, monkeypatch):
    vectors = state.library.snapshot().vectors[:1]
    track_id = state.library.add([Track(name="hum-5", genre="x", taught=True)], vectors)[0].track_id
    assert client.get(f"/media/tracks/{track_id}").status_code == 200
    read = []
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: (read.append(path), iterdir(path))[1])
    for _ in range(3):
        assert client.get(f"/api/v1/tracks/{track_id}").json["audio"] is not None
    assert read == []


def test_without_a_folder_of_music_nothing_is_served(make_app):
    app = make_app(music=None)
    client = app.test_client()
    track = app.extensions["earmark"].library.tracks(limit=1)[0]
    assert client.get(f"/media/tracks/{track.id}").status_code == 404
    assert client.get(f"/api/v1/tracks/{track.id}").json["audio"] is None


def test_tracks_without_a_path_are_found_by_genre_and_name(client, state, music):
    vectors = state.library.snapshot().vectors[:3]
    tracks = [
        Track(name="hum-5", genre="hum"),
        Track(name="hum-5", genre="hiss"),
        Track(name="x", genre="../.."),
    ]
    added = state.library.add(tracks, vectors)
    known, elsewhere, outside = (change.track_id for change in added)
    assert client.get(f"/media/tracks/{known}").data == (music / "hum/hum-5.wav").read_bytes()
    assert client.get(f"/media/tracks/{elsewhere}").status_code == 404
    assert client.get(f"/media/tracks/{outside}").status_code == 404


@pytest.mark.parametrize("place", ["loop.wav", "circle/song.wav"])
def test_links_in_a_circle_are_nobodys_sound_and_break_no_page(client, state, music, place):
    links = [music / "loop.wav", music / "circle"]
    for link in links:
        link.symlink_to(link.name)
    try:
        track_id = add(state, place)
        assert client.get(f"/media/tracks/{track_id}").status_code == 404
        assert client.get(f"/api/v1/tracks/{track_id}").json["audio"] is None
        for page in ("/", "/library", "/map", "/api/v1/map", "/api/v1/tracks", "/report"):
            assert client.get(page).status_code == 200, page
        program = client.application.test_client()
        asked = program.post("/api/v1/classify/path", json={"path": place})
        assert asked.status_code == 404
        assert asked.json["type"] == "urn:earmark:problem:audio-not-found"
    finally:
        for link in links:
            link.unlink()
