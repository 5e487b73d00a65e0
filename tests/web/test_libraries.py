"""Which libraries a server can go on with, and what becomes of songs meanwhile."""

from __future__ import annotations

import io
import shutil

import pytest
from playwright.sync_api import expect

from earmark.errors import LibraryError
from earmark.features import get_extractor
from earmark.library import create_library, open_library, user_libraries_folder, user_library_path
from earmark.web.served.libraries import is_name
from support.browser import opened, violations
from support.web import Server, wait_until

API = "/api/v1"
TOKEN = "a-secret-token"


@pytest.fixture
def made(original):
    """A library that was made on the pages, of the same music, without hum."""
    folder = user_libraries_folder()
    folder.mkdir(parents=True)
    file = shutil.copy(original, folder / "no hum.earmark")
    with open_library(file) as library:
        library.remove([track.id for track in library.tracks(genre="hum")], remember=False)
    return file


def listed(client):
    """Return the libraries that there are, by their names."""
    return {one["name"]: one for one in client.get(f"{API}/libraries").json["libraries"]}


def pages(client):
    """Return a client with a session of its own, as a browser has."""
    return client.application.test_client()


def submit(client, file):
    data = {"file": (io.BytesIO(file.read_bytes()), file.name)}
    return client.post(f"{API}/jobs?picture=0", data=data).json["id"]


def answered(client, job):
    wait_until(lambda: client.get(f"{API}/jobs/{job}").json["state"] == "done")
    return client.get(f"{API}/jobs/{job}/result").json


def test_the_list_has_the_library_in_use_those_of_the_user_and_those_of_the_package(client, made):
    found = listed(client)
    assert list(found) == ["started", "no hum", "reference", "gtzan", "classic"]
    first = found["started"]
    assert (first["title"], first["kind"]) == ("small", "started")
    assert (first["in_use"], first["started"], first["tracks"]) == (True, True, 27)
    assert "hum" in first["genres"]
    assert "hum" not in found["no hum"]["genres"]
    assert found["no hum"]["size"] == made.stat().st_size
    assert found["reference"]["extractor"] == "musicnn"
    assert not any(one["in_use"] for name, one in found.items() if name != "started")
    open_library("reference").copy(str(user_library_path()))
    assert listed(client)["own"]["kind"] == "own"


def test_a_library_that_cannot_be_opened_is_listed_with_the_reason(client, made):
    (made.parent / "bad.earmark").write_bytes(b"no library at all")
    (made.parent / "reference.earmark").write_bytes(b"a name that is taken")
    found = listed(client)
    problem = found["bad"]["problem"]
    assert problem.startswith("bad.earmark: is not an Earmark library")
    assert str(made.parent) not in problem
    assert found["bad"]["tracks"] is None
    assert found["reference"]["problem"] is None
    assert "is not an Earmark library" in pages(client).get("/libraries").text
    refused = client.post(f"{API}/libraries/bad/choose")
    assert refused.status_code == 409
    assert listed(client)["started"]["in_use"]


@pytest.mark.slow
def test_another_library_is_used_once_it_is_chosen(client, made):
    assert client.post(f"{API}/libraries/no hum/choose").json["name"] == "no hum"
    assert "hum" not in client.get(f"{API}/library").json["genres"]
    assert listed(client)["no hum"]["in_use"]
    assert client.get(f"{API}/tracks?genre=hum").json["tracks"] == []
    # And back, by the page.
    browser = pages(client)
    assert browser.post("/libraries/started/choose").headers["Location"] == "/libraries"
    assert "In use now: small." in browser.get("/libraries").text
    assert "hum" in client.get(f"{API}/library").json["genres"]


@pytest.mark.parametrize("name", ["../small", "..%2Fsmall", "small", "none", ".", "own"])
def test_no_other_file_can_be_chosen(client, made, name):
    assert client.post(f"{API}/libraries/{name}/choose").status_code in (404, 405)


