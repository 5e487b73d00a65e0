"""The player at the foot of the pages goes on from page to page, and says what it cannot play."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from earmark.library import open_library
from earmark.testing import make_library, write_wav
from support.browser import opened
from support.web import GENRES, RATE, Server, song

pytestmark = pytest.mark.browser

EACH = 4
LONG = 60.0
SILENT = "Hum number 3"
"""Its file is gone."""

# What the keys of headphones call.
MEDIA_KEYS = """
    window.mediaKeys = {};
    const set = MediaSession.prototype.setActionHandler;
    MediaSession.prototype.setActionHandler = function (name, act) {
        window.mediaKeys[name] = act;
        return set.call(this, name, act);
    };
"""


def make_long_songs(music: Path, library: Path, genres: Sequence[str] = GENRES) -> None:
    """Make a library of songs that are no copies of each other and last longer than any test.

    They are heard by their first seconds, which the rest of them repeats.
    """
    made: dict[Path, np.ndarray] = {}
    for place, genre in enumerate(genres):
        (music / genre).mkdir(parents=True)
        for seed in range(EACH):
            # Less and less hiss from song to song: none is a copy of another.
            number = EACH * place + seed
            sound = song("melody", number) + 0.5**number * song("hiss", number)
            made[music / genre / f"{genre}-{seed}.wav"] = sound / max(1.0, np.abs(sound).max())
    for file, sound in made.items():
        write_wav(file, sound, RATE)
    with make_library(library, music) as made_library:
        for track in made_library.tracks(limit=100):
            made_library.update(track.id, duration=LONG)
    for file, sound in made.items():
        write_wav(file, np.tile(sound, round(LONG * RATE / len(sound))), RATE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server of such songs, one of which is gone."""
    folder = tmp_path_factory.mktemp("long")
    music, library = folder / "music", folder / "long.earmark"
    make_long_songs(music, library)
    (music / "hum" / "hum-3.wav").unlink()
    with Server(folder, "--library", str(library), "--music", str(music), workers=1) as running:
        yield running


@pytest.fixture
def page(browser, server):
    """A page of that server, on which nothing may go wrong."""
    with opened(browser, server.url) as opened_page:
        opened_page.add_init_script(MEDIA_KEYS)
        yield opened_page


def more_like(page: Page, name: str) -> None:
    page.locator("tr", has_text=name).get_by_role("button", name="More like this").click()


def sounding(page: Page) -> None:
    page.wait_for_function(
        "() => !document.getElementById('player').paused"
        " && document.getElementById('player').currentTime > 0"
    )


def now(page: Page) -> float:
    return page.evaluate("document.getElementById('player').currentTime")


def title(page: Page) -> str:
    return page.locator("#bar-title").inner_text()


def queue(page: Page) -> list[str]:
    page.get_by_role("button", name="Songs", exact=True).click()
    names = page.locator("#bar-songs b").all_inner_texts()
    page.get_by_role("button", name="Songs", exact=True).click()
    return names


