"""The routes of players: answers in the form that each program expects, and to nobody else."""

from __future__ import annotations

import hashlib
from xml.etree import ElementTree

import pytest

from earmark import open_library
from earmark.players import PlayerIds, ids_path

TOKEN = "a-token-of-more-than-enough-letters"
NAMESPACE = "{http://subsonic.org/restapi}"


@pytest.fixture
def guarded(make_app):
    """A server on a network, whose reading is closed."""
    return make_app(
        local=False, token=TOKEN, read="closed", allowed_hosts=("localhost",)
    ).test_client()


@pytest.fixture
def connected(make_app, library_file):
    """A server whose songs a player knows by ids of its own, but for one."""
    with open_library(library_file, read_only=True) as library:
        tracks = library.tracks(limit=500)
    ids = {f"nd-{track.id}": track.id for track in tracks[1:]}
    artists = {f"ar-{number}": track.artist for number, track in enumerate(tracks)}
    PlayerIds("http://music.example", ids, artists).write(ids_path(str(library_file)))
    return make_app().test_client(), tracks


def proof(password: str = TOKEN, salt: str = "c19b2d") -> str:
    token = hashlib.md5(f"{password}{salt}".encode()).hexdigest()
    return f"u=anyone&t={token}&s={salt}&v=1.16.1&c=test"


# AudioMuse: as the plug-in of Navidrome asks and reads


def test_similar_tracks_are_what_the_plug_in_reads(connected):
    client, tracks = connected
    answer = client.get(
        f"/api/similar_tracks?eliminate_duplicates=true&item_id=nd-{tracks[3].id}&n=5"
        "&radius_similarity=true"
    )
    assert answer.status_code == 200
    assert 1 <= len(answer.json) <= 5
    for song in answer.json:
        assert {"item_id", "title", "author", "album", "distance"} == set(song)
        assert song["item_id"].startswith("nd-")
        assert all(isinstance(song[name], str) for name in ("title", "author", "album"))
        assert 0 <= song["distance"] <= 1
    distances = [song["distance"] for song in answer.json]
    assert distances == sorted(distances)
    asked = [song["item_id"] for song in answer.json]
    assert f"nd-{tracks[3].id}" not in asked


def test_what_the_player_does_not_know_is_not_listed(connected):
    client, tracks = connected
    everything = client.get(
        f"/api/similar_tracks?item_id=nd-{tracks[3].id}&n=500&eliminate_duplicates=false"
    ).json
    assert None not in [song["item_id"] for song in everything]
    assert tracks[0].name not in [song["title"] for song in everything]


def test_a_path_leads_from_song_to_song(connected):
    client, tracks = connected
    start, end = f"nd-{tracks[1].id}", f"nd-{tracks[-1].id}"
    answer = client.get(f"/api/find_path?start_song_id={start}&end_song_id={end}&max_steps=4")
    assert answer.status_code == 200
    path = answer.json["path"]
    assert (path[0]["item_id"], path[-1]["item_id"]) == (start, end)
    assert len(path) <= 4
    total = sum(song["distance"] for song in path)
    assert answer.json["total_distance"] == pytest.approx(total, abs=1e-4)


def test_similar_artists_have_their_songs(connected):
    client, tracks = connected
    number = next(i for i, track in enumerate(tracks) if i > 0)
    answer = client.get(
        f"/api/similar_artists?artist=ar-{number}&n=3&include_component_matches=true"
    )
    assert answer.status_code == 200
    assert 1 <= len(answer.json) <= 3
    for row in answer.json:
        assert row["artist"] != tracks[number].artist
        assert row["artist_id"].startswith("ar-")
        (component,) = row["component_matches"]
        for side in ("artist1_representative_songs", "artist2_representative_songs"):
            assert component[side]
            assert all(song["item_id"] and song["title"] for song in component[side])
    short = client.get(f"/api/similar_artists?artist={tracks[number].artist}&n=1").json
    assert len(short) == 1
    assert "component_matches" not in short[0]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("similar_tracks", 400),
        ("similar_tracks?item_id=none", 404),
        ("similar_tracks?item_id=1&n=x", 400),
        ("similar_tracks?item_id=99999999999999999999999", 404),
        ("similar_tracks?title=x&artist=y", 404),
        ("find_path?start_song_id=1", 400),
        ("find_path?start_song_id=1&end_song_id=1", 400),
        ("similar_artists?artist=nobody", 404),
        ("similar_artists", 404),
    ],
)
def test_what_cannot_be_answered_says_so(client, query: str, status: int):
    answer = client.get(f"/api/{query}")
    assert answer.status_code == status
    assert set(answer.json) == {"error"}


def test_without_ids_of_a_player_the_numbers_of_tracks_serve(client):
    answer = client.get("/api/similar_tracks?item_id=1&n=3")
    assert answer.status_code == 200
    assert all(song["item_id"].isdecimal() for song in answer.json)


