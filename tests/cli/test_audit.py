"""``earmark audit`` as a person runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from earmark.cli import earmark
from earmark.errors import EarmarkError
from earmark.evaluation.evaluation_set import MOST_TRACKS
from support.evaluated import make_evaluation_set, write_library


@pytest.fixture
def library(tmp_path: Path) -> Path:
    data = make_evaluation_set(18, 4)
    vectors = data.vectors.copy()
    vectors[5] = vectors[0]
    tracks = (replace(data.tracks[0], path=str(tmp_path / "gone.wav")), *data.tracks[1:])
    return write_library(replace(data, tracks=tracks, vectors=vectors), tmp_path / "l.earmark")


def test_the_audit_is_printed(library: Path) -> None:
    result = CliRunner().invoke(earmark, ["audit", str(library)])
    assert result.exit_code == 0
    assert result.stdout.startswith("72 tracks: 1 exact copy (1 across genres)")
    assert "blues-00-0 = jazz-01-1" in result.stdout
    assert f"gone: {library.parent / 'gone.wav'}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_json_has_every_finding(library: Path) -> None:
    result = CliRunner().invoke(earmark, ["audit", str(library), "--json", "--no-files"])
    found = json.loads(result.stdout)
    assert found["exact_copies"][0]["tracks"] == ["blues-00-0", "jazz-01-1"]
    assert len(found["suspects"]) == 72
    assert found["files"] == []


@pytest.mark.slow
def test_of_a_large_library_a_part_is_looked_at_and_that_is_said(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("audit", "evaluate"):
        said = " ".join(CliRunner().invoke(earmark, [name, "--help"]).stdout.split())
        assert f"{MOST_TRACKS:,} tracks of a larger library" in said
    monkeypatch.setattr("earmark.evaluation.evaluation_set.MOST_TRACKS", 50)
    said = "50 of 72 labelled tracks were drawn by chance"
    for command in (["audit"], ["evaluate", "--alone"]):
        some = CliRunner().invoke(earmark, [*command, str(library)])
        assert (some.exit_code, said in " ".join(some.stdout.split())) == (0, True)
        whole = CliRunner().invoke(earmark, [*command, str(library), "--all"])
        assert (whole.exit_code, "drawn by chance" in whole.stdout) == (0, False)
    found = json.loads(CliRunner().invoke(earmark, ["audit", str(library), "--json"]).stdout)
    assert found["tracks"] == 50
    assert said in found["drawn"]
    names = library.parent / "names.txt"
    names.write_text("".join(f"blues-{n:02}-0\n" for n in range(18)))
    lists = ["--train", str(names), "--test", str(names)]
    listed = CliRunner().invoke(earmark, ["evaluate", str(library), *lists])
    assert "drawn by chance" not in listed.output


def test_no_library_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(earmark, ["audit", str(tmp_path / "none.earmark")])
    assert isinstance(result.exception, EarmarkError)


def test_one_track_is_an_error_that_names_the_library(tmp_path: Path) -> None:
    path = write_library(make_evaluation_set(1, 1), tmp_path / "l.earmark")
    for command in ("audit", "evaluate"):
        result = CliRunner().invoke(earmark, [command, str(path)])
        assert isinstance(result.exception, EarmarkError)
        assert str(result.exception).startswith(f"{path}: ")


@pytest.mark.slow
def test_names_do_not_command_the_terminal(tmp_path: Path) -> None:
    data = make_evaluation_set(4, 2)
    tracks = (replace(data.tracks[0], name="a\x1b[31mb\x07"), *data.tracks[1:])
    path = write_library(replace(data, tracks=tracks), tmp_path / "l.earmark")
    for command in ("audit", "evaluate"):
        result = CliRunner().invoke(earmark, [command, str(path)])
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "\x07" not in result.stdout
        assert result.stdout.count("\n") > 5


def test_what_is_wrong_is_mended_by_a_plan(tmp_path: Path) -> None:
    data = make_evaluation_set(18, 4)
    vectors = data.vectors.copy()
    vectors[1] = vectors[0]
    library = write_library(replace(data, vectors=vectors), tmp_path / "l.earmark")
    plan = tmp_path / "mends.jsonl"
    run = CliRunner()
    made = run.invoke(earmark, ["audit", str(library), "--plan", str(plan), "--no-files"])
    assert made.exit_code == 0
    assert "--apply" in made.stderr
    mends = [json.loads(line) for line in plan.read_text().splitlines()]
    assert {mend["schema"] for mend in mends} == {"earmark.mends/1"}
    assert "remove" in {mend["action"] for mend in mends}
    again = run.invoke(earmark, ["audit", str(library), "--plan", str(plan), "--no-files"])
    assert isinstance(again.exception, EarmarkError)
    applied = run.invoke(earmark, ["audit", str(library), "--apply", str(plan), "--json"])
    assert applied.exit_code == 0
    changes = json.loads(applied.stdout)["corrections"]
    assert len(changes) == len(mends)
    # What the plan says of them is no longer so.
    twice = run.invoke(earmark, ["audit", str(library), "--apply", str(plan)])
    assert twice.exit_code == 3
    assert twice.stderr.count("left: ") == len(mends)
    assert run.invoke(earmark, ["undo", "-l", str(library)]).exit_code == 0
    both = ["audit", str(library), "--plan", str(plan), "--apply", str(plan)]
    assert run.invoke(earmark, both).exit_code == 2
