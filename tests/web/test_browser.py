"""The pages in a real browser, as people use them."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support import sounds
from support.browser import SHIFTS, opened
from support.web import RATE, Server, song, wait_until

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"
SENTENCE = ".answer .sentence"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def reference_server(tmp_path_factory):
    """A server of the library that ships with the package."""
    folder = tmp_path_factory.mktemp("reference")
    with Server(folder, "--library", "reference", workers=1) as running:
        yield running


def drop(page, selector, *files):
    """Drop files on an element, as a hand does it."""
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, content] of files) {
                const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(selector, event, {"dataTransfer": transfer})


def choose(page, *files):
    page.set_input_files("#file", [str(file) for file in files])


# A song in, its genre out


def test_a_real_song_is_dropped_in_and_the_answer_read(browser, reference_server):
    with opened(browser, reference_server.url) as page:
        page.goto("/")
        page.get_by_role("link", name="Drop in the song you want to classify!").click()
        assert page.url.endswith("#predict")
        drop(page, "#drop", EXAMPLE)
        expect(page.locator(SENTENCE)).to_have_text(
            re.compile(r"This song is classified as (metal|rock)\.")
        )
        expect(page.locator(".wave-stage")).to_be_visible()
        expect(page.locator(".near li").first).to_contain_text(re.compile("metal|rock"))
        expect(page.locator(".words")).to_contain_text("metal")
        page.get_by_role("link", name="See it on the map").click()
        expect(page.locator("#map-card")).to_contain_text("war_of_freedom.ogg")


def test_who_has_no_song_at_hand_tries_a_sample(browser, reference_server):
    told = {
        "strings": r"This song is classified as classical\.",
        "electric guitars": r"This song is classified as metal\.",
        # Of no genre of this library, and it says so.
        "a drum machine": r"Not sure: it (is unlike the songs|sounds like electronic music)",
    }
    with opened(browser, reference_server.url, expect="ERR_FAILED") as page:
        page.goto("/")
        for name, sentence in told.items():
            page.get_by_role("button", name=name, exact=True).click()
            expect(page.locator(SENTENCE)).to_have_text(re.compile(sentence))
        # It can be heard as any other song.
        expect(page.locator(".wave-stage")).to_be_visible()
        # One that the server does not give is said to be missing, and nothing is left of it.
        page.route("**/samples/*.ogg", lambda route: route.abort())
        page.get_by_role("button", name="strings", exact=True).click()
        expect(page.locator("#trouble")).to_contain_text("does not answer")


def test_the_whole_answer(page, server, tune_file):
    page.goto("/")
    drop(page, "body", tune_file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    assert page.locator(".odds tbody tr").first.inner_text().split() == ["melody", "100%"]
    assert page.locator(".near li").count() == 8
    stage = page.get_by_role("slider", name="Place in the song")
    expect(stage).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()
    assert stage.get_attribute("aria-valuetext") == "0:00, sounds like melody"
    # Click where the song shall sound from.
    box = stage.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.wait_for_function("() => document.querySelector('.picture audio').currentTime > 3.1")
    expect(page.get_by_role("button", name="Pause the song")).to_be_visible()
    # One sound at a time: a neighbor silences the song.
    first = page.locator(".near .play").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0")
    assert page.evaluate("document.querySelector('.picture audio').paused")
    first.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    wait_until(lambda: server.left() == [])


@pytest.mark.parametrize("kind", ["mp3", "m4a"])
def test_other_formats(page, tmp_path, kind):
    file = sounds.write(tmp_path / f"tune.{kind}", song("melody", 60, 5.0), RATE, kind)
    page.goto("/")
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")


def test_a_text_file_renamed_to_mp3_gets_one_clear_line(page, server, tmp_path):
    file = tmp_path / "song.mp3"
    file.write_text("These are words.\n" * 50)
    page.goto("/")
    choose(page, file)
    top = "drop => drop.getBoundingClientRect().top + scrollY"
    where = page.locator("#drop").evaluate(top)
    expect(page.locator("#trouble")).to_contain_text("song.mp3: ")
    # Nothing moves under the eyes of whoever reads that.
    assert page.locator("#drop").evaluate(top) == where
    assert "\n" not in page.locator("#trouble").inner_text()
    expect(page.locator("#progress")).to_be_hidden()
    assert page.locator(".answer").count() == 0
    wait_until(lambda: server.left() == [])


def test_a_song_from_the_microphone(page):
    page.goto("/")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name=re.compile(r"Stop, 0:(0[3-9]|[1-5])"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".file-name").last).to_contain_text("Recording")
    expect(page.locator(SENTENCE)).to_contain_text("melody")


def listen(page):
    """Let the page look at a recording once more, as three seconds later."""
    with page.expect_request(lambda asked: asked.method == "DELETE"):
        # It hears a little more meanwhile, the pace of which is the browser's own.
        page.wait_for_timeout(600)
        page.clock.fast_forward(3_000)


def test_the_microphone_is_answered_while_it_listens_until_that_is_sure(page, server):
    under, most, looks = set(), [], []

    def note(request):
        if request.method == "POST" and request.url.endswith("/api/v1/jobs?picture=false"):
            looks.append(request)
            under.add(request)
            most.append(len(under))
        elif request.method == "DELETE":
            under.clear()

    page.on("request", note)
    page.add_init_script(SHIFTS)
    page.clock.install()
    page.goto("/")
    page.get_by_role("button", name="Record").click()
    card = page.locator(".answer")
    expect(card.locator(".sentence")).to_have_text("Listening…")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    while page.get_by_role("button", name="Stop").is_visible():
        listen(page)
    # The first ones may have heard too little.
    assert len(looks) >= 4
    expect(card.locator(".rolling")).to_contain_text("Stopped after 0:")
    expect(card.locator(".sentence")).to_have_text("This song is classified as melody.")
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    expect(card.get_by_role("button", name="Right, it is melody")).to_be_visible()
    expect(page.locator(".wave-stage")).to_be_visible()
    assert set(most) == {1}
    assert page.evaluate("window.shifted") < 0.05
    # The server keeps the last answer alone.
    asked = [look.response().json()["id"] for look in looks]
    assert {page.request.get(f"/api/v1/jobs/{job}").status for job in asked} == {404}
    assert page.request.get(f"/api/v1/jobs/{card.get_attribute('data-job')}").ok
    wait_until(lambda: server.left() == [])


def test_a_recording_whose_answer_is_not_sure_goes_on_until_it_is_stopped(page, server):
    def unsure(route):
        result = route.fetch().json()
        result["prediction"]["abstained"] = True
        route.fulfill(json=result)

    page.route("**/api/v1/jobs/*/result", unsure)
    page.clock.install()
    page.goto("/")
    # By keys: the button keeps the focus while the page becomes another one.
    page.get_by_role("button", name="Record").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    for _ in range(6):
        listen(page)
    expect(page.locator(".interim .wave-form")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".answer:not(.interim) .sentence")).to_contain_text("melody")
    expect(page.locator(".rolling")).to_have_count(0)
    wait_until(lambda: server.left() == [])


def test_a_recording_stops_only_when_four_answers_in_a_row_are_sure_and_agree(page):
    page.goto("/")
    stops = page.evaluate(
        """async (rows) => {
            const script = document.querySelector("script[src*='home.js']").src;
            const { Agreement } = await import(script.replace("home.js", "rolling.js"));
            return rows.map((row) => {
                const agreement = new Agreement();
                return row.findIndex((genre) => agreement.add(
                    genre && { genre, abstained: genre === "y?", mixed: genre === "y+" }));
            });
        }""",
        [
            ["x", "x", "x", "x", "x"],
            ["x", "x", "x", "y", "y", "y", "y"],
            ["x", "x", None, "x", "x", "x", "x"],
            ["y", "y", "y?", "y", "y", "y", "y"],
            ["y", "y", "y", "y+", "y", "y", "y"],
            ["y?", "y?", "y?", "y?"],
            [None, None, None, None],
        ],
    )
    assert stops == [3, 6, 6, 6, -1, -1, -1]


def test_a_pasted_song(page, tune_file):
    page.goto("/")
    page.evaluate(
        """content => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], "pasted.wav"));
            dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        base64.b64encode(tune_file.read_bytes()).decode(),
    )
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")