@pytest.mark.slow
def test_a_library_of_another_extractor_can_be_chosen(client, tune_file, tmp_path):
    before = submit(client, tune_file)
    answered(client, before)
    assert client.post(f"{API}/libraries/classic/choose").json["extractor"] == "mfcc"
    assert client.post(f"{API}/libraries/reference/choose").json["extractor"] == "musicnn"
    data = {"file": (io.BytesIO(tune_file.read_bytes()), "tune.wav")}
    (result,) = client.post(f"{API}/classify", data=data).json["results"]
    assert "jazz" in result["prediction"]["probabilities"]


@pytest.mark.slow
def test_songs_end_with_the_library_that_they_began_with(app, client, made, tune_file):
    state = app.extensions["earmark"]
    # A song that is heard only after another library was chosen.
    held = state.songs._pool.call
    calls = []

    def late(function, *arguments, **options):
        call = held(function, *arguments, **options)
        calls.append(call)
        wait = call.add_done_callback
        call.add_done_callback = lambda act: waiting.append((wait, act))
        return call

    waiting = []
    state.songs._pool.call = late
    job = submit(client, tune_file)
    state.songs._pool.call = held
    client.post(f"{API}/libraries/reference/choose")
    for wait, act in waiting:
        wait(act)
    result = answered(client, job)
    assert set(result["prediction"]["probabilities"]) == {"hiss", "hum", "melody"}
    assert result["in_use"] is False
    # The numbers of its tracks mean others now.
    assert not any(near["audio"] for near in result["prediction"]["neighbors"])
    page = pages(client).get(f"/answers/{job}").text
    assert "Another library was chosen since." in page
    assert "More like this" not in page
    for refused in (
        client.post(f"{API}/corrections", json={"job": job, "genre": "hum"}),
        client.get(f"{API}/lists/similar?job={job}"),
    ):
        assert refused.status_code == 409
        assert "another one is in use now" in refused.json["detail"]
    client.post(f"{API}/libraries/started/choose")
    result = answered(client, job)
    assert result["in_use"] is True
    assert any(near["audio"] for near in result["prediction"]["neighbors"])
    taught = client.post(f"{API}/corrections", json={"job": job, "genre": "hum"})
    assert taught.status_code == 201


def test_two_at_once_are_refused(app, client, made):
    state = app.extensions["earmark"]
    with state.changing_libraries():
        refused = client.post(f"{API}/libraries/no hum/choose")
    assert refused.status_code == 503
    assert refused.json["detail"].startswith("another library is being chosen")
    assert "Retry-After" in refused.headers
    assert client.post(f"{API}/libraries/no hum/choose").status_code == 200


def test_a_library_that_was_replaced_meanwhile_is_opened_anew(client, made, original):
    client.post(f"{API}/libraries/no hum/choose")
    client.post(f"{API}/libraries/started/choose")
    made.unlink()
    shutil.copy(original, made)
    client.post(f"{API}/libraries/no hum/choose")
    assert "hum" in client.get(f"{API}/library").json["genres"]


def test_what_is_listed_follows_the_file(client, made):
    assert listed(client)["no hum"]["tracks"] == 18
    with open_library(made) as library:
        library.remove([track.id for track in library.tracks(genre="hiss")])
    assert listed(client)["no hum"]["tracks"] == 9


@pytest.mark.slow
def test_only_those_who_may_change_the_library_see_and_choose(make_app, made):
    client = make_app(local=False, token=TOKEN).test_client()
    assert client.get(f"{API}/libraries").status_code == 401
    browser = pages(client)
    assert browser.get("/libraries").headers["Location"].startswith("/sign-in?next=/libraries")
    assert "Libraries" not in browser.get("/library").text
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get(f"{API}/libraries", headers=known).status_code == 200
    assert client.post(f"{API}/libraries/no hum/choose", headers=known).status_code == 200


def test_a_library_without_tracks_is_not_taken_up(client, made):
    create_library(made.parent / "empty.earmark", get_extractor("mfcc").spec).close()
    assert client.post(f"{API}/libraries/empty/choose").status_code == 409
    assert listed(client)["started"]["in_use"]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("my music", True),
        ("música 2026", True),
        ("a" * 50, True),
        ("a" * 51, False),
        ("", False),
        ("..", False),
        (".hidden", False),
        ("a/b", False),
        ("a\\b", False),
        ("C:", False),
        ("two\nlines", False),
        ("end ", False),
        ("end.", False),
        ("-x", False),
    ],
)
def test_what_a_library_may_be_called(name, fits):
    assert is_name(name) is fits


