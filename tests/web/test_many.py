"""Several songs in a real browser: no answer is lost, and a bad file costs itself only."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support import sounds
from support.browser import FLAGS, opened
from support.programs import find_or_skip
from support.web import RATE, Server, song, wait_until

pytestmark = pytest.mark.browser

SENTENCE = ".answer .sentence"
TABLE = ".many-songs"
ROWS = ".many-songs > tbody > tr:not(.many-detail)"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four songs of known genres."""
    folder = tmp_path_factory.mktemp("songs")
    kinds = ["melody", "hum", "hiss", "melody"]
    return [
        sounds.write(folder / f"{number}-{kind}.wav", song(kind, 30 + number, 4.0), RATE)
        for number, kind in enumerate(kinds)
    ]


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory, original: Path, music: Path) -> Any:
    """A server that takes no file of more than a megabyte."""
    folder = tmp_path_factory.mktemp("small")
    options = ["--library", str(original), "--music", str(music), "--max-upload", "1"]
    with Server(folder, *options) as running:
        yield running


def choose(page: Page, *files: Path) -> None:
    page.set_input_files("#file", [str(file) for file in files])


def all_done(page: Page) -> None:
    expect(page.locator(".many-state")).to_have_text("All done.")


ASKS = """() => !dispatchEvent(new Event("beforeunload", { cancelable: true }))"""
"""Whether who leaves the page is asked first."""


def genres(page: Page) -> list[str]:
    return [row.locator("th + td").inner_text().strip() for row in page.locator(ROWS).all()]


def test_the_table_outlives_a_reload_another_page_and_a_new_tab(
    page: Page, songs: list[Path], server: Server
) -> None:
    page.goto("/")
    choose(page, *songs)
    all_done(page)
    expected = ["melody", "hum", "hiss", "melody"]
    assert genres(page) == expected
    page.reload()
    all_done(page)
    assert genres(page) == expected
    page.get_by_role("link", name="Map").click()
    page.get_by_role("link", name="Listen").click()
    all_done(page)
    assert genres(page) == expected
    page.go_back()
    page.go_back()
    all_done(page)
    # A new tab belongs to another visit: it is offered what is kept.
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#kept")).to_contain_text("The answers of 4 songs are kept")
    other.get_by_role("button", name="Show them").click()
    all_done(other)
    assert genres(other) == expected
    other.get_by_role("button", name="Clear").click()
    expect(other.locator("#many")).to_be_hidden()
    expect(other.locator(".hero h1")).to_be_visible()
    other.reload()
    expect(other.locator("#kept")).to_be_hidden()


def test_the_table_outlives_a_restart_of_the_browser(
    browser: Browser, server: Server, songs: list[Path], tmp_path: Path
) -> None:
    def started() -> BrowserContext:
        return browser.browser_type.launch_persistent_context(
            tmp_path / "profile",
            executable_path=find_or_skip("chromium"),
            args=FLAGS,
            base_url=server.url,
        )

    with started() as context:
        page = context.new_page()
        page.goto("/")
        choose(page, *songs[:2])
        all_done(page)
        page.wait_for_function(f"() => !({ASKS})()")
    with started() as context:
        page = context.new_page()
        page.goto("/")
        expect(page.locator("#kept")).to_contain_text("The answers of 2 songs are kept")
        page.get_by_role("button", name="Show them").click()
        all_done(page)
        assert genres(page) == ["melody", "hum"]


def test_a_reload_in_the_middle_loses_no_song(
    page: Page, songs: list[Path], server: Server
) -> None:
    page.goto("/")
    with server.paused():
        choose(page, *songs)
        expect(page.locator(ROWS)).to_have_count(4)
        # Three are sent; the fourth waits in the page.
        wait_until(lambda: len(server.left()) == 3)
        page.wait_for_function(f"() => !({ASKS})()")
        page.reload()
        expect(page.locator(ROWS)).to_have_count(4)
    all_done(page)
    assert genres(page) == ["melody", "hum", "hiss", "melody"]
    wait_until(lambda: server.left() == [])


HELD_BACK = """() => {
    const { set } = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "oncomplete");
    const waiting = [];
    window.letGo = () => waiting.splice(0).forEach((done) => done());
    Object.defineProperty(IDBTransaction.prototype, "oncomplete", {
        set(done) {
            set.call(this, () => (this.mode === "readwrite" ? waiting.push(done) : done()));
        },
    });
}"""