def test_a_long_song_shows_progress_and_can_be_called_off(page, server, tmp_path):
    file = sounds.write(tmp_path / "long.wav", song("melody", 1, 300.0), RATE)
    page.goto("/")
    with server.paused():
        choose(page, file)
        expect(page.locator("#progress")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#spoken")).to_have_text("Canceled.")
    expect(page.locator("#trouble")).to_be_hidden()
    wait_until(lambda: server.left() == [])


def test_a_song_that_is_too_large_is_not_sent(page, tmp_path):
    file = tmp_path / "huge.wav"
    with file.open("wb") as stream:
        stream.truncate(1025 * 2**20)
    page.goto("/")
    choose(page, file)
    expect(page.locator("#trouble")).to_contain_text("larger than the limit of 1024 MB")


def test_a_spreadsheet_takes_no_name_for_a_formula(page, tmp_path, tune_file):
    hum = sounds.write(tmp_path / "=hum.flac", song("hum", 20, 4.0), RATE, "flac")
    page.goto("/")
    choose(page, tune_file, hum)
    expect(page.locator(".many-state")).to_have_text("All done.")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["genre"] for row in table] == ["melody", "hum"]
    assert table[1]["path"] == "'=hum.flac"


def test_without_scripts_it_works_too(browser, server, tune_file):
    with opened(browser, server.url, java_script_enabled=False) as page:
        page.goto("/")
        choose(page, tune_file)
        page.get_by_role("button", name="Predict").click()
        expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")


