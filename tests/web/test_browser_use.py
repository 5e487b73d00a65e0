"""What happens to people who go on using the pages, in a real browser: nothing may get lost."""

from __future__ import annotations

import json
import re
import shutil
import struct
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from earmark.library import open_library
from support import sounds
from support.browser import SHIFTS, opened
from support.web import RATE, Server, song, wait_until

pytestmark = pytest.mark.browser

SENTENCE = ".answer .sentence"
LONG = (
    "a genre whose name is far longer than any sensible genre's and has averylongwordinit"
    + "x" * 16
)
TOKEN = "a-secret-token"


@pytest.fixture(scope="module")
def odd_server(tmp_path_factory, original, music):
    """A server of a library with a very long genre, two wrong labels and a token."""
    folder = tmp_path_factory.mktemp("odd")
    file = shutil.copy(original, folder / "odd.earmark")
    with open_library(file) as library:
        for track in library.tracks(search="hum-8") + library.tracks(search="hiss-8"):
            library.update(track.id, genre=LONG)
        for name in ("hum-4", "hum-5"):
            library.update(library.tracks(search=name)[0].id, genre="hiss")
    options = ["--library", str(file), "--music", str(music), "--token", TOKEN]
    # As behind a proxy: visitors are not at home here, and have to sign in.
    with Server(folder, *options, "--proxies", "1", "--allowed-host", "127.0.0.1") as running:
        yield running


def choose(page, *files):
    page.set_input_files("#file", [str(file) for file in files])


def classify(page, file):
    page.goto("/")
    choose(page, file)
    expect(page.locator(".wave-stage")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()


def sign_in(page):
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()


# The answer stays


def test_the_map_and_back_keeps_the_answer(page, tune_file):
    classify(page, tune_file)
    page.get_by_role("link", name="See it on the map").click()
    expect(page.locator("#map-card")).to_contain_text("tune.wav")
    page.go_back()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    expect(page.locator(".wave-stage")).to_be_visible()
    expect(page.locator(".hero .button")).to_be_hidden()
    # It can still be taught.
    page.get_by_role("button", name="Right, it is melody").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".taught")).to_contain_text("Undone.")
    # The page that the menu leads to is for a new song.
    page.get_by_role("link", name="Listen").click()
    expect(page.locator(".hero .button")).to_be_visible()
    expect(page.locator(SENTENCE)).to_have_count(0)


def test_a_link_within_the_page_keeps_the_answer_too(page, tune_file):
    classify(page, tune_file)
    page.keyboard.press("Home")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    page.reload()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")


def test_an_answer_that_the_server_forgot_is_said_to_be_gone(browser, server, tune_file):
    with opened(browser, server.url, expect="404") as page:
        classify(page, tune_file)
        page.evaluate("() => history.replaceState({song: 'none'}, '')")
        page.reload()
        expect(page.locator("#trouble")).to_contain_text("not kept any more")
        # The page is ready for the next one.
        choose(page, tune_file)
        expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
        expect(page.locator("#trouble")).to_be_hidden()


def test_an_answer_has_a_link_and_a_picture_for_others(browser, server, tune_file):
    with opened(browser, server.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        classify(page, tune_file)
        page.get_by_role("link", name="Copy link").click()
        told = page.locator(".share-told")
        expect(told).to_contain_text(re.compile("^Copied. It shows this answer on this computer"))
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == page.get_by_role("link", name="Copy link").evaluate("link => link.href")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save picture").click()
        assert saved.value.suggested_filename == "earmark-answer.png"
        head = Path(saved.value.path()).read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:24]) == (1200, 630)
    # Somebody else opens it: the same answer, with its picture and without the sound.
    for scripts in (True, False):
        with opened(browser, server.url, java_script_enabled=scripts) as page:
            if scripts:
                page.add_init_script(SHIFTS)
            page.goto(link)
            expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
            expect(page.locator(".shared")).to_contain_text("It is kept until")
            if not scripts:
                expect(page.locator(".picture")).to_be_hidden()
                continue
            expect(page.locator(".wave-stage")).to_be_visible()
            assert page.evaluate("window.shifted") < 0.05
            # It is the address of this answer alone.
            page.reload()
            expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
            choose(page, tune_file)
            expect(page.locator(".shared")).to_have_count(0)
            expect(page).to_have_url(f"{server.url}/")


