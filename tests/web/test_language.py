"""Pages in the language that a browser asks for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from earmark.neighbors import UNLIKE
from earmark.web import language
from earmark.words import PLACE, fill
from support.browser import opened

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (None, "en"),
        ("en-GB,en;q=0.9,de;q=0.1", "en"),
        ("de", "de"),
        ("de-CH", "de"),
        ("fr, de;q=0.5, en;q=0.2", "de"),
        ("fr", "en"),
        ("*", "en"),
        ("\x7f;;q=nan", "en"),
    ],
)
def test_the_browser_chooses(client: FlaskClient, asked: str | None, answered: str) -> None:
    page = client.get("/", headers={} if asked is None else {"Accept-Language": asked})
    assert f'<html lang="{answered}">' in page.text
    assert ("Wonach klingt" in page.text) == (answered == "de")
    assert "Accept-Language" in page.headers["Vary"]


def test_what_does_not_depend_on_the_language_does_not_say_so(client: FlaskClient) -> None:
    for path in ("/api/v1/library", "/api/v1/jobs/none", "/media/tracks/0"):
        assert "Accept-Language" not in client.get(path, headers=GERMAN).headers.get("Vary", "")


def test_programs_are_answered_in_english(client: FlaskClient, tune_file: Any) -> None:
    problem = client.get("/api/v1/jobs/none", headers=GERMAN).json
    assert problem == client.get("/api/v1/jobs/none").json
    with tune_file.open("rb") as song:
        said = client.post("/predict", data={"file": (song, "tune.wav")}, headers=GERMAN)
    assert said.text == "This song is classified as melody."


def test_a_form_without_scripts_is_answered_in_german(client: FlaskClient, tune_file: Any) -> None:
    home = client.get("/", headers=GERMAN).text
    secret = re.search(r'name="csrf-token" content="([^"]+)"', home)
    assert secret is not None
    with tune_file.open("rb") as song:
        data = {"file": (song, "tune.wav"), "csrf_token": secret[1]}
        page = client.post("/", data=data, headers=GERMAN).text
    assert "Dieser Song wird als <strong>melody</strong> eingeordnet." in page
    # Numbers are written as there.
    assert re.search(r"<span>(?:&gt;)?\d+\N{NO-BREAK SPACE}%</span>", page)
    assert re.search(r'title="Abstand \d+,\d+', page)


def test_values_in_texts_are_cleaned_as_those_beside_them(app: Any) -> None:
    template = app.jinja_env.from_string(
        "{{ _('Play %(name)s', name=name) }}|{% trans name %}Like {{ name }}{% endtrans %}"
    )
    with app.test_request_context(headers=GERMAN):
        # The name of a file that steers a terminal, or tries to be a tag.
        name = "<b>\u202e\x1b & 5% %(name)s"
        clean = "&lt;b&gt;\ufffd\ufffd &amp; 5% %(name)s"
        assert template.render(name=name) == f"{clean} abspielen|Wie {clean}"


def test_the_manifest_and_the_page_for_a_server_that_is_away_are_german(
    client: FlaskClient,
) -> None:
    assert client.get("/manifest.webmanifest", headers=GERMAN).json["lang"] == "de"
    assert "Der Server ist nicht da" in client.get("/away", headers=GERMAN).text
    # An installed application fetches it anew when the language changes.
    scripts = {client.get("/service-worker.js", headers=asked).text for asked in ({}, GERMAN)}
    assert len(scripts) == 2


# The texts of scripts


def test_scripts_are_told_their_texts_under_an_address_that_changes_with_them(
    client: FlaskClient,
) -> None:
    assert "/texts/" not in client.get("/").text
    found = re.search(r'src="(/texts/\w+/de\.js)" defer', client.get("/", headers=GERMAN).text)
    assert found is not None
    answer = client.get(found[1])
    assert answer.mimetype == "text/javascript"
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    told = json.loads(answer.text.removeprefix("globalThis.earmarkTexts = ").rstrip(";\n"))
    assert told["Play %(name)s"] == "%(name)s abspielen"
    # What only pages say is not sent along.
    assert "How it decides" not in told
    # The address of before an update is not kept by browsers.
    assert client.get("/texts/0/de.js").headers["Cache-Control"] == "no-store"
    assert client.get("/texts/0/fr.js").status_code == 404


# Sentences of other parts


def test_a_sentence_of_another_part_is_found_by_its_pattern(app: Any) -> None:
    with app.test_request_context(headers=GERMAN):
        assert language.retold(UNLIKE) == "er gleicht den Songs dieser Bibliothek nicht"
        between = "it lies between drum and bass and soul"
        assert language.retold(between) == "er liegt zwischen drum und bass and soul"
        assert language.retold("nobody says this") == "nobody says this"
    with app.test_request_context():
        assert language.retold(UNLIKE) == UNLIKE


SAID = [
    (form, german)
    for text in language.texts("de")
    if text.said
    for form, german in zip(text.forms, text.translated, strict=True)
]


@given(st.sampled_from(SAID), st.data())
def test_every_such_sentence_is_found_whatever_its_values_are(
    said: tuple[str, str], data: st.DataObject
) -> None:
    english, german = said
    word = st.text("abc ü(,.%\n", min_size=1, max_size=5)
    values = {name: f"x{data.draw(word)}x" for name in PLACE.findall(english) if name}
    assert language._retold(fill(english, values), "de") == fill(german, values)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("1,234.5", "1.234,5"),
        ("<1%", "<1\N{NO-BREAK SPACE}%"),
        ("80.5%", "80,5\N{NO-BREAK SPACE}%"),
    ],
)
def test_numbers_are_written_as_the_language_does(app: Any, english: str, german: str) -> None:
    with app.test_request_context(headers=GERMAN):
        assert language.number(english) == german
        assert language.number("R.E.M.") == "R.E.M."
    with app.test_request_context():
        assert language.number(english) == english


@pytest.mark.browser
def test_scripts_speak_german(browser: Any, server: Any, tune_file: Any) -> None:
    with opened(browser, server.url, locale="de-DE") as page:
        page.goto("/")
        page.set_input_files("#file", str(tune_file))
        expect(page.locator(".sentence")).to_have_text("Dieser Song wird als melody eingeordnet.")
        expect(page.get_by_role("slider", name="Stelle im Song", exact=True)).to_be_visible()
        expect(page.locator(".wave-now")).to_contain_text("von")
        # Scripts write numbers as the page does.
        script = """async () => {
            const page = document.querySelector("script[type=module]").src;
            const { number, parts, percent, tn } = await import(new URL("texts.js", page));
            const node = document.createElement("b");
            const placed = parts("Like %(name)s", { name: node })[1] === node;
            return [percent(0.123), percent(0.001), number(1234.5, 2), placed];
        }"""
        assert page.evaluate(script) == ["12\xa0%", "<1\xa0%", "1234,50", True]


# What is looked at in German on a phone, where words are longest and room is least.
GERMAN_PAGES = {
    "home": "/",
    "library": "/library",
    "map": "/map",
    "music": "/music",
    "playlist": "/playlist?genre=melody&minutes=1",
    "libraries": "/libraries",
    "report": "/report",
    "corrections": "/corrections",
    "audit": "/audit",
    "label": "/label",
    "api": "/api/v1/docs",
    "sign-in": "/sign-in",
}

CUT = """() => [...document.querySelectorAll("main *, header *, footer *")].filter((one) => {
    const style = getComputedStyle(one);
    if (one.closest(".visually-hidden, .scroll") || !one.getClientRects().length) return false;
    return ["hidden", "clip"].includes(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
}).map((one) => one.outerHTML.slice(0, 200))"""


@pytest.mark.browser
def test_no_german_word_is_cut_on_a_phone(browser: Any, server: Any, axe: str) -> None:
    faults = {}
    narrow = {"viewport": {"width": 360, "height": 740}, "reduced_motion": "reduce"}
    with opened(browser, server.url, locale="de-DE", **narrow) as page:
        for name, path in GERMAN_PAGES.items():
            page.goto(path)
            assert page.evaluate("document.documentElement.lang") == "de"
            beyond = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            if page.evaluate(beyond):
                faults[name] = ["is wider than the phone"]
            cut = page.evaluate(CUT)
            if cut:
                faults[name] = cut
            if name in ("home", "library", "playlist"):
                page.evaluate(axe)
                rules = "() => axe.run(document, { resultTypes: ['violations'] })"
                found = page.evaluate(rules)["violations"]
                faults.update({f"{name} {one['id']}": one["help"] for one in found})
    assert faults == {}
