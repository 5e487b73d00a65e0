"""The server's folder of music: looked through, classified as a whole, planned for by its owner."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from mutagen.flac import FLAC
from playwright.sync_api import Browser, Page, Route, expect

from earmark.audio.tags import read_tags
from earmark.tagging.plan import read_plan
from support import sounds
from support.browser import opened, violations
from support.forked import earmark
from support.web import RATE, Server, song, wait_until

API = "/api/v1"
ROWS = ".many-songs > tbody > tr:not(.many-detail)"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Songs in two folders, one of which has a genre, and what is no song."""
    folder = tmp_path / "own"
    (folder / "live & loud" / "inner").mkdir(parents=True)
    for name, kind in (("a", "hum"), ("live & loud/b", "melody"), ("live & loud/inner/c", "hiss")):
        sounds.write(folder / f"{name}.flac", song(kind, 31, 4.0), RATE, "flac")
    tagged = FLAC(folder / "a.flac")
    tagged["genre"] = "Drone"
    tagged.save()
    (folder / "cover.jpg").write_bytes(b"no song")
    (folder / ".hidden").mkdir()
    sounds.write(folder / ".hidden" / "d.wav", song("hum", 62, 1.0), RATE)
    outside = sounds.write(tmp_path / "outside.wav", song("hum", 63, 1.0), RATE)
    (folder / "link.wav").symlink_to(outside)
    (folder / "way-out").symlink_to(tmp_path)
    return folder


def test_a_folder_shows_what_lies_in_it_and_nothing_from_outside(make_app, folder: Path) -> None:
    client = make_app(music=folder).test_client()
    found = client.get(f"{API}/music").json
    assert found["folders"] == ["live & loud"]
    assert found["songs"] == ["a.flac"]
    below = ["a.flac", "live & loud/b.flac", "live & loud/inner/c.flac"]
    assert (found["below"], found["more"]) == (below, False)
    inner = client.get(f"{API}/music", query_string={"folder": "live & loud"}).json
    assert inner["folders"] == ["live & loud/inner"]
    assert inner["songs"] == ["live & loud/b.flac"]
    assert inner["below"] == below[1:]
    for path, status in (("..", 403), ("way-out", 403), ("none", 404), ("a.flac", 404)):
        assert client.get(f"{API}/music", query_string={"folder": path}).status_code == status
    heard = client.get("/media/music", query_string={"path": below[1]})
    assert (heard.status_code, heard.mimetype) == (200, "audio/flac")
    assert heard.data == (folder / below[1]).read_bytes()
    for path, status in (("../outside.wav", 403), ("link.wav", 403), ("cover.jpg", 404)):
        assert client.get("/media/music", query_string={"path": path}).status_code == status
    page = client.get("/music", query_string={"folder": "live & loud"}).text
    assert "Classify all 2 songs" in page
    assert ">Music</a>" in page