def test_a_link_whose_answer_is_gone_says_so(browser, server, tune_file):
    with opened(browser, server.url, expect="404") as page:
        page.goto("/?song=none")
        expect(page.locator("#trouble")).to_contain_text("not kept any more")
        choose(page, tune_file)
        expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
        expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("link", ["Sign in", "Sign in to teach"])
def test_signing_in_keeps_the_answer(browser, odd_server, tune_file, link):
    with opened(browser, odd_server.url) as page:
        classify(page, tune_file)
        page.get_by_role("link", name=link, exact=True).click()
        sign_in(page)
        expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
        expect(page.get_by_role("button", name="Right, it is melody")).to_be_visible()
        assert "#" not in page.url


def keep_drawing(page):
    """Let the server go on drawing the pictures of songs, as far as the page knows."""
    page.route(
        "**/api/v1/jobs/*",
        lambda route: (
            route.fulfill(json={**route.fetch().json(), "state": "running"})
            if route.request.method == "GET"
            else route.continue_()
        ),
    )


def test_an_answer_whose_picture_is_not_drawn_yet_stays_too(page, server, tune_file):
    keep_drawing(page)
    page.goto("/")
    choose(page, tune_file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    page.get_by_role("navigation").get_by_role("link", name="Corrections").click()
    expect(page.locator("h1")).to_have_text("Corrections")
    page.go_back()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    wait_until(lambda: server.left() == [])


SIZES = {"desktop": (1200, 900), "phone": (390, 844)}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3])
def test_nothing_jumps_when_songs_are_chosen(browser, server, tune_file, size, count):
    across, down = SIZES[size]
    with opened(browser, server.url, viewport={"width": across, "height": down}) as page:
        page.add_init_script(SHIFTS)
        page.goto("/")
        # No click or key is near, as with a dialog of the system or a song that is dropped.
        choose(page, *[tune_file] * count)
        if count == 1:
            expect(page.locator(".wave-stage")).to_be_visible()
        else:
            expect(page.get_by_role("button", name="Why, for")).to_have_count(count)
        expect(page.locator("#drop")).to_have_class(re.compile(r"\bsmall\b"))
        page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
        )
        assert page.evaluate("window.shifted") < 0.05


def test_the_card_of_a_song_stands_there_at_once_with_its_own_waveform(page, server, tune_file):
    held = []
    page.route("**/api/v1/jobs", lambda route: held.append(route))
    page.goto("/")
    card = page.locator(".answer")
    with server.paused():
        choose(page, tune_file)
        expect(card.locator(".file-name").first).to_have_text("tune.wav")
        expect(card.locator(".sentence")).to_contain_text("Sending")
        expect(card.locator(".stages li")).to_have_count(4)
        expect(card.locator(".stages [aria-current]")).to_have_text("Sent")
        # The server has drawn nothing yet.
        expect(card.locator(".wave-room .wave-form path")).to_have_count(1)
        expect(card.get_by_role("button", name="Cancel")).to_be_visible()
        held[0].continue_()
        expect(card.locator(".sentence")).to_have_text("Listening…")
        expect(card.locator(".stages .done")).to_have_text(["Sent"])
        expect(card.locator(".stages [aria-current]")).to_have_text("Heard")
    # It stays where the server's own comes, colored by genre.
    expect(card.locator(".sentence")).to_have_text("This song is classified as melody.")
    expect(card.locator(".wave-stage .wave-form")).to_be_visible()
    expect(page.locator(".interim")).to_have_count(0)


