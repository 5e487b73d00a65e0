"""The page on which playlists and paths are made: by its address, by mouse, keyboard and touch."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from earmark.library import open_library
from support.browser import opened
from support.web import wait_until

API = "/api/v1"
ANY = "per_artist=0"


def ids(client, **query) -> list[int]:
    found = client.get(f"{API}/tracks", query_string={"per_page": 500, **query}).json
    return [track["id"] for track in found["tracks"]]


def listed(html: str) -> list[int]:
    """Return the numbers of the tracks that a page lists."""
    return [int(one) for one in re.findall(r'name="song" value="(\d+)">\s*<span class="grip', html)]


# By its address


@pytest.mark.slow
def test_the_page_lists_what_the_api_does(client):
    first = ids(client)[0]
    for query in (
        f"song={first}&minutes=1",
        "genre=melody&minutes=1&per_artist=1",
        f"song={first}&not_genre=hiss&minutes=1&variety=0.7&seed=3",
    ):
        answer = client.get(f"/playlist?{query}")
        assert answer.status_code == 200
        found = client.get(f"{API}/lists/playlist?{query}").json["tracks"]
        assert listed(answer.text) == [song["track_id"] for song in found] != []
    start, end = first, ids(client)[-1]
    answer = client.get(f"/playlist?kind=path&song={start}&song={end}&n=4&{ANY}")
    found = client.get(f"{API}/lists/path?start={start}&end={end}&n=4&{ANY}").json["tracks"]
    assert listed(answer.text) == [song["track_id"] for song in found]


def test_a_list_that_was_changed_stays_as_it_is(app, client):
    wanted = list(reversed(ids(client)[:5]))
    address = f"/playlist?genre=melody&list={','.join(map(str, wanted))}"
    assert listed(client.get(address).text) == wanted
    # What was removed from the library meanwhile is left out.
    assert app.test_client().delete(f"{API}/tracks/{wanted[2]}").status_code == 204
    assert listed(client.get(address).text) == wanted[:2] + wanted[3:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("song=999999", 404, "no track 999999"),
        ("song=x", 422, "no number of a track"),
        ("song=%00", 422, "no number of a track"),
        ("list=1,x", 422, "no number of a track"),
        (f"list={'9' * 40}", 422, "no number of a track"),
        ("job=none", 404, "no such job"),
        ("genre=polka", 422, "no genre"),
        ("word=jazz", 422, "has no words"),
        ("genre=melody&minutes=nan", 422, "minutes: give a number from 1 to 1440"),
        ("genre=melody&minutes=0", 422, "minutes: give a number"),
        ("genre=melody&per_artist=-1", 422, "per artist: give a number"),
        ("kind=path", 422, "choose these two"),
        ("kind=path&song=1", 422, "choose these two"),
        ("kind=path&song=1&song=999999", 404, "no track 999999"),
    ],
)
def test_what_makes_no_list_is_said_on_the_page(client, query: str, status: int, said: str):
    answer = client.get(f"/playlist?{query}")
    assert answer.status_code == status
    assert said in answer.text
    assert "Make the list" in answer.text
    assert listed(answer.text) == []


def test_what_is_said_of_names_is_no_markup(client):
    hostile = "<script>alert(1)</script>\"'"
    track = ids(client)[0]
    assert client.patch(f"{API}/tracks/{track}", json={"title": hostile}).status_code == 200
    for query in (f"song={track}", f"list={track}", f"genre={hostile}", f"song={hostile}"):
        assert "<script>alert" not in client.get("/playlist", query_string=query).text


@pytest.mark.slow
def test_a_song_that_was_sent_starts_a_list(client, app, tune_file, music):
    def heard(file: Path) -> str:
        with file.open("rb") as sound:
            sent = {"file": (sound, file.name)}
            job = app.test_client().post(f"{API}/jobs?picture=false", data=sent).json
        state = f"{API}/jobs/{job['id']}"
        wait_until(lambda: client.get(state).json["state"] == "done")
        return str(job["id"])

    job = heard(tune_file)
    found = client.get(f"{API}/lists/similar?job={job}&n=5&{ANY}").json["tracks"]
    assert len(found) == 5
    assert found[0]["genre"] == "melody"
    assert listed(client.get(f"/playlist?job={job}&minutes=1").text)
    # One whose recording is a track stands for it.
    own = ids(client, search="melody-4")[0]
    copy = heard(music / "melody" / "melody-4.wav")
    by_job = client.get(f"{API}/lists/similar?job={copy}&n=5&{ANY}").json
    assert by_job == client.get(f"{API}/lists/similar?song={own}&n=5&{ANY}").json
    assert client.get(f"{API}/lists/similar?job=none").status_code == 404


def test_songs_without_sound_are_said(make_app, library_file, tmp_path):
    with open_library(library_file) as library:
        first, second, third = library.tracks(limit=3)
        for track in (first, second):
            library.update(track.id, path=str(tmp_path / f"gone-{track.id}.wav"))
    client = make_app().test_client()
    some = client.get(f"/playlist?list={first.id},{second.id},{third.id}").text
    assert "2 of these songs cannot be heard here" in some
    none = client.get(f"/playlist?list={first.id},{second.id}").text
    assert "None of these songs can be heard or saved here" in none
    assert re.search(r'id="play-all" disabled', none)


@pytest.mark.slow
def test_words_are_offered_where_the_library_has_some(make_app, client):
    assert 'name="word"' not in client.get("/playlist").text
    offered = make_app(library="reference").test_client().get("/playlist").text
    assert "<option>female vocalists</option>" in offered
    assert "<option>progressive rock</option>" not in offered


def test_a_closed_server_makes_no_list_for_strangers(make_app):
    client = make_app(token="a-secret-token", read="closed", local=False).test_client()
    answer = client.get("/playlist?genre=melody", base_url="http://music.example")
    assert answer.status_code == 302
    assert "/sign-in" in answer.location
    assert client.get("/label", base_url="http://music.example").status_code == 302


# In a browser


def rows(page: Page) -> list[str]:
    return page.locator("#songs b").all_inner_texts()


def address(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query)["list"][0].split(",")


def numbers(page: Page) -> list[str]:
    return [one.get_attribute("value") for one in page.locator("#songs input[name=song]").all()]


@pytest.mark.browser
def test_a_list_is_made_changed_and_saved_by_mouse(page, tmp_path):
    page.goto("/playlist")
    page.get_by_label("Find a song").fill("melody number")
    page.get_by_role("button", name="Melody number 3").click()
    expect(page.locator("#seeds")).to_contain_text("Melody number 3")
    expect(page.locator("#found-count")).to_have_text("Melody number 3 was added.")
    page.get_by_label("Minutes").fill("1")
    page.get_by_role("button", name="Make the list").click()
    expect(page.locator("#songs li").nth(3)).to_be_visible()
    assert "not_genre" not in page.url
    before = rows(page)
    assert "Melody number 3" not in before
    page.get_by_role("button", name=f"Move {before[1]} up").click()
    assert rows(page) == [before[1], before[0], *before[2:]]
    expect(page.locator("#list-note")).to_have_text(f"{before[1]} is number 1 now.")
    page.get_by_role("button", name=f"Take {before[2]} out").click()
    assert rows(page) == [before[1], before[0], *before[3:]]
    page.get_by_role("button", name="Put back").click()
    assert rows(page) == [before[1], before[0], *before[2:]]
    # By its grip the first goes to the third place.
    grip = page.locator("#songs [data-grip]").first
    grip.scroll_into_view_if_needed()
    third = page.locator("#songs li").nth(2).bounding_box()
    box = grip.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, third["y"] + third["height"] - 4, steps=12)
    page.mouse.up()
    expect(page.locator("#list-note")).to_have_text(f"{before[1]} is number 3 now.")
    after = [before[0], before[2], before[1], *before[3:]]
    assert rows(page) == after
    # Loading again and going away lose nothing.
    assert address(page) == numbers(page)
    page.reload()
    assert rows(page) == after
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.locator("h1")).to_have_text("Library")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Playlist")
    assert rows(page) == after
    wanted = numbers(page)
    page.locator("#save").get_by_label("Name").fill("Evening")
    page.locator("#save").get_by_label("Kind").select_option("m3u8")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save", exact=True).click()
    saved.value.save_as(tmp_path / "list.m3u8")
    lines = (tmp_path / "list.m3u8").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:Evening"]
    assert [line.rsplit("/", 1)[1] for line in lines if line.startswith("http")] == wanted


@pytest.mark.browser
def test_a_path_is_made_and_changed_by_keyboard(page):
    page.goto("/playlist")
    page.get_by_label("A playlist").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Songs in all")).to_be_visible()
    expect(page.get_by_label("Minutes")).to_be_hidden()
    for words, name in (("hiss number 0", "Hiss number 0"), ("melody number 8", "Melody number 8")):
        page.get_by_label("Find a song").focus()
        page.keyboard.type(words)
        expect(page.locator("#found-count")).to_have_text("1 song found.")
        page.keyboard.press("Enter")
        expect(page.locator("#seeds")).to_contain_text(name)
    page.get_by_label("Songs in all").fill("5")
    page.get_by_label("Songs in all").press("Enter")
    expect(page.locator("#songs li").nth(2)).to_be_visible()
    before = rows(page)
    assert (before[0], before[-1]) == ("Hiss number 0", "Melody number 8")
    assert page.locator("#save").get_by_label("Name").input_value() == (
        "From Hiss number 0 to Melody number 8"
    )
    down = page.get_by_role("button", name=f"Move {before[0]} down")
    down.focus()
    page.keyboard.press("Enter")
    assert rows(page)[:2] == [before[1], before[0]]
    # The focus stays with the song, so that it can go on.
    expect(down).to_be_focused()
    for _ in before[2:]:
        page.keyboard.press("Enter")
    assert rows(page) == [*before[1:], before[0]]
    expect(page.get_by_role("button", name=f"Move {before[0]} up")).to_be_focused()
    page.get_by_role("button", name=f"Take {before[0]} out").focus()
    page.keyboard.press("Enter")
    assert rows(page) == before[1:]
    expect(page.get_by_role("button", name=f"Take {before[-1]} out")).to_be_focused()


@pytest.mark.browser
def test_a_list_is_heard_from_any_of_its_songs(page, server):
    page.goto("/playlist?genre=melody&minutes=1")
    names = rows(page)
    assert len(names) > 2
    page.get_by_role("button", name=f"Play {names[1]}").click()
    expect(page.locator("#bar-where")).to_have_text(re.compile(r"^Melody, \d of "))
    expect(page.locator("#bar-songs li")).to_have_count(0)
    page.get_by_role("button", name="Songs", exact=True).click()
    assert page.locator("#bar-songs b").all_inner_texts() == names
    # The list of the player leads back to this page, as it is played.
    page.get_by_role("button", name=f"Take out {names[0]}").click()
    page.get_by_role("link", name="Change or save this list").click()
    expect(page.locator("#songs li")).to_have_count(len(names) - 1)
    assert rows(page) == names[1:]


@pytest.mark.browser
def test_a_list_is_changed_on_a_phone_by_touch(browser, server):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, server.url, **phone) as page:
        page.goto("/playlist?genre=melody&minutes=1")
        names = rows(page)
        page.get_by_role("button", name=f"Move {names[0]} down").tap()
        assert rows(page)[:2] == [names[1], names[0]]
        page.get_by_role("button", name=f"Take {names[2]} out").tap()
        assert names[2] not in rows(page)
        page.locator("#play-all").tap()
        expect(page.locator("#bar-title")).to_have_text(names[1])
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_cutting_a_list_leaves_what_fits_and_can_be_taken_back(page):
    page.goto("/playlist?genre=melody&minutes=1")
    names = rows(page)
    # However long the songs are: the page is told that each has 25 seconds.
    page.evaluate(
        """() => {
            for (const row of document.querySelectorAll("#songs [data-song]")) {
                const known = JSON.parse(row.dataset.song);
                row.dataset.song = JSON.stringify({ ...known, duration: 25 });
            }
        }"""
    )
    page.get_by_label("Cut to").fill("1")
    page.get_by_role("button", name="Cut", exact=True).click()
    assert rows(page) == names[:2]
    expect(page.locator("#made-title")).to_have_text("2 songs, 0:50")
    page.get_by_role("button", name="Put back").click()
    assert rows(page) == names
