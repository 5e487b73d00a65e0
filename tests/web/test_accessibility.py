"""axe-core on every page, in light and dark, wide and narrow; and a picture of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from support import sounds
from support.browser import SHIFTS, launch, opened, violations
from support.web import RATE, song

pytestmark = pytest.mark.browser

HERE = Path(__file__).resolve().parent
SCREENSHOTS = HERE.parent / "screenshots"
SCHEMES = ("light", "dark")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}
PAGES = {
    "home": "/",
    "listening": "/",
    "microphone": "/",
    "answer": "/",
    "several": "/",
    "trouble": "/",
    "library": "/library",
    "map": "/map#path=1,5,12,20",
    "music": "/music?folder=hum",
    "libraries": "/libraries",
    "playlist": "/playlist?genre=melody&minutes=1&not_genre=hum",
    "player": "/library",
    "report": "/report",
    "report-tracks": "/report/tracks?genre=melody&answer=melody",
    "corrections": "/corrections",
    "audit": "/audit",
    "label": "/label",
    "api": "/api/v1/docs#post-api-v1-classify",
    "error": "/none",
    "sign-in": "/sign-in",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    microphone = tmp_path_factory.mktemp("microphone") / "sound.wav"
    sounds.write(microphone, song("melody", 70, 1.0), RATE)
    with sync_playwright() as playwright:
        started = launch(playwright, microphone)
        yield started
        started.close()


def prepare(page, name, tune_file, bad_file):
    """Bring a page into the state that is looked at."""
    if name == "listening":
        # It is held until another page is opened.
        page.route("**/api/v1/jobs", lambda route: None, times=1)
        page.set_input_files("#file", str(tune_file))
        expect(page.locator(".wave-room .wave-form")).to_be_visible()
    elif name == "microphone":
        page.get_by_role("button", name="Record").click()
        expect(page.locator(".interim .odds")).to_be_visible()
    elif name == "answer":
        page.set_input_files("#file", str(tune_file))
        expect(page.locator(".wave-stage")).to_be_visible()
    elif name == "several":
        page.set_input_files("#file", [str(tune_file), str(bad_file)])
        expect(page.locator(".many-state")).to_have_text("All done.")
        page.get_by_role("button", name="Why, for").click()
        expect(page.locator(".wave-stage")).to_be_visible()
    elif name == "trouble":
        # The table of before stays until it is cleared.
        page.get_by_role("button", name="Clear").click()
        page.set_input_files("#file", str(bad_file))
        expect(page.locator("#trouble")).to_be_visible()
    elif name == "map":
        page.locator("#map-canvas[data-ready]").wait_for()
        expect(page.locator("#map-path li").first).to_be_visible()
    elif name == "player":
        page.get_by_role("button", name="More like this").first.click()
        page.get_by_role("button", name="Songs", exact=True).click()
        expect(page.locator("#bar-songs li").first).to_be_visible()
    elif name == "report":
        page.get_by_role("button", name="Close the player").click()
        expect(page.locator(".figures")).to_be_visible()
    elif name == "api":
        operation = page.locator("#post-api-v1-classify")
        operation.locator("input[type=file]").set_input_files(str(tune_file))
        operation.get_by_role("button", name="Try it").click()
        expect(operation.locator(".tried-status")).to_contain_text("200")


def search_map(page):
    """Choose a track of the map, and look for others."""
    page.get_by_label("Find a track").fill("melody number 3")
    page.get_by_role("button", name="Melody number 3").first.click()
    expect(page.locator("#map-canvas[data-lines='8']")).to_be_visible()
    page.get_by_label("Find a track").fill("hiss")


def look(page, width, axe, tune_file, bad_file):
    """Bring every page into its state; return what axe-core finds there in light and in dark."""
    all_found = {scheme: [] for scheme in SCHEMES}
    for name, path in PAGES.items():
        page.goto("about:blank")
        page.goto(path)
        prepare(page, name, tune_file, bad_file)
        if name == "map":
            search_map(page)
        for scheme, found in all_found.items():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
            found += [
                f"{name}: {one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}"
                for one in violations(page, axe, tags=TAGS)
            ]
    return all_found


@pytest.fixture(scope="module", params=WIDTHS)
def looked_at(request, browser, server, axe, tune_file, tmp_path_factory):
    """The width of a window, and what axe-core found there in light and in dark."""
    bad_file = tmp_path_factory.mktemp("bad") / "words.mp3"
    bad_file.write_text("words")
    SCREENSHOTS.mkdir(exist_ok=True)
    across, down = WIDTHS[request.param]
    options = {"viewport": {"width": across, "height": down}, "reduced_motion": "reduce"}
    with opened(browser, server.url, expect="404", **options) as page:
        return request.param, look(page, request.param, axe, tune_file, bad_file)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_accessible(looked_at, scheme):
    width, found = looked_at
    # Not only serious and critical ones: none at all.
    assert found[scheme] == [], width


# What follows a click is left out: the browser counts it by how quick the machine is.
ASKED_FOR = ("listening", "microphone", "answer", "several", "trouble", "api")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_while_a_page_comes(browser, server, tune_file, width):
    across, down = WIDTHS[width]
    options = {"viewport": {"width": across, "height": down}}
    jumped = {}
    with opened(browser, server.url, expect="404", **options) as page:
        page.add_init_script(SHIFTS)
        for name, path in {**PAGES, "api": "/api/v1/docs"}.items():
            page.goto("about:blank")
            page.goto(path)
            if name not in ASKED_FOR:
                prepare(page, name, tune_file, tune_file)
            # What moves is told with the frame after it.
            page.evaluate(
                "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
            )
            jumped[name] = page.evaluate("window.shifted")
    assert {name: shift for name, shift in jumped.items() if shift >= 0.05} == {}