def test_the_waveform_stands_in_the_answer_until_the_server_has_drawn_it(page, tune_file):
    keep_drawing(page)
    page.goto("/")
    choose(page, tune_file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    expect(page.locator(".answer .wave-room .wave-form path")).to_have_count(1)
    expect(page.locator(".answer .wave-told")).to_contain_text("Drawing its picture")


def test_of_a_song_that_the_browser_cannot_decode_the_card_stands_there_too(
    browser, server, tmp_path
):
    file = tmp_path / "song.mp3"
    file.write_bytes(b"no sound at all")
    with opened(browser, server.url) as page:
        page.goto("/")
        with server.paused():
            choose(page, file)
            expect(page.locator(".interim .wave-room")).to_be_visible()
            expect(page.locator(".interim .wave-form")).to_have_count(0)
        expect(page.locator("#trouble")).to_contain_text("song.mp3")
        expect(page.locator(".answer")).to_have_count(0)
        expect(page.locator("#progress")).to_be_hidden()


def test_a_file_that_is_dropped_ends_the_recording(page, tune_file):
    page.goto("/")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name=re.compile(r"Stop, 0:(0[1-9]|[1-5])"))).to_be_visible()
    choose(page, tune_file)
    expect(page.get_by_role("button", name="Record")).to_be_visible()
    expect(page.locator(".wave-stage")).to_be_visible()
    expect(page.locator(".file-name").last).to_contain_text("tune.wav")
    # Recording works again.
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name=re.compile(r"Stop, 0:(0[1-9]|[1-5])"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".file-name").last).to_contain_text("Recording")


# What is typed stays


def test_the_suspects_page_does_not_take_away_what_is_being_typed(browser, odd_server):
    with opened(browser, odd_server.url) as page:
        page.goto("/report")
        expect(page.locator(".figures")).to_be_visible()
        page.goto("/sign-in?next=/library%3Fonly%3Dsuspects")
        sign_in(page)
        rows = page.locator(".tracks tbody tr")
        expect(rows.nth(1)).to_be_visible()
        # However fast the machine is, it is done when this test says so.
        states = cycle(["computing"])
        page.route("**/api/v1/report", lambda route: route.fulfill(json={"state": next(states)}))
        rows.nth(0).get_by_role("combobox", name="Genre of").fill("hum")
        rows.nth(0).get_by_role("button", name="Save").click()
        notice = page.locator("[data-waiting]")
        expect(notice).to_contain_text("is being compared")
        page.evaluate("() => { window.first = true; }")
        field = rows.nth(1).get_by_role("combobox", name="Genre of")
        field.fill("hu")
        states = cycle(["done"])
        expect(notice).to_contain_text("That is done now")
        # Without the focus it is unsaved all the same.
        page.locator("h1").click()
        with page.expect_request("**/library*", timeout=600_000) as loaded:
            page.wait_for_function("() => document.querySelector('[data-waiting] button')")
            assert field.input_value() == "hu"
            assert page.evaluate("window.first")
            page.get_by_role("button", name="Show it").click()
        assert loaded.value.is_navigation_request()


# Colors


def test_a_genre_has_one_color_and_a_new_one_changes_no_other(page, tmp_path):
    file = sounds.write(tmp_path / "new.wav", song("melody", 82, 5.0), RATE)

    def colors(selector):
        read = "all => all.map((one) => one.getAttribute('class').match(/\\bg\\d+|g-none/)[0])"
        return set(page.locator(selector).evaluate_all(read))

    classify(page, file)
    (melody,) = colors(".answer")
    assert colors(".segment") == colors(".odds tbody tr:first-child") == {melody}
    page.get_by_label("No, it is").fill("aria")
    page.get_by_role("button", name="Teach").click()
    expect(page.locator(".taught")).to_contain_text("Learned: this is aria.")

    def half(route):
        result = route.fetch().json()
        segment = {"start": 0.0, "stop": 2.5, "genre": "aria", "confidence": 0.9}
        result["timeline"] = [segment, {**segment, "start": 2.5, "stop": 5.0, "genre": "melody"}]
        route.fulfill(json=result)

    page.route("**/api/v1/jobs/*/result", half)
    choose(page)
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as aria.")
    expect(page.locator(".wave-stage")).to_be_visible()
    (aria,) = colors(".answer")
    assert aria not in {melody, "g-none"}
    assert colors(".near li:nth-child(n+2)") == {melody}
    assert colors(".segment[title*=aria]") == colors(".wave-form path:nth-child(1)") == {aria}
    assert colors(".segment[title*=melody]") == {melody}
    page.goto("/corrections")
    page.get_by_role("button", name="Undo the change of new").first.click()
    expect(page.locator(".notice")).to_contain_text("Undone")


