"""Lists of songs by the HTTP API."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from earmark import open_library
from earmark.recommend import Recommender, Rules, Songs

API = "/api/v1"


@pytest.fixture
def client(app):
    return app.test_client()


def tracks(client) -> list[dict]:
    return client.get(f"{API}/tracks?per_page=500").json["tracks"]


def test_similar_songs_are_those_of_the_command(client, library_file: Path):
    first, second = (track["id"] for track in tracks(client)[:2])
    answer = client.get(f"{API}/lists/similar?song={first}&song={second}&n=5&per_artist=0")
    assert answer.status_code == 200
    found = answer.json
    assert found["schema"] == "earmark.songs/1"
    assert found["kind"] == "similar"
    with open_library(library_file, read_only=True) as library:
        rules = Rules(per_artist=None)
        expected = Recommender(library).similar(Songs((first, second)), 5, rules=rules)
    assert [song["track_id"] for song in found["tracks"]] == [song.track.id for song in expected]
    for song in found["tracks"]:
        assert song["audio"].startswith("/media/tracks/")
        assert "path" not in song
        assert 0 <= song["similarity"] <= 1
    assert not {first, second} & {song["track_id"] for song in found["tracks"]}


def test_a_path_has_both_ends(client):
    known = tracks(client)
    start, end = known[0]["id"], known[-1]["id"]
    found = client.get(
        f"{API}/lists/path?start={start}&end={end}&n=5&per_artist=0&per_album=0&spacing=0"
    ).json
    ids = [song["track_id"] for song in found["tracks"]]
    assert (ids[0], ids[-1], len(ids), len(set(ids))) == (start, end, 5, 5)


@pytest.mark.slow
def test_a_playlist_starts_from_a_genre(client):
    genre = "melody"
    answer = client.get(
        f"{API}/lists/playlist?genre={genre}&n=4&per_artist=0&per_album=0&spacing=0"
    )
    assert {song["genre"] for song in answer.json["tracks"]} == {genre}
    assert len(answer.json["tracks"]) == 4
    # By a length, too: each song of the library has a few seconds.
    seconds = [song["duration"] for song in answer.json["tracks"]]
    minutes = sum(seconds[:2]) / 60
    timed = client.get(
        f"{API}/lists/playlist?genre={genre}&minutes={minutes}&per_artist=0&spacing=0"
    )
    assert 1 <= len(timed.json["tracks"]) <= 3


def test_words_choose_songs_where_the_library_has_words(make_app):
    client = make_app(library="reference").test_client()
    answer = client.get(f"{API}/lists/playlist?word=jazz&not_word=blues&n=5")
    assert answer.status_code == 200
    assert [song["genre"] for song in answer.json["tracks"]].count("jazz") >= 4
    assert client.get(f"{API}/lists/similar?song=1&word=progressive rock").status_code == 422


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("similar", 422),
        ("similar?song=0", 422),
        ("similar?song=999999", 404),
        ("similar?song=1&n=0", 422),
        ("similar?song=1&genre=polka", 422),
        ("similar?song=1&unlike=999999", 404),
        ("similar?song=1&variety=2", 422),
        ("similar?song=1&word=jazz", 422),
        ("playlist?word=jazz", 422),
        ("path?start=1", 422),
        ("path?start=1&end=1", 422),
        ("path?start=1&end=999999", 404),
        ("playlist", 422),
        ("playlist?song=1&minutes=0", 422),
        ("file", 422),
        ("file?song=1&format=pls", 422),
    ],
)
def test_what_makes_no_list_is_a_problem_document(client, query: str, status: int):
    answer = client.get(f"{API}/lists/{query}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"]


def test_a_change_of_the_library_counts_in_the_next_list(client):
    ask = f"{API}/lists/playlist?genre=melody&n=50&per_artist=0&per_album=0&spacing=0&versions=1"
    before = {song["track_id"] for song in client.get(ask).json["tracks"]}
    gone = min(before)
    assert client.delete(f"{API}/tracks/{gone}").status_code == 204
    after = {song["track_id"] for song in client.get(ask).json["tracks"]}
    assert gone not in after
    assert after


@pytest.mark.parametrize("ending", ["m3u8", "m3u", "xspf", "jspf"])
def test_a_playlist_file_names_songs_that_can_be_fetched(app, client, ending: str):
    wanted = [track["id"] for track in tracks(client)[:3]]
    query = "&".join(f"song={track_id}" for track_id in reversed(wanted))
    answer = client.get(f"{API}/lists/file?{query}&format={ending}&title=Evening")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="earmark.{ending}"'
    told = app.extensions["earmark-openapi"]["paths"][f"{API}/lists/file"]["get"]["responses"]
    assert answer.mimetype in told["200"]["content"]
    if ending == "xspf":
        space = "{http://xspf.org/ns/0/}"
        root = ElementTree.fromstring(answer.data)
        assert root.findtext(f"{space}title") == "Evening"
        addresses = [one.text for one in root.iter(f"{space}location")]
    elif ending == "jspf":
        addresses = [one["location"][0] for one in json.loads(answer.data)["playlist"]["track"]]
    else:
        lines = answer.data.decode().splitlines()
        assert lines[0] == "#EXTM3U"
        addresses = [line for line in lines if not line.startswith("#")]
    assert len(addresses) == 3
    for address, track_id in zip(addresses, reversed(wanted), strict=True):
        assert urlsplit(address).path == f"/media/tracks/{track_id}"
        assert client.get(urlsplit(address).path).status_code == 200


def test_songs_that_cannot_be_heard_make_no_file(make_app, tmp_path, library_file):
    with open_library(library_file) as library:
        (first, *_) = library.tracks(limit=1)
        library.update(first.id, path=str(tmp_path / "gone.wav"))
    client = make_app().test_client()
    answer = client.get(f"{API}/lists/file?song={first.id}")
    assert answer.status_code == 409
    assert "can be heard" in answer.json["detail"]
