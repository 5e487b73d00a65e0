"""The map finds tracks, names regions, draws neighbors and paths; by mouse, keyboard and touch."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from support.browser import SHIFTS, opened
from support.web import GENRES

pytestmark = pytest.mark.browser


def show(page: Page, address: str = "/map") -> None:
    page.goto(address)
    page.locator("#map-canvas[data-ready]").wait_for()


def find(page: Page, words: str, name: str) -> None:
    page.get_by_label("Find a track").fill(words)
    page.get_by_role("button", name=name).click()
    expect(page.locator("#map-card b").first).to_have_text(name)


def drawn(page: Page, what: str) -> str:
    return page.locator("#map-canvas").get_attribute(f"data-{what}") or ""


def lines(page: Page, count: int) -> None:
    page.wait_for_function(
        "(count) => document.getElementById('map-canvas').dataset.lines === String(count)",
        arg=count,
    )


def picture(page: Page) -> str:
    return page.evaluate("document.getElementById('map-canvas').toDataURL()")


def test_a_map_that_was_dragged_is_drawn_as_if_it_were_drawn_anew(page):
    """Most of it is moved within itself; only its edges are drawn."""
    show(page)
    find(page, "hum number 2", "Hum number 2")
    lines(page, 8)
    box = page.locator("#map-canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in [(90, 0), (90, 60), (0, 130), (-120, 130), (-120, -70), (13, -71)]:
        page.mouse.move(x + dx, y + dy, steps=3)
    page.mouse.up()
    # Away from all points, whose names would be written.
    page.mouse.move(2, 2)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    dragged = picture(page)
    # Other colors and back: now all is drawn.
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => document.getElementById('map-canvas').toDataURL() !== before", arg=dragged
    )
    page.emulate_media(color_scheme="light")
    page.wait_for_function(
        "before => document.getElementById('map-canvas').toDataURL() === before", arg=dragged
    )


def test_regions_have_the_names_of_genres_that_are_shown(page):
    show(page)
    assert sorted(drawn(page, "names").split("\n")) == sorted(GENRES)
    page.locator(".map-genres").get_by_label("hum").uncheck()
    assert sorted(drawn(page, "names").split("\n")) == sorted({*GENRES} - {"hum"})


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_found_moves_nothing(browser, server, width):
    with opened(browser, server.url, viewport={"width": width, "height": 844}) as page:
        page.add_init_script(SHIFTS)
        show(page)
        # On the whole page: a phone scrolls to the field.
        place = "card => card.getBoundingClientRect().top + scrollY"
        where = page.locator("#map-card").evaluate(place)
        # As a script does it: what follows a key would not be counted.
        page.get_by_label("Find a track").fill("melody")
        hits = page.locator(".map-hits")
        expect(hits).to_have_css("opacity", "1")
        expect(hits.get_by_role("button")).to_have_count(8)
        assert page.locator("#map-card").evaluate(place) == where
        page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
        )
        assert page.evaluate("window.shifted") < 0.05
        # It is open as long as the search is in use.
        page.locator(".map-genres input").first.focus()
        expect(hits).to_have_css("opacity", "0")


def test_a_track_is_found_by_keyboard_and_shows_its_neighbors(page):
    show(page)
    before = picture(page)
    page.get_by_label("Find a track").focus()
    # Parts of artist and title in any order, whatever their case.
    page.keyboard.type("NUMBER 3 the melody 1")
    expect(page.locator("#map-found-count")).to_have_text("1 track found.")
    page.keyboard.press("Enter")
    expect(page.locator("#map-card b").first).to_have_text("Melody number 3")
    expect(page.get_by_label("Find a track")).to_have_value("")
    expect(page.locator("#map-canvas")).to_be_focused()
    near = page.locator(".map-near .map-name")
    expect(near).to_have_count(8)
    lines(page, 8)
    assert picture(page) != before
    assert "Melody number 3" not in near.all_inner_texts()
    # They are those of the API.
    found = page.evaluate(
        """async () => {
            const base = document.querySelector("meta[name=base]").content;
            const get = async (path) => (await fetch(base + path)).json();
            const { tracks } = await get("api/v1/tracks?search=Melody%20number%203");
            const { neighbors } = await get(`api/v1/tracks/${tracks[0].id}/similar?k=8`);
            return neighbors.map((one) => one.title);
        }"""
    )
    assert near.all_inner_texts() == found
    # A neighbor leads on, to its own neighbors.
    near.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#map-card b").first).to_have_text(found[0])
    lines(page, 8)
    page.get_by_label("Find a track").fill("no such track")
    expect(page.locator("#map-found-count")).to_have_text("0 tracks found.")


def test_a_hidden_genre_has_no_lines_and_is_shown_when_a_track_of_it_is_found(page):
    show(page)
    find(page, "hum number 2", "Hum number 2")
    lines(page, 8)
    others = page.locator(".map-near .map-name").all_inner_texts()
    melodies = sum(name.startswith("Melody") for name in others)
    page.locator(".map-genres").get_by_label("melody").uncheck()
    lines(page, 8 - melodies)
    page.get_by_label("Find a track").fill("melody number 1")
    # What is hidden can be found all the same.
    page.get_by_role("button", name="Melody number 1").click()
    expect(page.locator(".map-genres").get_by_label("melody")).to_be_checked()
    expect(page.locator("#map-card b").first).to_have_text("Melody number 1")


def test_a_path_is_drawn_from_one_track_to_another(page):
    show(page)
    find(page, "hiss number 0", "Hiss number 0")
    lines(page, 8)
    before = picture(page)
    page.get_by_role("button", name="Path from here").click()
    expect(page.get_by_role("button", name="Now choose where it ends")).to_be_disabled()
    find(page, "melody number 8", "Melody number 8")
    page.get_by_role("button", name="Path from Hiss number 0 to here").click()
    steps = page.locator("#map-path li")
    expect(steps.first).to_contain_text("Hiss number 0")
    expect(steps.last).to_contain_text("Melody number 8")
    assert steps.count() > 2
    expect(page.locator("#map-path h2")).to_be_focused()
    assert picture(page) != before
    assert re.search(r"#path=[\d,]+$", page.url)
    names = steps.all_inner_texts()
    # It is there after loading again, and where others lead here with it.
    page.reload()
    expect(steps).to_have_text(names)
    steps.nth(1).get_by_role("button").click()
    expect(page.locator("#map-card b").first).to_have_text(
        steps.nth(1).get_by_role("button").inner_text()
    )
    page.locator("#map-path").get_by_role("button", name="Play").click()
    expect(page.locator("#bar-where")).to_have_text(
        re.compile(r"^From Hiss number 0 to Melody number 8, \d+ of ")
    )
    page.get_by_role("link", name="Change or save", exact=True).click()
    expect(page.locator("#songs li")).to_have_count(len(names))
    page.get_by_role("link", name="Show on the map").click()
    expect(steps).to_have_text(names)
    page.get_by_role("button", name="Take away").click()
    expect(page.locator("#map-path")).to_be_hidden()
    assert "#" not in page.url


def test_tracks_of_a_path_that_are_gone_are_left_out(browser, server):
    with opened(browser, server.url) as page:
        show(page, "/map#path=1,999999,2")
        expect(page.locator("#map-path li")).to_have_count(2)
        # A link within the page takes nothing away.
        page.evaluate("location.hash = 'main'")
        expect(page.locator("#map-path li")).to_have_count(2)
        page.evaluate("location.hash = 'path=3,4,5'")
        expect(page.locator("#map-path li")).to_have_count(3)


MODULES = """
    const script = document.querySelector("script[src*='map.js']").src;
    const { Points } = await import(script.replace("map.js", "map_points.js"));
    const { Grid } = await import(script.replace("map.js", "map_grid.js"));
    const { Levels } = await import(script.replace("map.js", "map_levels.js"));
    let seed = 1;
    const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
    // Half of them in a few dense places.
    const dense = () => Math.round(4 * random()) / 4 + random() / 99 - 0.5;
    const place = (_, i) => (i % 2 ? 2 * random() - 1 : dense());
    const places = (n) => Float32Array.from({ length: n }, place);
    const [n, even] = [20_000, (row) => row % 10 !== 0];
    const [xs, ys] = [places(n), places(n)];
    const codes = Uint8Array.from(xs, (_, row) => row % 7);