# Teaching


def test_a_correction_changes_the_next_answer_and_can_be_undone(page, tmp_path):
    file = sounds.write(tmp_path / "dance.wav", song("melody", 80, 5.0), RATE)
    page.goto("/")
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    page.get_by_label("No, it is").fill("polka")
    page.get_by_role("button", name="Teach").click()
    expect(page.locator(".taught")).to_contain_text("Learned: this is polka.")
    choose(page)
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as polka.")
    expect(page.locator(".near li").first).to_contain_text("polka")
    page.goto("/corrections")
    expect(page.locator(".corrections li").first).to_contain_text("dance was added as polka")
    page.get_by_role("button", name="Undo the change of dance").first.click()
    expect(page.locator(".notice")).to_contain_text("Undone")
    page.goto("/")
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")


def test_right_teaches_too_and_undo_stands_beside_it(page, tmp_path):
    file = sounds.write(tmp_path / "again.wav", song("melody", 81, 5.0), RATE)
    page.goto("/")
    choose(page, file)
    page.get_by_role("button", name="Right, it is melody").click()
    expect(page.locator(".taught")).to_contain_text("Learned: this is melody.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".taught")).to_contain_text("Undone.")
    expect(page.get_by_role("button", name="Right, it is melody")).to_be_visible()


# The library


def test_a_track_is_relabelled_heard_and_removed(page):
    page.goto("/library?search=hiss-7")
    row = page.locator(".tracks tbody tr")
    expect(row).to_have_count(1)
    row.locator(".play").click()
    expect(row.locator(".play")).to_have_attribute("aria-pressed", "true")
    row.get_by_role("combobox", name="Genre of Hiss number 7").fill("wind")
    row.get_by_role("button", name="Save").click()
    expect(page.locator(".notice")).to_have_text("hiss-7 is wind now.")
    page.get_by_role("button", name="Remove Hiss number 7").click()
    page.get_by_role("button", name="Keep it").click()
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Remove Hiss number 7").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".notice")).to_contain_text("hiss-7 was removed")
    page.goto("/corrections")
    for _ in range(2):
        page.get_by_role("button", name="Undo the change of hiss-7").first.click()
        expect(page.locator(".notice")).to_contain_text("Undone")
    page.goto("/library?genre=hiss&search=hiss-7")
    expect(page.locator(".tracks tbody tr")).to_have_count(1)


def test_several_tracks_of_the_library_at_once(page):
    page.goto("/library?genre=hiss")
    rows, notice = page.locator(".tracks tbody tr"), page.locator(".notice")
    boxes = page.locator(".tracks input[type=checkbox]")
    expect(rows).to_have_count(9)
    expect(page.get_by_role("button", name="Label", exact=True)).to_be_disabled()
    # From one to another, and one of them by key.
    boxes.nth(2).click()
    boxes.nth(5).click(modifiers=["Shift"])
    boxes.nth(3).press(" ")
    expect(page.locator("#chosen-count")).to_have_text("With 3 tracks chosen:")
    page.get_by_label("Genre of the chosen tracks").fill("wind")
    page.get_by_label("Genre of the chosen tracks").press("Enter")
    expect(notice).to_contain_text("Labelled wind: 3 tracks.")
    expect(rows).to_have_count(6)
    notice.get_by_role("button", name="Undo").click()
    expect(notice).to_have_text("Undone: 3 tracks are as they were.")
    expect(rows).to_have_count(9)
    page.get_by_label("All on this page").check()
    expect(page.locator("#chosen-count")).to_have_text("With 9 tracks chosen:")
    boxes.first.uncheck()
    page.locator("#chosen").get_by_role("button", name="Remove").click()
    expect(page.locator("#confirm-text")).to_have_text("Remove 8 tracks from the library?")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(1)
    notice.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(9)


def test_the_library_by_keys(page):
    page.goto("/library?genre=hiss")
    rows = page.locator(".tracks tbody tr")

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)

    def at():
        return page.evaluate(
            "() => [...document.querySelectorAll('.tracks tbody tr')]"
            ".findIndex((row) => row.contains(document.activeElement))"
        )

    # From the controls above into the table, by Tab alone.
    page.locator("#chosen input[name='genre']").focus()
    while at() < 0:
        press("Tab")
    assert at() == 0
    press("j", "x", "j", "j", "x", "k")
    assert at() == 2
    expect(page.locator("#chosen-count")).to_have_text("With 2 tracks chosen:")
    expect(rows.nth(1).locator("input[type='checkbox']")).to_be_checked()
    expect(rows.nth(3).locator("input[type='checkbox']")).to_be_checked()
    press("j", "x")
    expect(page.locator("#chosen-count")).to_have_text("With 1 track chosen:")
    # At the ends it stays.
    press("k", "k", "k", "k", "k", "k")
    assert at() == 0
    # With a modifier a key is the browser's.
    press("Control+x")
    expect(page.locator("#chosen-count")).to_have_text("With 1 track chosen:")
    press("p")
    expect(rows.nth(0).locator(".play")).to_have_attribute("aria-pressed", "true")
    # In a field a letter is a letter.
    press("n")
    field = rows.nth(0).get_by_role("combobox", name="Genre of")
    expect(field).to_be_focused()
    press("j", "x")
    expect(field).to_have_value("jx")


