"""The report stands by itself, and looks finished in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.evaluation.comparison import compare
from earmark.evaluation.cross_validation import SplitPredictions, Vote, cross_val_predict
from earmark.evaluation.evaluating import evaluate
from earmark.evaluation.evaluation_set import EvaluationSet, load_evaluation_set
from earmark.evaluation.leakage import percent
from earmark.evaluation.reporting.html import report_html
from earmark.evaluation.reporting.svg import answer_chart, calibration_chart
from earmark.evaluation.scores import score_predictions
from earmark.evaluation.split_choice import SplitRequest
from earmark.evaluation.splits import LeaveOneArtistOut
from earmark.importing.classic import import_classic
from earmark.library import open_library
from support.evaluated import make_evaluation_set
from support.programs import find_or_skip
from support.skips import import_or_skip

SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"
VOID = {"meta", "link", "br", "hr", "img", "input", "path", "line", "circle", "polyline", "col"}


class Tags(HTMLParser):
    """Check that every tag is closed, in order, and collect ids and references."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page_of(data: EvaluationSet, vote: Vote | None = None, **options: Any) -> str:
    return report_html(evaluate(data, None, vote or Vote(majority=True), **options))


def test_the_page_needs_nothing_else() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=2.0)
    votes = (Vote(3, majority=True), Vote(9, majority=True))
    comparison = compare(data, data, votes, lambda _: LeaveOneArtistOut())
    page = page_of(data, comparison=comparison, command="earmark evaluate l.earmark")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "iframe", "object", "embed", "img"}
    assert not re.search(r"(?:https?:)?//|url\(|@import", page.replace("http://www.w3.org", ""))
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags.found:
        for reference in (attributes.get("aria-labelledby") or "").split():
            assert reference in ids
    for part in ("believe", "Genre by genre", "taken for", "worst mistakes", "Compared", "audited"):
        assert part in page
    assert "earmark evaluate l.earmark" in page


def test_names_of_tracks_cannot_write_the_page() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=3.0)
    evil = '<script>alert("x")</script>'
    tracks = tuple(
        replace(track, name=evil + track.name, title=evil, genre=str(track.genre) + "<b>")
        for track in data.tracks
    )
    artists = tuple(evil + str(i // 4) for i in range(len(data)))
    page = page_of(replace(data, tracks=tracks, artists=artists, source=evil))
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.slow
@pytest.mark.parametrize("level", ["leaky", "unknown", "fitted"])
def test_every_kind_of_evaluation_has_a_page(level: str) -> None:
    data = make_evaluation_set(n_artists=18, known=level != "unknown")
    if level == "leaky":
        page = report_html(evaluate(data, SplitRequest("random", repeats=2), Vote(majority=True)))
        assert "Do not believe it." in page
    elif level == "unknown":
        assert "It is not known whether to believe it." in page_of(data)
    else:
        page = page_of(data, Vote(majority=False))
        assert "prediction sets hold the genre" in page


def test_many_genres_have_no_matrix_but_the_confusions() -> None:
    data = make_evaluation_set(60, 2, genres=[f"genre {i}" for i in range(30)], artist_spread=3.0)
    page = page_of(data, other_splits=False)
    assert 'class="matrix"' not in page
    assert "Most often:" in page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the public features where these are there, else on made-up tracks."""
    folder = tmp_path_factory.mktemp("report")
    public = Path(__file__).resolve().parents[3] / "shared" / "data" / "mydat" / "gtzan1000.dat"
    data = make_evaluation_set(30, 5, artist_spread=2.0)
    if public.exists():
        import_classic(public, folder / "gtzan1000.earmark", genres="gtzan")
        with open_library(folder / "gtzan1000.earmark") as library:
            data = replace(load_evaluation_set(library), source="gtzan1000.earmark")
    page = page_of(data, command="earmark evaluate gtzan1000.earmark --report out.html")
    (folder / "out.html").write_text(page, "utf-8")
    return folder / "out.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = find_or_skip("chromium")
    playwright = import_or_skip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_the_screen(browser: Any, report: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(report.as_uri())
    assert asked == [report.as_uri()]
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").is_visible()
    assert page.locator("svg.chart").count() == 2
    # text does not stick out of what holds it, but for what scrolls by itself
    out = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(e =>
             !e.closest(".scroll, pre, svg, .again") &&
             e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
           ).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert out == []
    ratio, where = smallest_contrast(page)
    assert ratio >= 4.5, where
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{scheme}.png", full_page=True)
    context.close()


def smallest_contrast(page: Any) -> tuple[float, str]:
    """Return the least contrast between text and what is behind it (WCAG 2), and where it is."""
    ratio, where = page.evaluate(
        """() => {
              const canvas = document.createElement("canvas").getContext("2d",
                {willReadFrequently: true});
              const rgb = (color, under) => {
                canvas.clearRect(0, 0, 1, 1);
                if (under) { canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1); }
                canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
              };
              const light = c => c.map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
              const behind = e => {
                const stack = [];
                for (; e; e = e.parentElement) stack.unshift(getComputedStyle(e).backgroundColor);
                return stack.reduce((under, color) => rgb(color, under), [255, 255, 255]);
              };
              let least = 21, worst = "";
              for (const e of document.querySelectorAll("main *")) {
                if (e.closest("svg") || ![...e.childNodes].some(n => n.nodeType === 3 &&
                    n.data.trim())) continue;
                const back = behind(e), front = rgb(getComputedStyle(e).color, back);
                const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
                const ratio = (a + 0.05) / (b + 0.05);
                if (ratio < least) { least = ratio; worst = e.outerHTML.slice(0, 120); }
              }
              return [least, worst];
            }"""
    )
    return float(ratio), str(where)


@pytest.mark.browser
def test_the_page_can_be_printed(browser: Any, report: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_key_of_the_answer_chart_names_the_dashed_line() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=2.0)
    scores = evaluate(data, None, Vote(9, majority=True)).scores
    told = re.findall(r'<text class="label"[^>]*>([^<]+)</text>', answer_chart(scores))
    assert told[-1] == f"all answered: {percent(scores.accuracy)}"
    assert told[0] == f"80% answered: {percent(scores.at_share(0.8).accuracy)}"


def asked_again(predictions: SplitPredictions, times: int) -> SplitPredictions:
    """Return the answers of a split that asks every question several times, always alike."""
    held = {
        name: np.concatenate([value] * times)
        for name, value in vars(predictions).items()
        if isinstance(value, np.ndarray)
    }
    repeat = np.repeat(np.arange(times), len(predictions.rows))
    return replace(predictions, **{**held, "repeat": repeat})


@pytest.mark.slow
def test_the_same_questions_asked_again_make_no_interval_narrower() -> None:
    data = make_evaluation_set(n_artists=18, artist_spread=2.0)
    predictions = cross_val_predict(data, LeaveOneArtistOut(), Vote(9, majority=True))
    once, often = (
        re.findall(
            r'<line class="whisker"[^>]*>', calibration_chart(score_predictions(data, answers))
        )
        for answers in (predictions, asked_again(predictions, 10))
    )
    assert len(once) > 2
    assert often == once