"""
"""Made points for what the page does with very many; one of ten is hidden."""


def test_what_is_near_a_place_is_what_looking_at_all_points_finds(page):
    show(page)
    wrong = page.evaluate(
        """async () => {"""
        + MODULES
        + """
            const grid = new Grid(xs, ys);
            const wrong = [];
            for (let i = 0; i < 200; i += 1) {
                const across = 300 * (1 + 9 * random());
                const scale = { across, up: 200, left: 500 * random(), top: 300 };
                const [px, py] = [900 * random(), 600 * random()];
                let least = 24;
                let count = 0;
                for (let row = 0; row < n; row += 1) {
                    const x = scale.left + xs[row] * scale.across;
                    const y = scale.top - ys[row] * scale.up;
                    if (!even(row)) continue;
                    least = Math.min(least, Math.hypot(x - px, y - py));
                    if (x >= 0 && x <= 900 && y >= 0 && y <= 600) count += 1;
                }
                const [row, far] = grid.nearest(scale, px, py, 24, even);
                if (Math.abs(far - least) > 0.01) wrong.push([far, least]);
                if ((row < 0) !== (least === 24)) wrong.push([row, least]);
                // Points at the very edge may be rounded to either side.
                const seen = (most) => grid.seen(scale, 900, 600, most, even);
                if (Math.abs(seen(n).length - count) > 2) wrong.push([seen(n).length, count]);
                if (count > 3 && seen(count - 3) !== null) wrong.push(count);
            }
            return wrong;
        }"""
    )
    assert wrong == []


def test_of_very_many_points_those_are_drawn_that_others_do_not_cover(page):
    show(page)
    found = page.evaluate(
        """async () => {"""
        + MODULES
        + """
            const unit = { across: 400, up: 280 };
            const apart = (zoom) => 3 + zoom / 4;
            const levels = new Levels({ xs, ys, codes }, even, unit, apart);
            const left = [];
            for (const zoom of [1, 1.5, 2, 4, 7, 8, 40]) {
                const count = levels.drawn(zoom);
                const cells = new Set();
                const level = 2 ** Math.ceil(Math.log2(zoom));
                // What is left out lies within a cell, so near one that is drawn.
                const cell = (row) => [xs[row] * unit.across * level, ys[row] * unit.up * level]
                    .map((value) => Math.floor(value / apart(level)));
                for (const row of levels.rows.subarray(0, count)) cells.add(cell(row).join());
                const far = [...levels.rows.subarray(count)].filter((row) => {
                    const [x, y] = cell(row);
                    const near = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy]));
                    return !near.some(([dx, dy]) => cells.has([x + dx, y + dy].join()));
                });
                left.push([count, far.length]);
            }
            const few = new Levels({ xs, ys, codes }, (row) => row < 3000, unit, apart);
            const same = levels.rows.every((row, i) => levels.xs[i] === xs[row]
                && levels.ys[i] === ys[row] && levels.codes[i] === codes[row]);
            return { left, same, all: [...levels.rows].sort((a, b) => a - b), few: few.drawn(1) };
        }"""
    )
    assert found["all"] == [row for row in range(20_000) if row % 10]
    assert found["same"]
    drawn = [count for count, _ in found["left"]]
    assert drawn == sorted(drawn)
    assert drawn[0] < 10_000
    assert drawn[-1] == 18_000
    assert [far for _, far in found["left"]] == [0] * len(drawn)
    # Few are drawn as they are.
    assert found["few"] == 3000


def test_names_of_very_many_are_asked_for_when_somebody_looks(browser, server):
    many = 6_000
    rng = np.random.default_rng(0)
    ids = np.arange(many, dtype="<u4") + 1_000
    steps = rng.integers(0, 65_536, size=(2, many)).astype("<u2")
    names = b'["hiss", "hum"]'
    head = struct.pack(
        "<4sHHIIQ6fBBHI8x",
        b"EMAP",
        1,
        64,
        many,
        many,
        1,
        -1,
        -1,
        1,
        1,
        0.5,
        0.2,
        4,
        1,
        0,
        len(names),
    )
    codes = (ids % 2).astype("<u1")
    body = b"".join(
        [head, ids.tobytes(), *(axis.tobytes() for axis in steps), codes.tobytes(), names]
    )
    asked: list[list[int]] = []

    def tell(route):
        wanted = [int(one) for one in re.findall(r"id=(\d+)", route.request.url)]
        asked.append(wanted)
        told = [
            {"id": one, "x": 0, "y": 0, "genre": "hum", "track": f"track {one}", "title": None,
             "artist": None, "audio": None, "duration": 1.0}
            for one in wanted
        ]  # fmt: skip
        route.fulfill(json={"tracks": told, "total": len(told)})

    with opened(browser, server.url, expect="404") as page:
        page.route("**/api/v1/map/points", lambda route: route.fulfill(body=body))
        page.route("**/api/v1/map/tracks?*", tell)
        show(page)
        assert drawn(page, "ready") == str(many)
        assert sorted(drawn(page, "names").split("\n")) == ["hiss", "hum"]
        # All are in sight, and nobody looks at one.
        assert asked == []
        canvas = page.locator("#map-canvas")
        canvas.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#map-card b").first).to_have_text("track 1000")
        assert asked == [[1000]]
        before = picture(page)
        box = canvas.bounding_box()
        place = steps[:, 7] / 65_535 * 2 - 1
        x = box["x"] + box["width"] * (0.5 + 0.46 * place[0])
        y = box["y"] + box["height"] * (0.5 - 0.46 * place[1])
        page.mouse.move(x, y)
        page.wait_for_function(
            "before => document.getElementById('map-canvas').toDataURL() !== before", arg=before
        )
        # Another may lie as near, and one that is passed on the way may be asked for, too.
        assert all(len(wanted) == 1 for wanted in asked)
        assert len(asked) <= 3
        # Drawn near, all of the few in sight have names before anybody points at them.
        with page.expect_request(lambda request: request.url.count("id=") > 1) as seen:
            for _ in range(9):
                page.keyboard.press("+")
        assert seen.value.url.count("id=") <= 200


def test_what_is_chosen_has_more_like_it(page):
    show(page)
    find(page, "hum number 5", "Hum number 5")
    page.locator("#map-card").get_by_role("button", name="More like this").click()
    expect(page.locator("#bar-where")).to_have_text(re.compile("^Like Hum number 5, "))
    expect(page.locator("#map-card").get_by_role("button", name="Play Hum")).to_be_visible()


def test_by_touch_on_a_phone(browser, server):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, server.url, **phone) as page:
        show(page)
        page.get_by_label("Find a track").fill("hiss number 1")
        page.get_by_role("button", name="Hiss number 1").tap()
        card = page.locator("#map-card")
        expect(card.locator("b").first).to_have_text("Hiss number 1")
        card.get_by_role("button", name="More like this").tap()
        expect(page.locator("#bar-title")).to_have_text("Hiss number 1")
        # The card lies above the player, and both are in view.
        page.wait_for_function(
            """() => document.getElementById("map-card").getBoundingClientRect().bottom
                <= document.getElementById("bar").getBoundingClientRect().top + 1"""
        )
        assert page.locator("#bar").bounding_box()["y"] < 844
        card.get_by_role("button", name="Path from here").tap()
        page.get_by_label("Find a track").fill("melody number 2")
        page.get_by_role("button", name="Melody number 2").tap()
        card.get_by_role("button", name="to here").tap()
        expect(page.locator("#map-path li").first).to_contain_text("Hiss number 1")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