# Downloads


def saved(answer, tmp_path):
    """Return what a download says of its name, and the library in it."""
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.data))
    file = tmp_path / f"saved-{len(list(tmp_path.glob('saved-*')))}.earmark"
    file.write_bytes(answer.data)
    return answer.headers["Content-Disposition"], open_library(file)


@pytest.mark.slow
def test_a_library_is_downloaded_to_be_given_away_or_as_a_backup(app, client, made, tmp_path):
    state = app.extensions["earmark"]
    track = client.get(f"{API}/tracks?search=hum-1").json["tracks"][0]
    client.patch(f"{API}/tracks/{track['id']}", json={"genre": "polka"})
    said, given = saved(client.get(f"{API}/libraries/started/file"), tmp_path)
    with given:
        assert "filename=small.earmark" in said
        given.check()
        assert given.get(track["id"]).genre == "polka"
        assert given.history() == []
        assert {one.path for one in given.tracks()} == {None}
    said, whole = saved(client.get(f"{API}/libraries/started/file?whole=1"), tmp_path)
    with whole:
        assert len(whole.history()) == 1
        assert whole.tracks() == state.library.tracks()
    said, other = saved(client.get(f"{API}/libraries/no hum/file"), tmp_path)
    with other:
        assert 'filename="no hum.earmark"' in said
        assert other.count() == 18
    assert client.head(f"{API}/libraries/classic/file").status_code == 200
    assert state.uploads.left() == []


def test_a_download_that_cannot_be_made_leaves_nothing(app, client, made, monkeypatch):
    state = app.extensions["earmark"]
    (made.parent / "bad.earmark").write_bytes(b"no library at all")
    refused = client.get(f"{API}/libraries/bad/file")
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("bad.earmark: is not")
    assert client.get(f"{API}/libraries/none/file").status_code == 404
    copy = type(state.library).copy

    def fails(library, location, **options):
        copy(library, location, **options)
        raise LibraryError("the disk is full")

    monkeypatch.setattr(type(state.library), "copy", fails)
    assert client.get(f"{API}/libraries/started/file").status_code == 409
    assert state.uploads.left() == []


def test_a_download_is_for_those_who_may_change_the_library(make_app):
    client = make_app(local=False, token=TOKEN).test_client()
    assert client.get(f"{API}/libraries/reference/file").status_code == 401
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get(f"{API}/libraries/reference/file", headers=known).status_code == 200


# In a browser


@pytest.mark.browser
def test_a_library_is_made_used_and_left_in_a_browser(browser, original, music, axe, tmp_path):
    folder = tmp_path / "all"
    for genre in ("hum", "melody"):
        (folder / genre).mkdir(parents=True)
        for file in sorted((music / genre).iterdir())[:2]:
            shutil.copy(file, folder / genre)
    (folder / "hum" / "words.mp3").write_text("words")
    options = ["--library", str(original), "--music", str(folder)]
    phone = {"viewport": {"width": 390, "height": 844}}
    with (
        Server(tmp_path, *options, workers=1) as server,
        opened(browser, server.url, **phone) as page,
    ):
        page.goto("/music")
        page.get_by_role("link", name="Make a library of them").click()
        page.get_by_label("Name of the library").fill("My music, as it is on this computer at home")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("heading", name="My music, as it is").first).to_be_visible()
        # It goes on while other pages are looked at.
        page.goto("/")
        page.goto("/libraries")
        expect(page.get_by_role("heading", name="Made: My music")).to_be_visible()
        expect(page.locator(".making-files")).to_contain_text("hum/words.mp3")
        assert violations(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Use My music").click()
        expect(page.locator(".in-use h2")).to_contain_text("My music, as it is")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download My music").click()
        assert download.value.suggested_filename.startswith("My music")
        with open_library(download.value.path()) as library:
            assert library.genres() == {"hum": 2, "melody": 2}
