"""What single scripts of the pages do, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from support.browser import opened

pytestmark = pytest.mark.browser

PICTURE = """async ({ timeline, duration }) => {
    const page = document.querySelector("script[type=module]").src;
    const { picture } = await import(new URL("wave.js", page));
    const place = document.createElement("div");
    document.querySelector("main").append(place);
    picture(place, { timeline, waveform: [0.1, 0.5, 0.3], prediction: { duration } }, null);
    const rows = [...place.querySelectorAll("tbody tr")];
    return {
        rows: rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
        parts: [...place.querySelectorAll(".segment:not(.g-none)")].map(
            (part) => [part.title, Number(part.style.flexGrow), part.classList.contains("unsure")]),
    };
}"""


def drawn(page, duration, *timeline):
    keys = ("start", "stop", "genre", "confidence")
    segments = [dict(zip(keys, segment, strict=True)) for segment in timeline]
    return page.evaluate(PICTURE, {"timeline": segments, "duration": duration})


def test_neighboring_segments_of_one_genre_are_one_as_sure_as_they_are_on_average(page):
    page.goto("/")
    found = drawn(
        page,
        32.0,
        (0.0, 10.0, "hum", 0.9),
        (10.0, 12.0, "hum", 0.3),
        (12.0, 17.0, "hiss", 0.2),
        (17.0, 20.0, "hiss", 0.4),
        (20.0, 22.0, "hiss", 0.75),
        (25.0, 30.0, "hiss", 0.9),
        (30.0, 32.0, "hum", 0.5),
    )
    # Each second weighs the same: (10 × 0.9 + 2 × 0.3) / 12 of the first, and so on.
    assert found["rows"] == [
        ["0:00–0:12", "hum", "80%"],
        ["0:12–0:22", "hiss", "37%"],
        ["0:25–0:30", "hiss", "90%"],
        ["0:30–0:32", "hum", "50%"],
    ]
    assert found["parts"] == [
        ["0:00–0:12 hum, 80%", 12, False],
        ["0:12–0:22 hiss, 37%", 10, True],
        ["0:25–0:30 hiss, 90%", 5, False],
        ["0:30–0:32 hum, 50%", 2, False],
    ]


# Keeps what is to happen after a pause of two seconds until the test lets it happen.
PAUSES = """
    const later = window.setTimeout;
    window.pauses = [];
    window.setTimeout = (work, time, ...rest) =>
        time === 2000 ? window.pauses.push(work) : later(work, time, ...rest);
"""


def refusing(page, *statuses):
    """Have the server refuse so many songs first; return the statuses of all that were sent."""
    sent = []

    def answer(route):
        status = statuses[len(sent)] if len(sent) < len(statuses) else 202
        sent.append(status)
        if status == 202:
            route.continue_()
        else:
            route.fulfill(status=status, json={"status": status, "detail": "come again"})

    page.route("**/api/v1/jobs", answer)
    return sent


def until_it_waits(page):
    page.wait_for_function("() => window.pauses.length === 1")
    expect(page.locator("#progress")).to_contain_text("Waiting for the server")
    expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("statuses", [(429,), (503,), (429, 503, 429)])
def test_a_song_that_came_too_soon_is_sent_again_after_a_pause(
    browser, server, tune_file, statuses
):
    with opened(browser, server.url, expect="responded with a status of") as page:
        page.add_init_script(PAUSES)
        sent = refusing(page, *statuses)
        page.goto("/")
        page.set_input_files("#file", str(tune_file))
        for number in range(len(statuses)):
            until_it_waits(page)
            assert len(sent) == number + 1
            page.evaluate("() => window.pauses.pop()()")
        expect(page.locator(".answer .sentence")).to_have_text(
            re.compile(r"classified as melody\.")
        )
        assert sent == [*statuses, 202]


def test_a_song_that_waits_can_be_called_off(browser, server, tune_file):
    with opened(browser, server.url, expect="responded with a status of") as page:
        page.add_init_script(PAUSES)
        sent = refusing(page, 429)
        page.goto("/")
        page.set_input_files("#file", str(tune_file))
        until_it_waits(page)
        page.locator("#cancel").click()
        page.evaluate("() => window.pauses.pop()()")
        expect(page.locator("#progress")).to_be_hidden()
        assert sent == [429]
        assert page.locator(".answer").count() == 0


def test_what_is_refused_for_good_is_not_sent_again(browser, server, tune_file):
    with opened(browser, server.url, expect="responded with a status of") as page:
        page.add_init_script(PAUSES)
        sent = refusing(page, 413)
        page.goto("/")
        page.set_input_files("#file", str(tune_file))
        expect(page.locator("#trouble")).to_contain_text("come again")
        assert sent == [413]
        assert page.evaluate("() => window.pauses.length") == 0
