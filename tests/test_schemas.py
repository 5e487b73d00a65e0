"""Every JSON object says what it is, by names that one list has and one page explains."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import earmark
from earmark.evaluation import evaluate, load_evaluation_set
from earmark.library import open_library
from earmark.schemas import VERSIONS, schema
from support.command import Command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_the_page_lists_all_of_them_and_no_others() -> None:
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    rows = "".join(line for line in page.splitlines() if line.startswith("|"))
    assert set(re.findall(r"earmark\.[\w-]+/\d+", rows)) == set(map(schema, VERSIONS))


def test_what_commands_print_says_what_it_is(run: Command, tmp_path: Path) -> None:
    bad = tmp_path / "no-song.mp3"
    bad.write_bytes(b"no sound")
    printed = run("classify", "--json", "-l", "classic", EXAMPLE, bad).out.splitlines()
    found = [json.loads(line) for line in printed]
    assert [one["schema"] for one in found] == ["earmark.prediction/1", "earmark.failure/1"]
    prediction = found[0]
    assert prediction["sentence"].startswith("This song is") or prediction["abstained"]
    assert re.fullmatch("[0-9a-f]{64}", prediction["content_hash"])
    assert {"artist", "title"} <= set(prediction)
    with open_library("classic") as library:
        for near in prediction["neighbors"]:
            assert library.get(near["track_id"]).name == near["track"]
    for command, name in [
        (("info", "classic", "--json"), "info"),
        (("audit", "classic", "--json", "--no-files"), "audit"),
        (("evaluate", "classic", "--json", "--alone"), "evaluation"),
    ]:
        said = json.loads(run(*command).out)
        assert next(iter(said)) == "schema"
        assert said["schema"] == schema(name)


def test_objects_say_shortly_what_they_are() -> None:
    with open_library("classic") as library:
        data = load_evaluation_set(library)
        evaluation = evaluate(data, other_splits=False)
        prediction = earmark.Classifier(library).predict(EXAMPLE)
    shown = repr(evaluation)
    assert len(shown) < 500
    assert "classic" in shown
    assert "% of" in shown
    assert len(repr(prediction)) < 500
    assert prediction.genre in repr(prediction)


def test_the_package_knows_its_version() -> None:
    assert re.match(r"\d+\.\d+", earmark.__version__)