def test_more_like_this_plays_on_while_one_browses(page):
    page.goto("/library")
    expect(page.locator("#bar")).to_be_hidden()
    more_like(page, "Hiss number 0")
    sounding(page)
    assert title(page) == "Hiss number 0"
    expect(page.locator("#bar-where")).to_have_text(re.compile("^Like Hiss number 0, 1 of "))
    # It sounds: so says its row, too.
    row = page.get_by_role("button", name="Play Hiss number 0")
    expect(row).to_have_attribute("aria-pressed", "true")
    names = queue(page)
    assert names[0] == "Hiss number 0"
    assert len(set(names)) == len(names) > 3
    page.get_by_label("Place in the song that plays").fill("30")
    for place in ("Map", "Playlist", "API"):
        page.get_by_role("link", name=place, exact=True).click()
        expect(page.get_by_role("link", name=place, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
        sounding(page)
        assert title(page) == "Hiss number 0"
        assert 30 <= now(page) < LONG
    assert queue(page) == names
    # Held on one page it is held on the next, at the same place.
    page.get_by_role("button", name="Pause", exact=True).click()
    held = now(page)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert page.evaluate("document.getElementById('player').paused")
    assert abs(float(page.locator("#bar-seek").input_value()) - held) <= 1
    page.get_by_role("button", name="Play", exact=True).click()
    sounding(page)
    assert now(page) >= held - 0.5
    # Closed it is gone, here and on the next page.
    page.get_by_role("button", name="Close the player").click()
    expect(page.locator("#bar")).to_be_hidden()
    page.reload()
    expect(page.locator("h1")).to_have_text("Library")
    expect(page.locator("#bar")).to_be_hidden()


def test_next_and_previous_by_mouse_keyboard_and_media_keys(page):
    page.goto("/library")
    more_like(page, "Melody number 1")
    sounding(page)
    names = [name for name in queue(page) if name != SILENT]
    bar = page.locator("#bar-title")
    page.get_by_role("button", name="Next song").click()
    expect(bar).to_have_text(names[1])
    sounding(page)
    page.keyboard.press("n")
    expect(bar).to_have_text(names[2])
    page.keyboard.press("p")
    expect(bar).to_have_text(names[1])
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.evaluate("mediaKeys.nexttrack({})")
    expect(bar).to_have_text(names[2])
    sounding(page)
    assert page.evaluate("navigator.mediaSession.metadata.title") == names[2]
    page.evaluate("mediaKeys.pause({})")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.evaluate("mediaKeys.seekto({ seekTime: 20 })")
    expect(page.locator("#bar-now")).to_have_text("0:20")
    page.evaluate("mediaKeys.seekbackward({})")
    expect(page.locator("#bar-now")).to_have_text("0:10")
    page.evaluate("mediaKeys.play({})")
    sounding(page)
    # Well into a song, "previous" leads to its beginning first.
    page.evaluate("mediaKeys.previoustrack({})")
    expect(bar).to_have_text(names[2])
    page.wait_for_function("() => document.getElementById('player').currentTime < 5")
    # The arrow keys move both sliders.
    seek = page.get_by_label("Place in the song that plays")
    page.evaluate("mediaKeys.pause({})")
    page.evaluate("mediaKeys.seekto({ seekTime: 20 })")
    seek.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#bar-now")).to_have_text("0:21")
    assert seek.get_attribute("aria-valuetext") == "0:21 of 1:00"
    page.get_by_label("Volume").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.getElementById('player').volume") == pytest.approx(0.95)
    page.keyboard.press("m")
    assert page.evaluate("document.getElementById('player').muted")
    # On the next page it is as loud.
    page.goto("/report")
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Volume")).to_have_value("95")


def test_letters_are_keys_of_the_player_only_where_it_has_the_focus(page):
    page.goto("/library")
    more_like(page, "Melody number 1")
    sounding(page)
    page.get_by_label("Search").fill("")
    page.keyboard.type("pnk")
    assert page.get_by_label("Search").input_value() == "pnk"
    assert title(page) == "Melody number 1"
    assert not page.evaluate("document.getElementById('player').paused")


def test_the_next_song_follows_and_the_last_one_ends(page):
    page.goto("/library")
    more_like(page, "Hiss number 1")
    sounding(page)
    names = queue(page)
    at_its_end = (
        "() => { const it = document.getElementById('player'); it.currentTime = it.duration; }"
    )
    page.evaluate(at_its_end)
    expect(page.locator("#bar-title")).to_have_text(names[1])
    sounding(page)
    page.get_by_role("button", name="Songs", exact=True).click()
    page.locator("#bar-songs .bar-song").last.click()
    expect(page.locator("#bar-title")).to_have_text(names[-1])
    sounding(page)
    page.evaluate(at_its_end)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    expect(page.locator("#bar-title")).to_have_text(names[-1])
    expect(page.get_by_role("button", name="Next song")).to_have_attribute("aria-disabled", "true")


def test_songs_without_sound_are_said_and_skipped(page):
    page.goto("/library")
    more_like(page, "Hum number 2")
    sounding(page)
    names = queue(page)
    assert SILENT in names
    expect(page.locator("#bar-note")).to_have_text(
        f"1 of these {len(names)} songs cannot be heard, since its file is not on this server; "
        "it is skipped."
    )
    heard = [title(page)]
    following = page.get_by_role("button", name="Next song")
    while following.get_attribute("aria-disabled") == "false":
        page.get_by_role("button", name="Next song").click()
        heard.append(title(page))
    assert heard == [name for name in names if name != SILENT]
    page.get_by_role("button", name="Songs", exact=True).click()
    quiet = page.locator("#bar-songs li", has_text=SILENT)
    expect(quiet).to_contain_text("not on this server")
    expect(quiet.locator(".bar-song")).to_be_disabled()
    # What is like a silent song can be heard, too.
    page.get_by_role("button", name="Songs", exact=True).click()
    more_like(page, SILENT)
    expect(page.locator("#bar-where")).to_have_text(re.compile(f"^Like {SILENT}, 2 of "))
    sounding(page)


def test_a_list_of_which_nothing_can_be_heard_is_shown_all_the_same(page):
    answer = re.compile("/api/v1/(tracks/|lists/similar)")

    def silent(route):
        body = route.fetch().json()
        for one in body.get("tracks", [body]):
            one["audio"] = None
        route.fulfill(json=body)

    page.route(answer, silent)
    page.goto("/library")
    more_like(page, "Hum number 0")
    expect(page.locator("#bar-note")).to_contain_text("songs can be heard: their files are not on")
    expect(page.locator("#bar-songs li").first).to_be_visible()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    page.get_by_role("link", name="Change or save this list").click()
    expect(page.locator("#songs li").first).to_be_visible()


def test_one_track_is_heard_between_and_the_list_stays(page):
    page.goto("/library")
    more_like(page, "Hiss number 0")
    sounding(page)
    names = queue(page)
    page.get_by_role("button", name="Play Melody number 3").click()
    expect(page.locator("#bar-title")).to_have_text("Melody number 3")
    expect(page.locator("#bar-artist")).to_have_text("The melody 1")
    sounding(page)
    page.get_by_role("button", name="Play Melody number 2").click()
    expect(page.locator("#bar-title")).to_have_text("Melody number 2")
    assert queue(page) == [names[0], "Melody number 2", *names[1:]]
    page.get_by_role("button", name="Next song").click()
    expect(page.locator("#bar-title")).to_have_text(names[1])
    # A song that is taken out is heard no more.
    page.get_by_role("button", name="Songs", exact=True).click()
    page.get_by_role("button", name=f"Take out {names[1]}").click()
    expect(page.locator("#bar-title")).to_have_text(names[2])
    assert names[1] not in page.locator("#bar-songs b").all_inner_texts()


def test_an_answer_has_more_like_it(page, tune_file: Path):
    page.goto("/")
    page.set_input_files("#file", str(tune_file))
    expect(page.locator(".wave-stage")).to_be_visible()
    page.locator(".like-it").get_by_role("button", name="More like this").click()
    sounding(page)
    expect(page.locator("#bar-where")).to_have_text(re.compile("^Like tune.wav, 1 of "))
    assert title(page).startswith("Melody")
    # The song itself silences the list, and the list the song.
    page.get_by_role("button", name="Play the song").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    # A neighbor has more like it, too.
    near = page.locator(".near li").first
    name = near.locator("b").inner_text()
    near.get_by_role("button", name="More like this").click()
    expect(page.locator("#bar-where")).to_have_text(re.compile(f"^Like {name}, "))
    sounding(page)
    assert page.evaluate("document.querySelector('.picture audio').paused")


def test_another_tab_silences_this_one(browser, server):
    with opened(browser, server.url) as page:
        page.goto("/library")
        more_like(page, "Hiss number 0")
        sounding(page)
        other = page.context.new_page()
        other.goto("/library")
        more_like(other, "Melody number 0")
        sounding(other)
        page.wait_for_function("() => document.getElementById('player').paused")


def test_a_song_that_the_browser_cannot_play_is_skipped(browser, server):
    with opened(browser, server.url, expect="415") as page:
        page.goto("/library")
        more_like(page, "Hiss number 0")
        sounding(page)
        names = queue(page)
        page.route(
            "**/media/tracks/*",
            lambda route: route.fulfill(body="words", content_type="text/plain"),
        )
        page.get_by_role("button", name="Next song").click()
        # None can be played now: it ends by itself, and says so.
        expect(page.locator("#bar-note")).to_contain_text("cannot be played here")
        expect(page.get_by_role("button", name="Next song")).to_have_attribute(
            "aria-disabled", "true"
        )
        page.get_by_role("button", name="Songs", exact=True).click()
        expect(page.locator("#bar-songs li", has_text=names[1])).to_contain_text("cannot be played")


def test_by_touch_on_a_phone(browser, server):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, server.url, **phone) as page:
        page.goto("/library")
        page.locator("tr", has_text="Hiss number 2").get_by_role(
            "button", name="More like this"
        ).tap()
        sounding(page)
        names = queue(page)
        page.get_by_role("button", name="Next song").tap()
        expect(page.locator("#bar-title")).to_have_text(names[1])
        box = page.get_by_label("Place in the song that plays").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
        page.wait_for_function("() => document.getElementById('player').currentTime > 25")
        # Nothing of the page is hidden behind it for good, and nothing is wider than the phone.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        bottom = page.locator(".bottom").bounding_box()
        bar = page.locator("#bar").bounding_box()
        assert bottom["y"] + bottom["height"] <= bar["y"] + 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_it_leads_to_the_list(browser, server):
    with opened(browser, server.url, java_script_enabled=False) as page:
        page.goto("/library")
        more_like(page, "Hiss number 0")
        expect(page.locator("h1")).to_have_text("Playlist")
        expect(page.locator("#songs li").first).to_be_visible()


def test_a_song_that_is_judged_does_not_sound_on_while_the_next_is_asked_about(browser, tmp_path):
    music, library = tmp_path / "music", tmp_path / "some.earmark"
    make_long_songs(music, library, GENRES[:2])
    with open_library(library) as opened_library:
        for track in opened_library.tracks(limit=100)[2:]:
            opened_library.update(track.id, genre=None)
        first = opened_library.tracks(limit=1)[0]
        opened_library.update(first.id, genre="hiss")
    options = ["--library", str(library), "--music", str(music)]
    with (
        Server(tmp_path, *options, workers=1) as running,
        opened(browser, running.url) as page,
    ):
        page.goto("/label")
        asked = page.locator(".ask h2").inner_text()
        page.get_by_role("button", name="Play", exact=True).first.click()
        sounding(page)
        page.get_by_role("button", name="Skip").click()
        expect(page.locator(".ask h2")).not_to_have_text(asked)
        expect(page.locator("#bar")).to_be_hidden()
