"""Libraries that a server makes of folders of its music."""

from __future__ import annotations

import shutil

import pytest

from earmark.features import CLASSIC
from earmark.library import open_library, user_libraries_folder
from earmark.web.served import building
from support.web import wait_until

API = "/api/v1"
BUILD = f"{API}/libraries/build"


@pytest.fixture
def folder(tmp_path, music):
    """A folder of music below which genres lie, with files that cannot be used."""
    made = tmp_path / "all"
    for genre in ("hum", "melody"):
        (made / "by genre" / genre).mkdir(parents=True)
        for file in sorted((music / genre).iterdir())[:3]:
            shutil.copy(file, made / "by genre" / genre)
    first = sorted((made / "by genre" / "hum").iterdir())[0]
    shutil.copy(first, made / "by genre" / "hum" / "copy.wav")
    (made / "by genre" / "hum" / "words.mp3").write_text("words")
    (made / "by genre" / "hum" / "cover.jpg").write_bytes(b"a picture")
    (made / "by genre" / "melody" / "elsewhere.wav").symlink_to(
        sorted((music / "melody").iterdir())[5]
    )
    (made / "empty").mkdir()
    return made


@pytest.fixture
def client(make_app, folder):
    return make_app(music=folder).test_client()


def begin(client, name="mine", folder="by genre", **options):
    body = {"name": name, "folder": folder, "extractor": CLASSIC, **options}
    return client.post(f"{API}/libraries", json=body)


def ended(client):
    wait_until(lambda: client.get(BUILD).json["state"] != "running")
    return client.get(BUILD).json


def lying():
    """Return the files that lie where libraries are made."""
    return sorted(path.name for path in user_libraries_folder().iterdir())


@pytest.mark.slow
def test_a_library_is_made_of_a_folder_and_can_be_chosen(client, folder):
    assert client.get(BUILD).status_code == 404
    begun = begin(client)
    assert begun.status_code == 202
    assert begun.headers["Location"] == BUILD
    done = ended(client)
    assert (done["state"], done["problem"]) == ("done", None)
    assert (done["used"], done["total"], done["finished"]) == (6, 8, 8)
    told = {one["path"]: one["reason"] for one in done["files"]}
    (same,) = (path for path, reason in told.items() if "has the same sound as" in reason)
    assert same.startswith("by genre/hum/")
    assert set(told) == {same, "by genre/hum/words.mp3", "by genre/melody/elsewhere.wav"}
    assert len(told) == done["left_out"] == 3
    assert told["by genre/melody/elsewhere.wav"] == building.OUTSIDE
    assert done["passed_over"] == {".jpg": 1}
    assert str(folder) not in str(done)
    assert lying() == ["mine.earmark"]
    chosen = client.post(f"{API}/libraries/mine/choose").json
    assert chosen["genres"] == {"hum": 3, "melody": 3}
    page = client.application.test_client().get("/libraries").text
    assert "Made: mine" in page
    assert "by genre/hum/words.mp3" in page
    # Its files can be heard where they lie.
    assert client.get(f"{API}/tracks?per_page=1").json["tracks"][0]["audio"]


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        ({"folder": "../other"}, 403, "lies outside the folder of music"),
        ({"folder": "/etc"}, 403, "lies outside the folder of music"),
        ({"folder": "none"}, 404, "there is no such folder"),
        ({"name": "../evil"}, 400, "a library needs a name"),
        ({"name": "reference"}, 409, "there is a library of that name"),
        ({"name": "OWN"}, 409, "there is a library of that name"),
        ({"extractor": "hear:os#x"}, 422, ""),
        ({"extractor": "/etc"}, 422, ""),
        ({"genre_level": 0}, 422, ""),
    ],
)
def test_what_cannot_be_made_is_refused_with_one_line(client, body, status, line):
    refused = begin(client, **body)
    assert refused.status_code == status
    assert line in refused.json["detail"]
    assert client.get(BUILD).status_code == 404