def test_leaving_is_asked_about_until_the_songs_are_kept(
    page: Page, songs: list[Path], server: Server
) -> None:
    page.goto("/")
    assert page.evaluate(ASKS) is False
    with server.paused():
        page.evaluate(HELD_BACK)
        choose(page, *songs)
        # The first thing that is done to the store is to empty it.
        page.wait_for_function("() => !document.querySelector('#many').hidden || void letGo()")
        assert page.evaluate(ASKS) is True
        page.wait_for_function(f"() => {{ letGo(); return !({ASKS})(); }}")
    page.get_by_role("button", name="Clear").click()


def test_only_songs_that_are_opened_get_a_picture(page: Page, songs: list[Path]) -> None:
    sent: list[str] = []
    page.on(
        "request",
        lambda request: sent.append(request.url) if request.method == "POST" else None,
    )
    page.goto("/")
    choose(page, *songs)
    all_done(page)
    assert [url.partition("?")[2] for url in sent] == ["picture=false"] * 4
    page.get_by_role("button", name="Why, for 1-hum.wav").click()
    # In its place: behind its own row, before the next.
    detail = page.locator(".many-songs > tbody > tr").nth(2)
    expect(detail.locator(SENTENCE)).to_have_text("This song is classified as hum.")
    expect(detail.locator(".wave-stage")).to_be_visible()
    assert [url.partition("?")[2] for url in sent[4:]] == [""]
    page.get_by_role("button", name="Close, for 1-hum.wav").click()
    expect(detail).to_be_hidden()


SENT_ANYWAY = """async () => {
    const answers = [];
    for (const path of ["/api/v1/jobs", "/predict"]) {
        const body = new FormData();
        body.append("file", new Blob([new Uint8Array(8 << 20)]), "huge.wav");
        const answer = await fetch(path, { method: "POST", body });
        answers.push([answer.status, answer.headers.get("Content-Type"), await answer.text()]);
    }
    return answers;
}"""


def test_a_bad_file_is_a_row_and_the_others_go_on(
    browser: Browser, small_server: Server, songs: list[Path], tmp_path: Path
) -> None:
    huge = tmp_path / "huge.wav"
    huge.write_bytes(bytes(2 << 20))
    words = tmp_path / "words.mp3"
    words.write_text("words")
    with opened(browser, small_server.url, expect="responded with a status of 41") as page:
        page.goto("/")
        # Programs that do not look at the limit are told it, too, each in its own form.
        line = "This is larger than the limit of 1 MB. Send a shorter piece."
        job, sentence = page.evaluate(SENT_ANYWAY)
        assert job[:2] == [413, "application/problem+json"]
        assert json.loads(job[2])["detail"] == line
        assert sentence == [413, "text/plain; charset=utf-8", f"{line}\n"]
        choose(page, huge, songs[0], words)
        all_done(page)
        first, second, third = genres(page)
        assert first == "is larger than the limit of 1 MB. Choose a shorter piece."
        assert second == "melody"
        assert "no sound file" in third
        page.get_by_role("button", name="no answer 2").click()
        expect(page.locator(ROWS).nth(0)).to_be_visible()
        expect(page.locator(ROWS).nth(1)).to_be_hidden()


def test_a_folder_gives_its_sound_files(page: Page, songs: list[Path], tmp_path: Path) -> None:
    inner = tmp_path / "music" / "inner"
    inner.mkdir(parents=True)
    for number, file in enumerate(songs[:3]):
        (inner / f"{10 - number}.wav").write_bytes(file.read_bytes())
    (tmp_path / "music" / "cover.jpg").write_bytes(b"x")
    (inner / "notes.txt").write_text("x")
    page.goto("/")
    page.set_input_files("#folder", str(tmp_path / "music"))
    all_done(page)
    names = page.locator(".many-name").all_inner_texts()
    assert names == ["8.wav", "9.wav", "10.wav"]
    expect(page.locator("#trouble")).to_have_text("2 files were left out: no sound by their names.")