def test_a_folder_of_very_many_songs_says_that_there_are_more(
    make_app, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.web.songs.music_folder.MOST_SONGS", 2)
    client = make_app(music=folder).test_client()
    found = client.get(f"{API}/music").json
    assert (len(found["below"]), found["more"]) == (2, True)
    assert "Classify the first 2 songs" in client.get("/music").text


def test_only_who_may_change_the_library_sees_the_folder(make_app, folder: Path) -> None:
    app = make_app(music=folder, local=False, token="a-secret-token")
    client = app.test_client()
    for path in (f"{API}/music", "/media/music?path=a.flac"):
        assert client.get(path).status_code == 401
    assert client.post(f"{API}/tags/plan", json={"jobs": ["x"]}).status_code == 401
    answer = client.get("/music?folder=inner")
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in?next=/music")
    assert ">Music</a>" not in client.get("/").text
    known = {"Authorization": "Bearer a-secret-token"}
    assert client.get(f"{API}/music", headers=known).status_code == 200
    assert make_app(music=None).test_client().get(f"{API}/music").status_code == 403


def test_a_plan_is_for_answered_songs_of_the_folder(
    make_app, folder: Path, tune_file: Path
) -> None:
    app = make_app(music=folder)
    client = app.test_client()
    with tune_file.open("rb") as stream:
        sent = client.post(f"{API}/jobs?picture=false", data={"file": (stream, "tune.wav")}).json
    lies = client.post(f"{API}/jobs/path?picture=false", json={"path": "a.flac"}).json
    jobs = app.extensions["earmark"].jobs
    wait_until(lambda: all(jobs.get(one["id"]).finished for one in (sent, lies)))
    refused = client.post(f"{API}/tags/plan", json={"jobs": [lies["id"], sent["id"]]})
    assert refused.status_code == 400
    assert "tune.wav: was sent" in refused.json["detail"]
    assert client.post(f"{API}/tags/plan", json={"jobs": ["none"]}).status_code == 404
    plan = {"jobs": [lies["id"], lies["id"]]}
    found = client.post(f"{API}/tags/plan", json=plan).json
    assert [one["reason"] for one in found["left"]] == ["has-genre"]
    (one,) = client.post(f"{API}/tags/plan", json={**plan, "mode": "replace"}).json["proposals"]
    assert (one["tags_seen"]["genres"], one["genres"]) == (["Drone"], ["hum"])
    assert read_tags(str(folder / "a.flac")).genre == "Drone"


@pytest.mark.browser
def test_a_folder_is_classified_goes_on_after_a_restart_and_is_planned_for(
    browser: Browser, tmp_path: Path, original: Path, folder: Path, axe: str
) -> None:
    options = ["--library", str(original), "--music", str(folder)]
    first = Server(tmp_path, *options)
    # Polls that nobody answers, and a job that nobody knows any more.
    with opened(browser, first.url, expect="Failed to load resource", **PHONE) as page:
        jobs: list[str] = []
        page.on("request", lambda asked: jobs.append(asked.url.rpartition("/")[2]))
        page.goto("/music")
        page.get_by_role("link", name="live & loud").click()
        expect(page.get_by_role("button", name="Classify all 2 songs")).to_be_visible()
        page.get_by_role("link", name="All music").click()
        with first, first.paused():
            page.get_by_role("button", name="Classify all 3 songs").click()
            expect(page.locator(ROWS)).to_have_count(3)
            wait_until(lambda: page.title() != "" and first.state()["working"] == 2)
            page.reload()
            expect(page.locator(ROWS)).to_have_count(3)
            page.get_by_role("button", name="Cancel").click()
            expect(page.locator(f"{ROWS} > th + td")).to_have_text(["canceled"] * 3)
            # What came to nothing is tried again.
            page.get_by_role("button", name="Classify all 3 songs").click()
            expect(page.locator(f"{ROWS} > .bad")).to_have_count(0)
            first.stop(signal.SIGKILL)
        expect(page.locator(ROWS).first).to_contain_text("waiting for the server")
        port = str(urlsplit(first.url).port)
        with Server(tmp_path, *options, "--port", port):
            expect(page.locator(".many-state")).to_have_text("All done.")
            expect(page.locator(f"{ROWS} > th + td")).to_have_text(["hum", "melody", "hiss"])
            # What the server forgets is heard again when it is asked for.
            for job in {job for job in jobs if re.fullmatch(r"[\w-]{24}", job)}:
                requests.delete(f"{first.url}{API}/jobs/{job}", timeout=60)
            page.get_by_role("button", name="Why, for b.flac").click()
            expect(page.locator(".wave-stage")).to_be_visible()
            page.get_by_role("button", name="Play the song").click()
            expect(page.get_by_role("button", name="Pause the song")).to_be_visible()
            heard = page.evaluate("document.querySelector('.many-detail audio').src")
            assert heard.endswith("/media/music?path=live+%26+loud%2Fb.flac")
            plan_and_apply(page, folder, tmp_path, axe)


def plan_and_apply(page: Page, folder: Path, tmp_path: Path, axe: str) -> None:
    """Plan the tags of all songs, and let the command write them."""
    held: list[Route] = []
    page.route("**/tags/plan", lambda route: held.append(route))
    page.get_by_role("button", name="Plan of tags").click()
    plan = page.locator(".tag-plan")
    wait_until(lambda: page.title() != "" and len(held) == 1)
    tall = "section => section.offsetHeight"
    room = plan.evaluate(tall)
    held[0].continue_()
    page.unroute("**/tags/plan")
    expect(plan).to_contain_text("2 of 3 files would get a genre.")
    # What is below it stays where it was.
    assert plan.evaluate(tall) == room
    plan.get_by_text("1 file stays as it is").click()
    expect(plan.get_by_role("row", name="a.flac Drone has a genre")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [one["id"] for one in violations(page, axe, ".music")] == []
    plan.get_by_label("Propose genres").select_option("replace")
    expect(plan).to_contain_text("3 of 3 files would get a genre.")
    with page.expect_download() as download:
        plan.get_by_role("button", name="Save the plan").click()
    assert download.value.suggested_filename == "earmark-plan.jsonl"
    written = tmp_path / "plan.jsonl"
    download.value.save_as(written)
    assert {one.path for one in read_plan(written)} == {str(p) for p in folder.rglob("[abc].flac")}
    earmark("tag", "--apply", written).check_returncode()
    assert read_tags(str(folder / "a.flac")).genre == "hum"
    assert read_tags(str(folder / "live & loud" / "b.flac")).genre == "melody"