@pytest.mark.parametrize(
    ("where", "line"),
    [("empty", "empty: has no sound files in sub-folders"), ("", "give genre level 2")],
)
def test_a_folder_without_genres_makes_no_library(client, where, line):
    assert begin(client, folder=where).status_code == 202
    done = ended(client)
    assert done["state"] == "failed"
    assert line in done["problem"]["detail"]
    assert done["problem"]["status"] == 422
    assert client.get(f"{API}/libraries").json["libraries"][0]["name"] == "started"


def test_a_folder_in_which_nothing_can_be_used_leaves_no_library(client, folder):
    shutil.rmtree(folder / "by genre" / "melody")
    for file in (folder / "by genre" / "hum").glob("*.wav"):
        file.write_bytes(b"words")
    begin(client, genre_level=1)
    done = ended(client)
    assert done["state"] == "failed"
    assert done["problem"]["detail"] == "by genre: no file of it could be used"
    assert done["left_out"] == 5
    assert lying() == []


def test_the_genre_may_lie_deeper(client):
    begin(client, folder="", genre_level=2)
    assert ended(client)["state"] == "done"
    with open_library(user_libraries_folder() / "mine.earmark") as library:
        assert library.genres() == {"hum": 3, "melody": 3}


@pytest.fixture
def held(client, monkeypatch):
    """Let builds wait before each report until they are let go on."""
    import threading

    gate, reached = threading.Event(), threading.Event()
    whole = building.build

    def slow(*arguments, progress, **options):
        def told(report):
            progress(report)
            if report.finished >= 2:
                reached.set()
                gate.wait(60)
                progress(report)

        return whole(*arguments, progress=told, **options)

    monkeypatch.setattr(building, "build", slow)
    yield gate, reached
    gate.set()


@pytest.mark.slow
def test_two_at_once_are_refused_and_what_is_called_off_leaves_nothing(client, held):
    gate, reached = held
    begin(client, genre_level=1)
    assert reached.wait(60)
    refused = begin(client, "another")
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("the library mine is being made")
    running = client.get(BUILD).json
    assert (running["state"], running["total"]) == ("running", 8)
    assert client.get(f"{API}/libraries/mine/file").status_code == 404
    assert "Being made: mine" in client.application.test_client().get("/libraries").text
    assert client.delete(BUILD).status_code == 204
    gate.set()
    assert ended(client)["state"] == "canceled"
    assert lying() == []


@pytest.mark.slow
def test_what_was_heard_before_a_stop_is_not_heard_again(client, held, make_app, folder):
    gate, reached = held
    begin(client, genre_level=1)
    assert reached.wait(60)
    state = client.application.extensions["earmark"]
    making = state.building.get()
    making.stopping = True
    gate.set()
    state.building.close()
    wait_until(lambda: making.ended is not None)
    assert lying() == [".mine.building"]
    heard = making.report.heard
    assert heard > 0
    again = make_app(music=folder).test_client()
    assert "mine" not in [one["name"] for one in again.get(f"{API}/libraries").json["libraries"]]
    begin(again, genre_level=1)
    assert ended(again)["state"] == "done"
    report = again.application.extensions["earmark"].building.get().report
    assert report.unchanged == heard
    assert lying() == ["mine.earmark"]


@pytest.mark.slow
def test_a_part_that_is_no_library_any_more_is_begun_anew(client):
    user_libraries_folder().mkdir(parents=True)
    (user_libraries_folder() / ".mine.building").write_bytes(b"half of something")
    begin(client, genre_level=1)
    assert ended(client)["state"] == "done"
    assert lying() == ["mine.earmark"]


def test_a_server_without_a_folder_of_music_makes_none(make_app):
    client = make_app(music=None).test_client()
    assert begin(client).status_code == 403
    assert "--music FOLDER" in client.application.test_client().get("/libraries").text