def test_the_library_stays_where_a_label_was_changed(page):
    page.set_viewport_size({"width": 1000, "height": 400})
    page.goto("/library")
    row = page.locator(".tracks tbody tr").last
    field = row.get_by_role("combobox")
    name, genre = field.get_attribute("aria-label"), field.input_value()
    for label in ("wind", genre):
        page.get_by_role("combobox", name=name).fill(label)
        row.get_by_role("button", name="Save").click()
        expect(page.locator(".notice")).to_contain_text(f"is {label} now.")
        expect(page.get_by_role("combobox", name=name)).to_be_in_viewport()
        assert page.evaluate("scrollY") > 400


def test_the_library_is_filtered(page):
    page.goto("/library")
    # While rows are still coming, those that are there stay where they are.
    places = "heads => heads.map((head) => head.getBoundingClientRect().left)"
    heads = page.locator(".tracks thead th")
    before = heads.evaluate_all(places)
    page.evaluate("document.querySelectorAll('.tracks tbody tr + tr').forEach((r) => r.remove())")
    page.evaluate(
        "document.querySelector('.tracks tbody th').prepend('a very long name '.repeat(9))"
    )
    assert heads.evaluate_all(places) == before
    page.locator(".genres a", has_text="hum").click()
    expect(page.locator(".tracks tbody tr")).to_have_count(9)
    page.get_by_label("Search").fill("hum-2")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".tracks tbody tr")).to_have_count(1)