DROPPED = """async () => {
    const page = document.querySelector("script[src*='home.js']").src;
    const { dropped } = await import(new URL("dropped.js", page));
    const file = (name) => ({
        isFile: true, isDirectory: false, file: (done) => done(new File(["x"], name)),
    });
    const folder = (...entries) => ({
        isFile: false,
        isDirectory: true,
        createReader() {
            // As browsers do it: some at a time, then none.
            const left = [...entries];
            return { readEntries: (done) => done(left.splice(0, 2)) };
        },
    });
    const entries = [
        folder(file("b.MP3"), file("a.flac"), folder(file("c.opus"), file("x.pdf")), file("d.ogg")),
        file("odd name"),
    ];
    const found = await dropped({
        files: [new File(["x"], "music")],
        items: entries.map((entry) => ({ webkitGetAsEntry: () => entry })),
    });
    return [found.songs.map((song) => song.name), found.others];
}"""


def test_a_folder_can_be_dropped(page: Page) -> None:
    page.goto("/")
    assert page.evaluate(DROPPED) == [
        ["a.flac", "b.MP3", "c.opus", "d.ogg", "odd name"],
        1,
    ]


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_a_long_name_pushes_nothing_out_of_sight(
    browser: Browser, server: Server, songs: list[Path], tmp_path: Path, options: dict[str, Any]
) -> None:
    long = tmp_path / f"{'long' * 50}.wav"
    long.write_bytes(songs[0].read_bytes())
    with opened(browser, server.url, **options) as page:
        page.goto("/")
        choose(page, long, songs[1])
        all_done(page)
        width = page.viewport_size["width"] if page.viewport_size else 0
        for row in page.locator(ROWS).all():
            box = row.get_by_role("button").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_more_songs_join_the_table(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, *songs[:2])
    all_done(page)
    choose(page, songs[2])
    expect(page.locator(ROWS)).to_have_count(3)
    all_done(page)
    assert genres(page) == ["melody", "hum", "hiss"]


def test_pause_go_on_and_cancel(page: Page, songs: list[Path], server: Server) -> None:
    page.goto("/")
    with server.paused():
        choose(page, *songs)
        page.get_by_role("button", name="Pause").click()
        expect(page.locator(".many-state")).to_contain_text("paused")
        where = page.locator(TABLE).bounding_box()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Cancel").click()
        all_done(page)
    assert genres(page) == ["canceled"] * 4
    # What stood above the table while it ran leaves its room.
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    assert page.locator(TABLE).bounding_box()["y"] == where["y"]
    wait_until(lambda: server.left() == [])