# Small things


def test_the_csv_has_the_second_most_probable_genre(page):
    page.goto("/")
    text = page.evaluate(
        """async () => {
            const script = document.querySelector("script[src*='home.js']").src;
            const { toCsv } = await import(script.replace("home.js", "table.js"));
            const found = (genre, probabilities) => ({
                name: "x.wav", problem: null,
                prediction: { genre, probabilities, confidence: 0.5, duration: 1 },
            });
            return toCsv([
                found("metal", { blues: 0.1, jazz: 0.0, metal: 0.5, rock: 0.4 }),
                found("jazz", { blues: 0.3, jazz: 0.1, metal: 0.6 }),
                found("jazz", { jazz: 1 }),
            ]);
        }"""
    )
    rows = [line.split(",") for line in text.split("\r\n")]
    assert rows[0][5] == "second_genre"
    assert [row[5] for row in rows[1:4]] == ["rock", "metal", ""]


def test_the_map_tells_who_is_not_sure_and_names_do_not_overlap(browser, server):
    with opened(browser, server.url) as page:
        page.add_init_script(
            """
            const songs = [false, true, true].map((unsure, i) => (
                { name: `song ${i}.wav`, genre: "melody", unsure, place: [0.1, 0.1 + i / 500] }));
            sessionStorage.setItem("earmark-songs", JSON.stringify(songs));
            window.written = [];
            const write = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
                window.written.push([text, y]);
                return write.call(this, text, x, y);
            };
            """
        )
        page.goto("/map")
        page.locator("#map-canvas[data-ready]").wait_for()
        expect(page.locator("#map-card")).to_contain_text("your song; not sure, perhaps melody")
        said = page.evaluate("window.written")
        written = {text: y for text, y in said if text.startswith("song ")}
        assert len(written) == 3
        heights = sorted(written.values())
        assert min(b - a for a, b in pairwise(heights)) >= 15


def test_without_scripts_the_map_says_so(browser, server):
    with opened(browser, server.url, java_script_enabled=False) as page:
        page.goto("/map")
        expect(page.locator(".map-none")).to_be_visible()
        expect(page.locator("#map-loading")).to_be_hidden()


# Phones

WIDE = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
BELOW = """() => document.documentElement.scrollHeight
    - Math.round(document.querySelector("footer").getBoundingClientRect().bottom + scrollY)"""


def phone(width):
    return {"viewport": {"width": width, "height": 800}, "has_touch": True, "is_mobile": True}


def rename(route, *, name):
    """Let an answer name a genre that is called otherwise."""
    route.fulfill(body=route.fetch().text().replace("melody", name), content_type="text/html")


@pytest.mark.parametrize("width", [320, 390])
def test_no_page_is_wider_than_a_phone(browser, odd_server, width, tune_file):
    wide = []
    with opened(browser, odd_server.url, **phone(width)) as page:
        page.goto("/sign-in?next=/library")
        sign_in(page)
        page.goto("/report")
        expect(page.locator(".figures")).to_be_visible()
        paths = ["/library", "/library?only=suspects", "/map", "/report", "/corrections"]
        for path in [*paths, "/api/v1/docs", "/sign-in", "/"]:
            page.goto(path)
            page.wait_for_load_state("load")
            if path == "/map":
                page.locator("#map-canvas[data-ready]").wait_for()
            if page.evaluate(WIDE) > width:
                wide.append((path, page.evaluate(WIDE)))
            assert page.evaluate(BELOW) <= 1
        for name in (LONG, "y" * 100):
            with_name = partial(rename, name=name)
            page.route("**/answers/*", with_name)
            classify(page, tune_file)
            if page.evaluate(WIDE) > width:
                wide.append((name, page.evaluate(WIDE)))
            page.unroute("**/answers/*", with_name)
        choose(page, tune_file, tune_file)
        expect(page.get_by_role("button", name="Why, for")).to_have_count(2)
        if page.evaluate(WIDE) > width:
            wide.append(("several", page.evaluate(WIDE)))
    assert wide == []