def test_a_wrong_token_gets_nothing(guarded):
    ask = "/api/similar_tracks?item_id=1"
    assert guarded.get(ask).status_code == 401
    wrong = guarded.get(ask, headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert wrong.json == {"error": "Unauthorized"}
    right = guarded.get(ask, headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200


def test_a_wrong_token_gets_nothing_where_all_may_read(make_app):
    client = make_app(local=False, token=TOKEN, allowed_hosts=("localhost",)).test_client()
    ask = "/api/similar_tracks?item_id=1"
    assert client.get(ask).status_code == 200
    assert client.get(ask, headers={"Authorization": "Bearer wrong"}).status_code == 401


# OpenSubsonic


def inside(answer) -> dict:
    assert answer.status_code == 200
    assert set(answer.json) == {"subsonic-response"}
    body = answer.json["subsonic-response"]
    assert body["version"] == "1.16.1"
    assert body["type"] == "earmark"
    assert body["openSubsonic"] is True
    assert isinstance(body["serverVersion"], str)
    return body


def test_anyone_may_ask_what_the_server_can_do(guarded):
    body = inside(guarded.get("/rest/getOpenSubsonicExtensions?f=json"))
    assert body["status"] == "ok"
    assert body["openSubsonicExtensions"] == [{"name": "sonicSimilarity", "versions": [1]}]


@pytest.mark.parametrize("ending", ["", ".view"])
def test_similar_tracks_are_those_of_the_specification(connected, ending: str):
    client, tracks = connected
    ask = f"/rest/getSonicSimilarTracks{ending}?id=nd-{tracks[3].id}&count=3&f=json&{proof()}"
    body = inside(client.get(ask))
    assert body["status"] == "ok"
    assert 1 <= len(body["sonicMatch"]) <= 3
    for match in body["sonicMatch"]:
        assert set(match) == {"entry", "similarity"}
        assert 0 <= match["similarity"] <= 1
        child = match["entry"]
        # What the specification requires of a Child.
        assert isinstance(child["id"], str)
        assert child["isDir"] is False
        assert isinstance(child["title"], str)
        assert isinstance(child["duration"], int)


def test_a_path_is_that_of_the_specification(connected):
    client, tracks = connected
    start, end = f"nd-{tracks[1].id}", f"nd-{tracks[-1].id}"
    ask = f"/rest/findSonicPath?startSongId={start}&endSongId={end}&count=5&f=json&{proof()}"
    matches = inside(client.get(ask))["sonicMatch"]
    assert (matches[0]["entry"]["id"], matches[-1]["entry"]["id"]) == (start, end)
    assert len(matches) <= 5


def test_an_answer_is_xml_unless_asked_otherwise(connected):
    client, tracks = connected
    answer = client.get(f"/rest/getSonicSimilarTracks?id=nd-{tracks[3].id}&count=2&{proof()}")
    assert answer.content_type.startswith("application/xml")
    root = ElementTree.fromstring(answer.data)
    assert root.tag == f"{NAMESPACE}subsonic-response"
    assert root.get("status") == "ok"
    assert root.get("openSubsonic") == "true"
    matches = root.findall(f"{NAMESPACE}sonicMatch")
    assert matches
    assert all(match.find(f"{NAMESPACE}entry").get("id").startswith("nd-") for match in matches)
    root = ElementTree.fromstring(client.get("/rest/getOpenSubsonicExtensions").data)
    extension = root.find(f"{NAMESPACE}openSubsonicExtensions")
    assert extension.get("name") == "sonicSimilarity"
    assert extension.findtext(f"{NAMESPACE}versions") == "1"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 10),
        ("u=nina", 10),
        (proof("wrong"), 40),
        ("u=nina&p=wrong", 40),
        ("u=nina&p=enc:zz", 40),
        ("apiKey=wrong", 44),
        (f"apiKey={TOKEN}&u=nina", 43),
    ],
)
def test_who_proves_nothing_gets_the_error_of_the_protocol(guarded, query: str, code: int):
    body = inside(guarded.get(f"/rest/getSonicSimilarTracks?id=1&f=json&{query}"))
    assert body["status"] == "failed"
    assert body["error"]["code"] == code
    assert "sonicMatch" not in body


@pytest.mark.parametrize(
    "query",
    [proof(), f"u=nina&p={TOKEN}", f"u=nina&p=enc:{TOKEN.encode().hex()}", f"apiKey={TOKEN}"],
)
def test_who_knows_the_token_is_answered(guarded, query: str):
    assert inside(guarded.get(f"/rest/ping?f=json&{query}"))["status"] == "ok"
    # As a form, too, as the extension formPost has it.
    sent = dict(pair.split("=", 1) for pair in query.split("&"))
    assert inside(guarded.post("/rest/ping", data={**sent, "f": "json"}))["status"] == "ok"


def test_guesses_are_counted(guarded):
    codes = [
        inside(guarded.get(f"/rest/ping?f=json&u=x&p=guess{number}"))["error"]["message"]
        for number in range(12)
    ]
    assert codes[0] == "wrong user or password"
    assert "Too many" in codes[-1]
    # The right one is not looked at either.
    assert inside(guarded.get(f"/rest/ping?f=json&{proof()}"))["status"] == "failed"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("getSonicSimilarTracks", 10),
        ("getSonicSimilarTracks?id=none", 70),
        ("getSonicSimilarTracks?id=1&count=none", 0),
        ("findSonicPath?startSongId=1", 10),
        ("findSonicPath?startSongId=1&endSongId=none", 70),
        ("findSonicPath?startSongId=1&endSongId=1", 0),
    ],
)
def test_what_is_unknown_gets_the_error_of_the_protocol(client, query: str, code: int):
    sign = "&" if "?" in query else "?"
    body = inside(client.get(f"/rest/{query}{sign}f=json&{proof()}"))
    assert (body["status"], body["error"]["code"]) == ("failed", code)


def test_a_damaged_file_of_ids_is_told_in_the_protocol(client, library_file):
    ids_path(str(library_file)).write_text("{}")
    body = inside(client.get(f"/rest/getSonicSimilarTracks?id=1&f=json&{proof()}"))
    assert body["error"]["code"] == 0
    assert str(library_file.parent) not in body["error"]["message"]
    answer = client.get("/api/similar_tracks?item_id=1")
    assert answer.status_code == 502
    assert str(library_file.parent) not in answer.json["error"]