# The map


def test_the_map_by_pointer_and_by_keys(page, tune_file):
    page.goto("/")
    choose(page, tune_file)
    expect(page.locator(".wave-stage")).to_be_visible()
    page.goto("/map")
    canvas = page.locator("#map-canvas[data-ready]")
    expect(canvas).to_be_visible()
    assert int(canvas.get_attribute("data-ready")) >= 28
    card = page.locator("#map-card")
    expect(card).to_contain_text("your song, classified as melody")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    seen = set()
    for key in ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"] * 4:
        page.keyboard.press(key)
        seen.add(card.inner_text())
    assert len(seen) >= 3
    # Hear the one that is chosen.
    for _ in range(8):
        if card.locator(".play").count():
            break
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(card.locator(".play")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(card.locator(".play")).to_have_attribute("aria-pressed", "false")
    # Hide a genre; the table tells the same.
    page.get_by_text("The same as a table").click()
    rows = page.locator("#map-rows tbody tr")
    count = int(canvas.get_attribute("data-ready"))
    expect(rows).to_have_count(count)
    page.get_by_label("hiss").uncheck()
    expect(rows).to_have_count(count - 9)


def place_of_a_track(page):
    """Return where a click on the map finds a track: found by trying, as people do."""
    box = page.locator("#map-canvas").bounding_box()
    card = page.locator("#map-card")
    for step in range(400):
        x = box["x"] + 20 + (step % 20) * 0.05 * (box["width"] - 40)
        y = box["y"] + 20 + (step // 20) * 0.05 * (box["height"] - 40)
        page.mouse.click(x, y)
        if card.locator(".play").count():
            return x, y
    raise AssertionError("no track on the map")


def test_what_was_chosen_on_the_map_stays_and_can_be_stopped(page):
    page.goto("/map")
    page.locator("#map-canvas[data-ready]").wait_for()
    card = page.locator("#map-card")
    x, y = place_of_a_track(page)
    expect(card).to_contain_text(re.compile("hiss|hum|melody"))
    expect(card.locator(".play")).to_have_attribute("aria-pressed", "true")
    expect(card.locator(".map-near li").first).to_be_visible()
    chosen = card.inner_text()
    # Going elsewhere changes nothing of it.
    box = page.locator("#map-canvas").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=40)
    assert card.inner_text() == chosen
    expect(card.locator(".play")).to_have_attribute("aria-pressed", "true")
    # A second click stops it.
    page.mouse.click(x, y)
    expect(card.locator(".play")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.getElementById('player').paused")


def test_two_fingers_pinch_the_map_and_the_card_is_in_view_on_a_phone(browser, server):
    phone = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
    with opened(browser, server.url, **phone) as page:
        page.goto("/map")
        page.locator("#map-canvas[data-ready]").wait_for()
        # One finger that goes up or down is the page's.
        action = "getComputedStyle(document.getElementById('map-canvas')).touchAction"
        assert page.evaluate(action) == "pan-y"
        picture = "document.getElementById('map-canvas').toDataURL()"
        before = page.evaluate(picture)
        box = page.locator("#map-canvas").bounding_box()
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 150}

        def fingers(apart):
            return [
                {"x": middle["x"] - apart, "y": middle["y"], "id": 0},
                {"x": middle["x"] + apart, "y": middle["y"], "id": 1},
            ]

        touch = page.context.new_cdp_session(page)
        for kind, points in [
            ("touchStart", fingers(30)),
            *(("touchMove", fingers(apart)) for apart in (50, 80, 110)),
            ("touchEnd", []),
        ]:
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_function(f"before => {picture} !== before", arg=before)
        assert page.evaluate("visualViewport.scale") == 1
        page.locator("#map-all").click()
        place_of_a_track(page)
        expect(page.locator("#map-card")).to_be_in_viewport(ratio=1)


# The rest


def test_the_report_comes_by_itself(page):
    page.goto("/report")
    expect(page.locator(".figures")).to_be_visible()
    expect(page.locator(".confusion tbody tr")).to_have_count(3)
    expect(page.locator(".chart")).to_have_count(2)


def test_a_number_of_the_confusion_leads_to_its_tracks_by_key(page):
    page.goto("/report")
    page.get_by_role("link", name="9 tracks of melody, named melody").press("Enter")
    expect(page.locator("h1")).to_have_text("Labelled melody, and named so")
    rows = page.locator(".tracks tbody tr")
    expect(rows).to_have_count(9)
    expect(rows.first).to_contain_text(re.compile(r"Melody number \d.*The melody \d", re.DOTALL))
    rows.first.get_by_role("button", name="Play Melody").press("Enter")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0")


def test_the_api_can_be_tried(page, tune_file):
    page.goto("/api/v1/docs#get-api-v1-tracks")
    operation = page.locator("#get-api-v1-tracks")
    operation.get_by_label("search").fill("hum-1")
    operation.get_by_role("button", name="Try it").click()
    expect(operation.locator(".tried-status")).to_contain_text("200")
    expect(operation.locator(".tried pre")).to_contain_text('"name": "hum-1"')
    page.goto("/api/v1/docs#post-api-v1-classify")
    operation = page.locator("#post-api-v1-classify")
    operation.locator("input[type=file]").set_input_files(str(tune_file))
    operation.get_by_role("button", name="Try it").click()
    expect(operation.locator(".tried pre")).to_contain_text("This song is classified as melody.")


def test_with_the_keyboard_alone(page, tune_file):
    page.on("filechooser", lambda chooser: chooser.set_files(str(tune_file)))
    page.goto("/")

    def tab_to(what):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("element => document.activeElement.matches(element)", what):
                return
        raise AssertionError(f"{what} cannot be reached")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    tab_to("#file")
    page.keyboard.press("Space")
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    expect(page.locator("#spoken")).to_have_text("This song is classified as melody.")
    # The answer has the focus, so that reading goes on there.
    assert page.evaluate("document.activeElement.id") == "answer"
    expect(page.locator(".wave-stage")).to_be_visible()
    tab_to(".wave-stage")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.picture audio').currentTime >= 5")
    tab_to(".near .play")
    page.keyboard.press("Enter")
    expect(page.locator(".near .play").first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    tab_to("input[name=genre]:not([type=hidden])")
    page.keyboard.type("waltz")
    page.keyboard.press("Enter")
    expect(page.locator(".taught")).to_contain_text("Learned: this is waltz.")
    # Undo has the focus.
    page.keyboard.press("Enter")
    expect(page.locator(".taught")).to_contain_text("Undone.")


@pytest.mark.parametrize(
    "path", ["/", "/library", "/map", "/report", "/corrections", "/api/v1/docs"]
)
def test_a_phone_needs_no_sideways_scrolling(browser, server, path):
    with opened(browser, server.url, **PHONE) as page:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_phone_shows_the_whole_answer(browser, server, tune_file):
    with opened(browser, server.url, **PHONE) as page:
        page.goto("/")
        choose(page, tune_file)
        expect(page.locator(".wave-stage")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".wave-stage").tap()
        page.wait_for_function("() => !document.querySelector('.picture audio').paused")


def test_light_and_dark_follow_the_system(browser, server):
    shades = {}
    for scheme in ("light", "dark"):
        with opened(browser, server.url, color_scheme=scheme) as page:
            page.goto("/")
            color = page.evaluate("getComputedStyle(document.body).backgroundColor")
            shades[scheme] = sum(map(int, re.findall(r"\d+", color)[:3]))
    assert shades["light"] > 700
    assert shades["dark"] < 100
