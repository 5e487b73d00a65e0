"""Libraries that are removed and put back, and all corrections taken back at once."""

from __future__ import annotations

import shutil

import pytest

from earmark.library import Track, open_library, user_libraries_folder, user_library_path

API = "/api/v1"
TOKEN = "a-secret-token"


@pytest.fixture
def made(original):
    """A library that was made on the pages."""
    user_libraries_folder().mkdir(parents=True)
    return shutil.copy(original, user_libraries_folder() / "mine.earmark")


@pytest.fixture
def own(original):
    """The user's own library, with a correction."""
    user_library_path().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(original, user_library_path())
    with open_library(user_library_path()) as library:
        library.update(library.tracks()[0].id, genre="polka", taught=True)
    return user_library_path()


def found(client):
    body = client.get(f"{API}/libraries").json
    return [one["name"] for one in body["libraries"]], body["removed"]


def secret_form(browser, path):
    """Return what the form of a page sends along."""
    page = browser.get(path).text
    return page, {"csrf_token": page.split('name="csrf_token" value="')[1].split('"')[0]}


@pytest.mark.parametrize("which", ["made", "own"])
def test_a_library_is_removed_and_put_back_as_it_was(client, request, which):
    file = request.getfixturevalue(which)
    name = "mine" if which == "made" else "own"
    with open_library(file) as library:
        before = library.tracks(), library.history()
    gone = client.delete(f"{API}/libraries/{name}")
    assert gone.status_code == 200
    names, removed = found(client)
    assert name not in names
    assert [one["name"] for one in removed] == [gone.json["removed"][0]["name"]]
    assert list(file.parent.glob(f"{file.name}*")) == []
    kept = gone.json["removed"][0]["name"]
    assert client.post(f"{API}/libraries/{kept}/choose").status_code == 404
    back = client.post(f"{API}/libraries/removed/{kept}/put-back").json
    assert name in [one["name"] for one in back["libraries"]]
    assert back["removed"] == []
    with open_library(file) as library:
        assert (library.tracks(), library.history()) == before
    assert client.post(f"{API}/libraries/removed/{kept}/put-back").status_code == 404


def test_where_another_is_there_by_now_it_comes_back_under_another_name(client, made, original):
    kept = client.delete(f"{API}/libraries/mine").json["removed"][0]["name"]
    shutil.copy(original, made)
    client.post(f"{API}/libraries/removed/{kept}/put-back")
    names, removed = found(client)
    assert {"mine", kept} <= set(names)
    assert removed == []


def test_what_is_in_use_or_not_of_the_user_is_not_removed(client, made):
    client.post(f"{API}/libraries/mine/choose")
    refused = client.delete(f"{API}/libraries/mine")
    assert refused.status_code == 409
    assert refused.json["detail"] == "mine: is in use; choose another library first"
    for name in ("reference", "classic", "started"):
        assert client.delete(f"{API}/libraries/{name}").status_code == 403
    for name in ("none", "..", "../mine"):
        assert client.delete(f"{API}/libraries/{name}").status_code in (404, 405)
        assert client.delete(f"{API}/libraries/removed/{name}").status_code in (404, 405)
    assert made.exists()
    assert found(client)[1] == []


def test_a_library_that_cannot_be_kept_is_not_removed(client, made):
    (made.parent / "removed").write_text("no folder")
    refused = client.delete(f"{API}/libraries/mine")
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("removed: cannot be made")
    assert made.exists()


def test_songs_under_way_end_though_their_library_is_removed(client, app, made, tune_file):
    client.post(f"{API}/libraries/mine/choose")
    with tune_file.open("rb") as sound:
        job = client.post(f"{API}/jobs?picture=0", data={"file": (sound, "tune.wav")}).json["id"]
    client.post(f"{API}/libraries/started/choose")
    client.delete(f"{API}/libraries/mine")
    app.extensions["earmark"].jobs.get(job).answered.result(60)
    answer = client.get(f"{API}/jobs/{job}/result")
    assert answer.status_code == 200
    assert answer.json["in_use"] is False
    assert client.post(f"{API}/libraries/mine/choose").status_code == 404


def test_a_removed_library_is_deleted_for_good_after_a_question(client, made):
    kept = client.delete(f"{API}/libraries/mine").json["removed"][0]["name"]
    browser = client.application.test_client()
    page, form = secret_form(browser, "/libraries")
    assert "Put back" in page
    assert browser.post(f"/libraries/removed/{kept}/delete", data=form).status_code == 400
    assert found(client)[1] != []
    browser.post(f"/libraries/removed/{kept}/delete", data={**form, "sure": "yes"})
    assert found(client)[1] == []
    assert list((made.parent / "removed").iterdir()) == []


def test_the_page_says_what_is_lost_and_asks(client, own):
    browser = client.application.test_client()
    page, form = secret_form(browser, "/libraries/own/remove")
    assert "27 tracks · 4 genres · 1 labelled by hand" in page
    answer = browser.post("/libraries/own/remove", data=form)
    assert answer.headers["Location"].startswith("/libraries")
    assert not own.exists()
    assert "Removed: library. It can be put back below." in browser.get("/libraries").text


def test_all_corrections_are_taken_back_at_once_and_can_come_back(client, library_file):
    tracks = client.get(f"{API}/tracks?per_page=3").json["tracks"]
    with open_library(library_file) as library:
        before = library.tracks()
    nothing = client.post(f"{API}/corrections/undo-all").json
    assert (nothing["undone"], nothing["left"], nothing["kept"]) == (0, 0, None)
    for genre in ("polka", "waltz"):
        client.patch(f"{API}/tracks/{tracks[0]['id']}", json={"genre": genre})
    client.delete(f"{API}/tracks/{tracks[1]['id']}")
    browser = client.application.test_client()
    page, form = secret_form(browser, "/corrections/undo-all")
    assert "3 changes made by hand in the library small." in page
    assert "Tracks that come back: 1" in page
    assert "Undo all of them" in browser.get("/corrections").text
    with open_library(library_file) as library:
        changed = library.tracks()
    browser.post("/corrections/undo-all", data=form)
    assert "Undone: 3 corrections." in browser.get("/corrections").text
    with open_library(library_file) as library:
        assert library.tracks() == before
    _, (kept,) = found(client)
    assert kept["title"] == "small"
    client.post(f"{API}/libraries/removed/{kept['name']}/put-back")
    with open_library(user_libraries_folder() / "small.earmark") as library:
        assert library.tracks() == changed


def test_what_cannot_be_taken_back_is_counted(client, library_file):
    first, second = client.get(f"{API}/tracks?per_page=2").json["tracks"]
    client.delete(f"{API}/tracks/{first['id']}")
    client.patch(f"{API}/tracks/{second['id']}", json={"genre": "polka"})
    with open_library(library_file) as library:
        path = library.change(1).before.path
        library.add([Track(name="new", genre="hum", path=path)], library.snapshot().vectors[:1])
    told = client.post(f"{API}/corrections/undo-all").json
    assert (told["undone"], told["left"]) == (1, 1)
    assert client.get(f"{API}/tracks/{second['id']}").json["genre"] == second["genre"]


def test_strangers_learn_and_change_nothing(make_app, made):
    client = make_app(local=False, token=TOKEN).test_client()
    browser = client.application.test_client()
    for path in ("/libraries/mine/remove", "/corrections/undo-all"):
        assert "/sign-in?next=" in browser.get(path).headers["Location"]
    assert client.delete(f"{API}/libraries/mine").status_code == 401
    assert made.exists()