def test_the_table_to_take_along(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, *songs[:2])
    all_done(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    content = download.value.path().read_bytes()
    # Spreadsheets take it for UTF-8 by this mark only.
    assert content.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [(row["path"], row["genre"], row["sure"]) for row in table] == [
        ("0-melody.wav", "melody", "yes"),
        ("1-hum.wav", "hum", "yes"),
    ]
    assert [float(row["duration"]) for row in table] == [4.0, 4.0]
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    listed = json.loads(download.value.path().read_text())
    assert [one["prediction"]["genre"] for one in listed] == ["melody", "hum"]


def test_the_csv_has_the_columns_of_the_command(page: Page) -> None:
    from earmark.cli.answers import CsvWriter

    page.goto("/")
    text = page.evaluate(
        """async () => {
            const page = document.querySelector("script[src*='home.js']").src;
            const { toCsv } = await import(new URL("table.js", page));
            return toCsv([]);
        }"""
    )
    assert text.lstrip("\ufeff").strip().split(",") == list(CsvWriter.COLUMNS)


def test_without_scripts_every_song_is_answered(
    browser: Browser, server: Server, songs: list[Path], tmp_path: Path
) -> None:
    words = tmp_path / "words.mp3"
    words.write_text("words")
    with opened(browser, server.url, java_script_enabled=False) as page:
        page.goto("/")
        choose(page, songs[0], songs[1], words)
        page.get_by_role("button", name="Predict").click()
        expect(page.locator(ROWS)).to_have_count(3)
        first, second, third = genres(page)
        assert first.endswith("This song is classified as melody.")
        assert second.endswith("This song is classified as hum.")
        assert "no sound file" in third


# The workbench


def names(page: Page) -> list[str]:
    return page.locator(".many-name").all_inner_texts()


def test_rows_are_sorted_by_every_column_both_ways_and_back(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, *songs)
    all_done(page)
    as_they_came = names(page)

    def shares() -> list[float]:
        found = page.locator(f"{ROWS} > td.number").all_inner_texts()
        return [float(text.strip("<>%")) for text in found]

    head = page.get_by_role("button", name="Genre", exact=True)
    head.click()
    assert genres(page) == ["hiss", "hum", "melody", "melody"]
    expect(page.get_by_role("columnheader", name="Genre")).to_have_attribute(
        "aria-sort", "ascending"
    )
    head.click()
    assert genres(page) == ["melody", "melody", "hum", "hiss"]
    head.click()
    assert names(page) == as_they_came
    page.get_by_role("button", name="Probability").click()
    assert shares() == sorted(shares())
    page.get_by_role("button", name="File", exact=True).click()
    page.get_by_role("button", name="File", exact=True).click()
    assert names(page) == sorted(as_they_came, reverse=True)


def test_what_is_done_is_done_with_the_chosen_songs(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, *songs)
    all_done(page)
    expect(page.locator(".chosen-count")).to_have_text("With all 4:")
    # Of those that are shown, all; of those that are chosen, no others.
    page.get_by_role("button", name="melody 2").click()
    expect(page.locator(".chosen-count")).to_have_text("With all 2:")
    page.get_by_role("button", name="all 4").click()
    page.get_by_label("Choose 1-hum.wav").check()
    expect(page.locator(".chosen-count")).to_have_text("With 1 song chosen:")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    listed = json.loads(download.value.path().read_text())
    assert [one["name"] for one in listed] == ["1-hum.wav"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Playlists").click()
    assert download.value.suggested_filename == "hum.m3u8"
    text = download.value.path().read_text("utf-8")
    assert text.splitlines() == ["#EXTM3U", "#EXTINF:4,1-hum.wav", "1-hum.wav"]
    page.get_by_label("Choose all that are shown").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Playlists").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["hiss.m3u8", "hum.m3u8", "melody.m3u8"]
        assert archive.read("melody.m3u8").decode().splitlines()[2::2] == [
            "0-melody.wav",
            "3-melody.wav",
        ]


def test_chosen_songs_are_taught_at_once_and_taken_back_at_once(
    page: Page, songs: list[Path]
) -> None:
    page.goto("/")
    choose(page, *songs)
    all_done(page)
    for song_file in (songs[0], songs[3]):
        page.get_by_label(f"Choose {song_file.name}").check()
    page.get_by_label("Genre of these songs").fill("polka")
    page.get_by_role("button", name="Teach").click()
    expect(page.locator(".chosen-told")).to_contain_text("2 songs taught: polka.")
    expect(page.locator(f"{ROWS} > th + td")).to_have_text(["polka", "hum", "hiss", "polka"])
    page.locator(".chosen-told").get_by_role("button", name="Undo").click()
    expect(page.locator(".chosen-told")).to_contain_text("Undone")
    expect(page.locator(f"{ROWS} > th + td")).to_have_text(["melody", "hum", "hiss", "melody"])


def test_the_table_is_worked_through_by_keys(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, *songs[:2])
    all_done(page)
    page.get_by_label("Choose 0-melody.wav").focus()
    page.keyboard.press("j")
    expect(page.get_by_label("Choose 1-hum.wav")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_label("Choose 1-hum.wav")).to_be_checked()
    page.keyboard.press("k")
    page.keyboard.press("o")
    expect(page.locator(SENTENCE)).to_be_visible()
    page.keyboard.press("n")
    field = page.locator(".many-detail").get_by_label("No, it is")
    expect(field).to_be_focused()
    # In a field a key is a letter.
    page.keyboard.type("job")
    expect(field).to_have_value("job")
    page.keyboard.press("Enter")
    expect(page.locator(".taught")).to_contain_text("Learned: this is job.")
    page.keyboard.press("Enter")
    expect(page.locator(".taught")).to_contain_text("Undone.")
    page.keyboard.press("o")
    expect(page.locator(SENTENCE)).to_be_hidden()


# One song


def test_after_a_correction_the_vote_is_taken_again(page: Page, tmp_path: Path) -> None:
    file = sounds.write(tmp_path / "step.wav", song("melody", 90, 5.0), RATE)
    page.goto("/")
    choose(page, file)
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    page.get_by_label("No, it is").fill("polka")
    page.get_by_role("button", name="Teach").click()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as polka.")
    expect(page.locator(".sure")).to_contain_text("You taught: this is polka.")
    expect(page.locator(".sure")).to_contain_text("Alone, the vote says melody")
    # Also when it is found again.
    expect(page.locator(".wave-stage")).to_be_visible()
    page.reload()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as polka.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".taught")).to_contain_text("Undone.")
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    page.reload()
    expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
    expect(page.locator(".sure")).not_to_contain_text("You taught")