def test_a_long_song_fits_a_phone(browser, server, tune_file):
    def lengthen(route):
        result = route.fetch().json()
        genres = cycle(["hiss", "hum", "melody"])
        result["prediction"]["duration"] = 1980.0
        result["timeline"] = [
            {"start": 3.0 * i, "stop": 3.0 * i + 3, "genre": next(genres), "confidence": 0.7}
            for i in range(660)
        ]
        route.fulfill(json=result)

    with opened(browser, server.url, **phone(390)) as page:
        page.route("**/api/v1/jobs/*/result", lengthen)
        classify(page, tune_file)
        assert page.evaluate(WIDE) <= 390
        assert page.evaluate(BELOW) <= 1
        # Those who listen to the page can still read it as a table.
        assert page.get_by_role("table", name="Genres over time").count() == 1


def test_times_are_those_of_the_reader(browser, server, tune_file):
    zone = {"timezone_id": "Asia/Tokyo", "locale": "en-GB"}
    with opened(browser, server.url, **zone) as page:
        page.goto("/")
        page.set_input_files("#file", str(tune_file))
        page.get_by_role("button", name="Right, it is").click()
        expect(page.locator(".taught")).to_contain_text("Learned")
        page.goto("/corrections")
        time = page.locator("time").first
        shown = "(time) => new Date(time.dateTime).toLocaleString('en-GB', {timeZone: 'Asia/Tokyo',"
        shown += " dateStyle: 'medium', timeStyle: 'short'})"
        expect(time).to_have_text(time.evaluate(shown))
        # As the server wrote it, for who wants to know.
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", time.get_attribute("title"))
        page.get_by_role("button", name="Undo").first.click()


def test_the_page_of_the_api_asks_before_it_deletes(page):
    sent = []
    page.on("request", lambda asked: sent.append(asked.method))
    page.goto("/api/v1/docs#delete-api-v1-tracks-track_id")
    operation = page.locator("#delete-api-v1-tracks-track_id")
    operation.get_by_label("track_id").fill("999999")
    operation.get_by_role("button", name="Try it").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete /api/v1/tracks/999999")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert "DELETE" not in sent


def test_nothing_moves_when_what_was_tried_is_answered(page):
    held = []
    page.add_init_script(SHIFTS)
    page.goto("/api/v1/docs#get-api-v1-library")
    page.route("**/api/v1/library", lambda route: held.append(route))
    operation = page.locator("#get-api-v1-library")
    operation.get_by_role("button", name="Try it").click()
    expect(operation.locator(".tried-status")).to_have_text("Asking…")
    wait_until(lambda: bool(page.title() and held))
    # What follows a click within half a second would not be counted.
    page.wait_for_timeout(600)
    page.evaluate("window.shifted = 0")
    held[0].continue_()
    expect(operation.locator(".tried-status")).to_contain_text("200")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert page.evaluate("window.shifted") < 0.05


def test_the_page_of_the_api_shows_how_to_ask_and_what_was_answered(page):
    page.goto("/api/v1/docs#post-api-v1-classify")
    operation = page.locator("#post-api-v1-classify")
    for words in ("curl --form file=@song.mp3", "requests.post(", "await fetch("):
        expect(operation.locator(".snippet", has_text=words)).to_be_visible()
    operation.get_by_text("What it answered once").click()
    answer = json.loads(operation.locator(".example .snippet").inner_text())
    assert answer["results"][0]["prediction"]["genre"] == "metal"
    expect(page.get_by_role("heading", name="Lists")).to_be_visible()
