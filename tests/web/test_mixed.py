"""The page and the API say where a recording is several things."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from earmark.features import get_extractor
from earmark.testing import RATE, make_library, make_song, write_wav
from support.browser import opened
from support.web import Server

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def medley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pieces = {"hum": 15, "hiss": 9, "melody": 21}
    samples = [make_song(genre, 9, seconds) for genre, seconds in pieces.items()]
    path = tmp_path_factory.mktemp("several") / "medley.wav"
    return write_wav(path, np.concatenate(samples), RATE)


@pytest.fixture(scope="module")
def hearing_server(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Iterator[Server]:
    """A server of a library whose vectors are those of the network."""
    folder = tmp_path_factory.mktemp("heard")
    make_library(folder / "heard.earmark", music, get_extractor("musicnn")).close()
    with Server(folder, "--library", str(folder / "heard.earmark"), workers=1) as running:
        yield running


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_the_page_says_of_what_a_medley_is_mixed(
    browser: Browser, hearing_server: Server, medley: Path, device: dict[str, object]
) -> None:
    with opened(browser, hearing_server.url, **device) as page:
        page.goto("/")
        page.set_input_files("#file", str(medley))
        said = re.compile(
            r"This recording is mixed: melody 4\d%, hum 3\d%, hiss [12]\d% of its time\."
        )
        expect(page.locator(".answer .sentence")).to_have_text(said)
        expect(page.locator(".answer .sure")).to_contain_text("Taken as one song")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_table_of_several_songs_counts_what_is_mixed(
    browser: Browser, hearing_server: Server, medley: Path, tune_file: Path
) -> None:
    with opened(browser, hearing_server.url) as page:
        page.goto("/")
        page.set_input_files("#file", [str(medley), str(tune_file)])
        expect(page.get_by_role("cell", name="mixed, mostly melody")).to_be_visible()
        expect(page.locator("[data-kind=mixed]")).to_contain_text("1")


def test_the_api_says_it(hearing_server: Server, medley: Path) -> None:
    body = b"".join(
        [
            b'--edge\r\nContent-Disposition: form-data; name="file"; filename="m.wav"\r\n\r\n',
            medley.read_bytes(),
            b"\r\n--edge--\r\n",
        ]
    )
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    asked = urllib.request.Request(f"{hearing_server.url}/api/v1/classify", body, kind)
    with urllib.request.urlopen(asked) as answer:
        found = json.load(answer)["results"][0]["prediction"]
    assert found["mixed"]
    assert list(found["shares"]) == ["melody", "hum", "hiss"]
    assert found["sentence"].startswith("This recording is mixed: melody 4")