def test_a_page_of_before_a_restart_still_takes_songs(
    browser: Browser, server: Server, songs: list[Path]
) -> None:
    """After a restart the server knows neither the cookie nor the secret of the page."""
    with opened(browser, server.url, expect="403") as page:
        page.goto("/")
        page.context.clear_cookies()
        choose(page, songs[0])
        expect(page.locator(SENTENCE)).to_have_text("This song is classified as melody.")
        expect(page.locator(".wave-stage")).to_be_visible()
        page.context.clear_cookies()
        page.get_by_role("button", name="Right, it is melody").click()
        expect(page.locator(".taught")).to_contain_text("Learned: this is melody.")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".taught")).to_contain_text("Undone.")


BREAKS_OFF = """() => {
  const whole = fetch;
  const broken = new Set();
  const part = () => new ReadableStream({
    pull: (way) => way.error(new TypeError("network error")),
  });
  window.fetch = (path, ...rest) => {
    const [kind] = path.match(/jobs\\/[^/]+(\\/result)?$|answers/) ?? [""];
    const once = kind.replace(/jobs\\/[^/]+/, "job");
    if (!once || broken.has(once)) return whole(path, ...rest);
    broken.add(once);
    window.brokenOff = [...broken];
    const headers = { "Content-Type": "application/json" };
    return Promise.resolve(new Response(part(), { headers }));
  };
}"""
"""Of each kind of answer about a job, the first breaks off between its head and its body."""


def test_an_answer_that_breaks_off_is_asked_for_again(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    page.evaluate(BREAKS_OFF)
    choose(page, *songs[:2])
    expect(page.locator(ROWS).first).to_contain_text("waiting for the server")
    all_done(page)
    assert genres(page) == ["melody", "hum"]
    assert page.evaluate("brokenOff") == ["job", "job/result"]


def test_what_comes_to_nothing_gives_the_page_back(
    page: Page, server: Server, songs: list[Path]
) -> None:
    page.goto("/")
    said_before = server.log()
    with server.paused():
        choose(page, songs[0])
        expect(page.locator("#progress-text")).to_have_text("Listening…")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".how")).to_be_visible()
    expect(page.get_by_role("link", name="Drop in the song")).to_be_visible()
    wait_until(lambda: server.state()["workers"] == 2 and server.left() == [])
    assert "worker" not in server.log().removeprefix(said_before)


def test_an_old_answer_that_comes_late_replaces_no_song(page: Page, songs: list[Path]) -> None:
    page.goto("/")
    choose(page, songs[0])
    expect(page.locator(".wave-stage")).to_be_visible()
    held: list[Any] = []
    # The first one only.
    page.route(
        "**/api/v1/jobs/*/result",
        lambda route: route.continue_() if held else held.append(route),
    )
    page.reload()
    wait_until(lambda: bool(page.title() and held))
    choose(page, songs[1])
    hum = "This song is classified as hum."
    expect(page.locator(SENTENCE)).to_have_text(hum)
    expect(page.locator(".wave-stage")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response(held[0].request.url):
        held[0].continue_()
    page.evaluate("() => fetch('/api/v1/health')")
    assert [url.rpartition("/")[2] for url in asked] == ["health"]
    expect(page.locator(SENTENCE)).to_have_text(hum)


def test_the_picture_moves_nothing_when_it_comes(page: Page, songs: list[Path]) -> None:
    drawn = False

    def answer(route: Any) -> None:
        if route.request.method != "GET":
            route.continue_()
            return
        state = route.fetch().json()
        # As long as its picture is being drawn, as far as the page knows.
        route.fulfill(json=state if drawn else {**state, "state": "running"})

    page.route("**/api/v1/jobs/*", answer)
    page.goto("/")
    choose(page, songs[0])
    expect(page.locator(".wave-room")).to_contain_text("Drawing its picture")
    where = "() => document.querySelector('.near').getBoundingClientRect().y + scrollY"
    before = page.evaluate(where)
    drawn = True
    expect(page.locator(".wave-stage")).to_be_visible()
    assert abs(page.evaluate(where) - before) < 4
    page.unroute_all(behavior="ignoreErrors")
