"""Pages on which labels are put right: what they ask, take and take back, and by keyboard alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from earmark.library import Library, open_library
from support.browser import opened, violations
from support.web import Server, wait_until

pytestmark = pytest.mark.slow


def form(page: str, **wanted: str) -> dict[str, str]:
    """Return the fields that a form of a page would send."""
    secret = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert secret is not None
    return {"csrf_token": secret[1], **wanted}


def track(library: Library, name: str) -> Any:
    (found,) = [one for one in library.tracks(search=name) if one.name == name]
    return found


@pytest.fixture
def suspect(client: Any, state: Any) -> Any:
    """A track under a wrong label that the report has found."""
    wrong = track(state.library, "hum-4")
    state.library.update(wrong.id, genre="hiss")
    client.get("/audit")
    wait_until(lambda: state.served.report.get()["state"] == "done", 120)
    return state.library.get(wrong.id)


def test_a_suspect_is_shown_with_its_neighbors(client: Any, suspect: Any) -> None:
    page = client.get("/audit").text
    assert f'id="track-{suspect.id}"' in page
    assert "Take hum" in page
    assert page.count("data-play=") >= 2
    assert "Check labels that look wrong" in client.get("/library").text


@pytest.mark.parametrize(("genre", "label"), [("hum", "Take hum"), ("hiss", "The label is right")])
def test_what_people_say_is_done_remembered_and_undone(
    client: Any, state: Any, suspect: Any, genre: str, label: str
) -> None:
    page = client.get("/audit").text
    assert label in page
    where = f"/library/tracks/{suspect.id}/genre"
    sent = form(page, genre=genre, back="/audit?done=1")
    answer = client.post(where, data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/audit?done=1")
    held = state.library.get(suspect.id)
    assert (held.genre, held.taught) == (genre, True)
    page = client.get("/audit").text
    assert f'id="track-{suspect.id}"' not in page
    # Nor does the next report have it.
    wait_until(lambda: state.served.report.get()["state"] == "done", 120)
    suspects = state.served.report.get()["report"]["suspects"]
    assert suspect.id not in {one["track_id"] for one in suspects}
    last = re.search(r'action="(/corrections/\d+/undo)"', page)
    assert last is not None
    back = client.post(last[1], data=form(page, back="/audit?done=1"))
    assert back.headers["Location"] == "/audit?done=1"
    assert state.library.get(suspect.id) == suspect


def test_nobody_is_sent_to_another_site(client: Any, suspect: Any) -> None:
    page = client.get("/audit").text
    sent = form(page, genre="hum", back="https://example.org/")
    answer = client.post(f"/library/tracks/{suspect.id}/genre", data=sent)
    assert answer.headers["Location"] == "/library"


@pytest.fixture
def unlabelled(state: Any) -> list[int]:
    """Tracks that have lost their genre."""
    names = ("hum-4", "hiss-3", "melody-2")
    tracks = [track(state.library, name) for name in names]
    for one in tracks:
        state.library.update(one.id, genre=None)
    return [one.id for one in tracks]


def asked(page: str) -> int | None:
    found = re.search(r'name="track" value="(\d+)"', page)
    return None if found is None else int(found[1])


def test_songs_without_a_genre_are_asked_about(
    client: Any, state: Any, unlabelled: list[int]
) -> None:
    assert "Label the 3 songs" in client.get("/library").text
    page = client.get("/label").text
    first = asked(page)
    assert first in unlabelled
    answer = client.post("/label", data=form(page, track=str(first), genre="hum"))
    assert answer.headers["Location"] == "/label?done=1"
    assert (state.library.get(first).genre, state.library.get(first).taught) == ("hum", True)
    page = client.get("/label").text
    second = asked(page)
    assert second in set(unlabelled) - {first}
    client.post("/label", data=form(page, track=str(second), action="skip"))
    assert state.library.get(second).genre is None
    page = client.get("/label").text
    third = asked(page)
    assert {first, second, third} == set(unlabelled)
    client.post("/label", data=form(page, track=str(third), action="not-music"))
    assert (state.library.get(third).genre, state.library.get(third).taught) == (None, True)
    page = client.get("/label").text
    assert asked(page) is None
    # Back to the song that is no music after all.
    last = re.search(r'action="(/corrections/\d+/undo)"', page)
    assert last is not None
    client.post(last[1], data=form(page, back="/label?done=1"))
    assert asked(client.get("/label").text) is not None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"track": "x", "genre": "hum"}, 400),
        ({"track": "99999", "genre": "hum"}, 404),
        ({"genre": "\n"}, 400),
        ({"genre": "x" * 101}, 400),
        ({"action": "format"}, 400),
    ],
)
def test_an_answer_that_makes_no_sense_changes_nothing(
    client: Any, state: Any, unlabelled: list[int], fields: dict[str, str], status: int
) -> None:
    page = client.get("/label").text
    sent = {"track": str(unlabelled[0])} if fields and "track" not in fields else {}
    before = state.library.tracks()
    assert client.post("/label", data=form(page, **sent, **fields)).status_code == status
    assert client.post("/label", data={"track": "1", "genre": "x"}).status_code in (400, 403, 409)
    assert state.library.tracks() == before


def test_a_song_that_somebody_else_labelled_is_not_labelled_over(
    client: Any, state: Any, unlabelled: list[int]
) -> None:
    page = client.get("/label").text
    first = asked(page)
    state.library.update(first, genre="polka")
    answer = client.post("/label", data=form(page, track=str(first), genre="hum"))
    assert answer.status_code == 400
    assert state.library.get(first).genre == "polka"


def test_visitors_who_may_not_teach_only_look(make_app: Any) -> None:
    app = make_app(local=False, token="a-long-secret-token")
    client = app.test_client()
    for path in ("/audit", "/label"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'class="ask-ways"' not in page.text
    assert client.post("/label", data={"track": "1", "genre": "x"}).status_code in (401, 403)


# In a browser


@pytest.fixture(scope="module")
def care_server(tmp_path_factory: pytest.TempPathFactory, music: Path, original: Path) -> Any:
    """A server whose library has a wrong label and three songs without a genre."""
    folder = tmp_path_factory.mktemp("care")
    library = Path(shutil.copy(original, folder / "small.earmark"))
    with open_library(library) as opened_library:
        opened_library.update(track(opened_library, "hum-4").id, genre="hiss")
        for name in ("hum-3", "hiss-3", "melody-2"):
            opened_library.update(track(opened_library, name).id, genre=None)
    with Server(folder, "--library", str(library), "--music", str(music), workers=1) as running:
        running.library = library  # type: ignore[attr-defined]
        yield running


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def reach(page: Page, name: str) -> None:
    """Go by Tab alone until something that is called so has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        said = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label')"
            " ?? document.activeElement.innerText"
        )
        if said and re.search(rf"{re.escape(name)}\b", said):
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)], ids=["phone", "desktop"])
def test_both_pages_are_accessible(
    browser: Browser, care_server: Any, axe: str, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    options: dict[str, Any] = {
        "viewport": {"width": size[0], "height": size[1]},
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }
    found = []
    with opened(browser, care_server.url, **options) as page:
        for path in ("/audit", "/label"):
            page.goto(path)
            expect(page.locator(".ask").first).to_be_visible(timeout=120_000)
            page.screenshot(path=tmp_path / f"{path[1:]}.png", full_page=True)
            found += [
                f"{path}: {one['id']}: {one['nodes'][0]['html'][:200]}"
                for one in violations(page, axe)
            ]
            across = "() => document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(across) <= 0, "the page is wider than the screen"
    assert found == []


@pytest.mark.browser
def test_suspects_are_judged_by_keyboard_alone(browser: Browser, care_server: Any) -> None:
    with opened(browser, care_server.url) as page:
        page.goto("/audit")
        expect(page.locator(".ask").first).to_be_visible(timeout=120_000)
        reach(page, "Take hum")
        press(page, "t")
        expect(page.get_by_role("status").first).to_contain_text("is hum now")
        with open_library(care_server.library) as library:
            assert track(library, "hum-4").genre == "hum"
        reach(page, "Undo")
        press(page, "Enter")
        expect(page.get_by_role("status").first).to_contain_text("as it was")
        with open_library(care_server.library) as library:
            assert track(library, "hum-4").genre == "hiss"


@pytest.mark.browser
def test_songs_are_labelled_by_keyboard_alone(browser: Browser, care_server: Any) -> None:
    with opened(browser, care_server.url) as page:
        page.goto("/label")
        heading = page.locator(".ask h2").inner_text()
        reach(page, "Play")
        # A number is the likeliest genre; a field takes its own letters.
        press(page, "1")
        expect(page.get_by_role("status").first).to_contain_text(" is ")
        assert page.locator(".ask h2").inner_text() != heading
        # The focus is where the keys work, so that the next answer needs no Tab.
        press(page, "n")
        page.keyboard.type("x marks the spot")
        press(page, "Enter")
        expect(page.get_by_role("status").first).to_contain_text("is x marks the spot")
        press(page, "s")
        expect(page.locator(".empty")).to_be_visible()
        with open_library(care_server.library) as library:
            assert library.count(genre="x marks the spot") == 1
