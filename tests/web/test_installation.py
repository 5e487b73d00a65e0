"""Installed as an application: manifest, icons, and a page while the server is away."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from support.browser import opened
from support.web import Server


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


@pytest.mark.slow
def test_the_manifest_names_icons_of_the_sizes_that_it_says(client) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    found = answer.json
    assert found["start_url"] == found["scope"] == "/"
    assert {icon["purpose"] for icon in found["icons"]} == {"any", "maskable"}
    for icon in found["icons"]:
        across, down = size_of(client.get(icon["src"]).data)
        assert icon["sizes"] == f"{across}x{down}"
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in found["icons"]}


def test_there_is_an_icon_for_those_who_guess_its_name(client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.mimetype in ("image/x-icon", "image/vnd.microsoft.icon")
    assert answer.data[:4] == b"\0\0\1\0"
    assert size_of(answer.data[22:]) == (32, 32)


def test_everything_for_it_lies_below_the_prefix(make_app) -> None:
    app = make_app(prefix="/earmark")
    client = app.test_client()
    found = client.get("/earmark/manifest.webmanifest").json
    assert found["start_url"] == "/earmark/"
    assert all(icon["src"].startswith("/earmark/static/") for icon in found["icons"])
    assert '"/earmark/away"' in client.get("/earmark/service-worker.js").text


def test_the_page_for_then_holds_nothing_of_the_server(make_app) -> None:
    client = make_app(token="a secret of some length", read="closed", local=False).test_client()
    page = client.get("/away")
    assert page.status_code == 200
    assert "csrf" not in page.text
    assert "melody" not in page.text


@pytest.mark.browser
def test_an_installed_page_says_that_the_server_is_away(
    browser: Browser, tmp_path: Path, original: Path, music: Path
) -> None:
    library = Path(shutil.copy(original, tmp_path / "small.earmark"))
    options = ["--library", str(library), "--music", str(music)]
    with (
        Server(tmp_path, *options, workers=1) as server,
        opened(browser, server.url, expect="ERR_CONNECTION_REFUSED") as page,
    ):
        # Who only visits is left without a service worker.
        page.goto("/")
        count = "async () => (await navigator.serviceWorker.getRegistrations()).length"
        assert page.evaluate(count) == 0
        page.evaluate("() => dispatchEvent(new Event('appinstalled'))")
        page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        page.goto("/library")
        expect(page.get_by_role("heading", level=1)).to_have_text("Library")
        server.stop()
        page.goto("/map")
        expect(page.get_by_role("heading", level=1)).to_have_text("The server is away")
        # It keeps its looks, too.
        assert page.evaluate("document.styleSheets[0].cssRules.length") > 50
        expect(page.get_by_role("link", name="Try again")).to_be_visible()
