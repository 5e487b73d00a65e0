"""``earmark evaluate`` as a person runs it."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from earmark.cli import earmark
from earmark.errors import EarmarkError, EvaluationError
from earmark.importing.classic import import_classic
from support.evaluated import make_evaluation_set, relabel, write_library

pytestmark = pytest.mark.slow


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(earmark, ["evaluate", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def scores(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    return write_library(make_evaluation_set(n_artists=15, artist_spread=2.0), folder / "l.earmark")


@pytest.fixture(scope="module")
def gtzan(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gtzan") / "g.earmark"
    import_classic(shared_data / "mydat" / "gtzan1000.dat", path, genres="gtzan")
    return path


def test_the_text_says_which_figure_to_believe(library: Path) -> None:
    text = run(library).stdout
    assert "by artists that it has not heard" in text.splitlines()[0] + text.splitlines()[1]
    assert "random 85/15, 30 times, seed 0" in text
    assert "do not" in text
    assert "believe it" in text
    assert "blues" in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("split", "options"),
    [
        ("random", ["--repeats", 3, "--test-size", 0.3]),
        ("k-fold", ["--folds", 4]),
        ("leave-one-out", []),
        ("artist-k-fold", ["--folds", 3, "--repeats", 2]),
        ("leave-one-artist-out", []),
    ],
)
def test_every_split_can_be_asked_for(library: Path, split: str, options: list[object]) -> None:
    found = scores(library, "--split", split, "--alone", *options)
    assert found["split"] == split
    assert found["side_by_side"] == []
    assert 0 <= found["accuracy"] <= 1
    assert found["repeat"]["seed"] == 0
    assert (found["believe"]["level"] == "leaky") == (split in {"random", "k-fold"})


def test_the_split_by_files(library: Path, tmp_path: Path) -> None:
    data = make_evaluation_set(n_artists=15)
    (tmp_path / "train.txt").write_text("\n".join(f"x/{name}.wav" for name in data.names[8:]))
    (tmp_path / "test.txt").write_text("\n".join(data.names[:8]) + "\n")
    lists = ("--train", tmp_path / "train.txt", "--test", tmp_path / "test.txt")
    found = scores(library, "--split", "files", *lists)
    assert found["tracks"] == 8
    assert scores(library, *lists)["accuracy"] == found["accuracy"]
    for options in (["--split", "files"], ["--split", "files", *lists[:2]], lists[2:]):
        lacking = run(library, *options)
        assert lacking.exit_code == 2
        assert "needs both lists: --train A.txt --test B.txt" in lacking.stderr
    with pytest.raises(EvaluationError, match="there is no such file"):
        run(library, "--train", tmp_path / "none.txt", "--test", tmp_path / "test.txt")


def test_two_libraries_and_two_votes_are_compared(library: Path, tmp_path: Path) -> None:
    data = make_evaluation_set(n_artists=15, artist_spread=2.0)
    labels = data.labels.copy()
    labels[:3] = (labels[:3] + 1) % 3
    other = write_library(relabel(data, labels), tmp_path / "other.earmark")
    found = scores(library, "--alone", "--against", other)["comparison"]
    assert found["tracks"] == len(data) - 3
    assert "Comparison" in run(library, "--alone", "--against", other).stdout
    votes = scores(library, "--alone", "-k", 3, "--plain", "--against-k", 9)["comparison"]
    assert "plain vote, k = 3" in votes["first"]["what"]
    assert "plain vote, k = 9" in votes["second"]["what"]
    kinds = scores(library, "--alone", "--plain", "--against-fitted")["comparison"]
    assert "fitted vote" in kinds["second"]["what"]


def compared(*arguments: object) -> tuple[list[str], list[float]]:
    """Return the votes of both sides, in words, and how many answers of each are right."""
    found = scores(*arguments, "--alone")["comparison"]
    sides = [found["first"], found["second"]]
    told = [side["what"].rpartition("(")[2].rstrip(")").partition(", ")[2] for side in sides]
    return told, [side["accuracy"] for side in sides]


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        (["-k", 3, "--against-k", 20], ["-k", 3], ["-k", 20]),
        (["--plain", "--against-k", 1], ["--plain"], ["--plain", "-k", 1]),
        (["-k", 3, "--plain", "--against-fitted"], ["-k", 3, "--plain"], ["-k", 3, "--fitted"]),
        (["-k", 4, "--fitted", "--against-plain"], ["-k", 4, "--fitted"], ["-k", 4, "--plain"]),
        (["-k", 2, "--against-k", 9, "--against-plain"], ["-k", 2], ["-k", 9, "--plain"]),
    ],
)
def test_another_vote_of_one_library_is_like_the_first_but_for_what_is_named(
    library: Path, options: list[object], first: list[object], second: list[object]
) -> None:
    told, accuracies = compared(library, *options)
    for vote, said, accuracy in zip((first, second), told, accuracies, strict=True):
        assert scores(library, "--alone", *vote)["accuracy"] == pytest.approx(accuracy)
        assert ("k = " in said) == ("-k" in vote)
        assert ("plain vote" in said, "fitted vote" in said) == (
            "--plain" in vote,
            "--fitted" in vote,
        )
    assert told[0] != told[1]


def test_another_library_votes_in_its_own_way(library: Path, tmp_path: Path) -> None:
    other = write_library(
        make_evaluation_set(n_artists=15, artist_spread=2.0), tmp_path / "o.earmark"
    )
    told, _ = compared(library, "-k", 3, "--plain", "--against", other)
    assert told == ["plain vote, k = 3", "the default vote"]
    told, _ = compared(library, "-k", 3, "--against", other, "--against-k", 5, "--against-plain")
    assert told == ["k = 3", "plain vote, k = 5"]


def test_the_report_is_written_and_says_how_to_repeat_it(library: Path, tmp_path: Path) -> None:
    result = run(library, "--alone", "--report", tmp_path / "out.html")
    assert "<!doctype html>" in (tmp_path / "out.html").read_text("utf-8")
    assert "out.html" in result.stderr
    assert result.stdout.startswith(("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"))


def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("it worked")

    monkeypatch.setattr("earmark.evaluation.evaluating.evaluate", work)
    for report, reason in (
        (tmp_path / "no" / "out.html", "there is no folder"),
        (tmp_path, "is a folder"),
        (library, "is the library"),
    ):
        with pytest.raises(EvaluationError, match=f"^{report}: .*{reason}"):
            run(library, "--report", report)


def test_figures_are_printed_though_the_report_fails(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    arguments = ["evaluate", str(library), "--alone", "--json", "--report", str(tmp_path / "r")]
    result = CliRunner().invoke(earmark, arguments)
    assert isinstance(result.exception, EvaluationError)
    assert "r: cannot be written (No space left" in str(result.exception)
    assert json.loads(result.stdout)["tracks"] == 60


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--split", "random", "--test-size", 0], "--test-size 0 is no share"),
        (["--split", "random", "--test-size", 1], "--test-size 1 is no share"),
        (["--split", "random", "--test-size", 15], "--test-size 15 is no share"),
        (["--split", "random", "--test-size", "nan"], "--test-size nan is no share"),
        (["--split", "random", "--train", "a"], "--train means nothing for --split random"),
        (["--split", "k-fold", "--test", "a"], "--test means nothing for --split k-fold"),
        (["--split", "leave-one-artist-out", "--folds", 10], "--folds means nothing for"),
        (["--split", "leave-one-out", "--test-size", 0.2], "--test-size means nothing for"),
        (["--split", "fault-filtered", "--repeats", 2], "--repeats means nothing for"),
        (["--folds", 5], "--folds means nothing without --split; it is for --split k-fold or"),
        (["--split", "random", "--folds", 5], "--folds means nothing for --split random"),
    ],
)
def test_options_that_do_not_fit_the_split_are_wrong_usage(
    library: Path, options: list[object], reason: str
) -> None:
    result = run(library, *options)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())


def test_errors_are_of_the_kind_that_is_shown(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match="there is no such library"):
        run(tmp_path / "none.earmark")
    assert run(tmp_path, "--split", "nonsense").exit_code == 2


def test_artists_unknown_is_said(tmp_path: Path) -> None:
    path = write_library(make_evaluation_set(known=False), tmp_path / "l.earmark")
    found = scores(path)
    assert found["split"] == "leave-one-out"
    assert found["believe"]["level"] == "unknown"
    assert "this figure may be too high" in run(path).stdout.replace("\n  ", " ")


def test_the_public_features_score_as_is_known(gtzan: Path, shared_data: Path) -> None:
    found = scores(gtzan, "-k", 8)
    others = {one["split"]: one for one in found["side_by_side"]}
    assert found["split"] == "leave-one-artist-out"
    assert 0.69 <= others["random"]["accuracy"] <= 0.73
    assert len(others["random"]["accuracies"]) == 30
    assert 0.42 <= others["fault-filtered"]["accuracy"] <= 0.44
    assert others["fault-filtered"]["questions"] == 290
    assert 0.42 <= found["accuracy"] <= 0.55
    assert others["random"]["believe"]["level"] == "leaky"
    assert others["fault-filtered"]["believe"]["level"] == "honest"
    assert found["believe"]["level"] == "honest"
    by_file = scores(gtzan, "--artists", shared_data / "gtzan" / "tracks.csv", "--alone")
    assert by_file["accuracy"] == pytest.approx(found["accuracy"], abs=0.005)


def test_the_split_by_files_on_the_public_features(gtzan: Path, shared_data: Path) -> None:
    lists = shared_data / "gtzan" / "splits"
    options = ["--train", lists / "train_filtered.txt", "--test", lists / "test_filtered.txt"]
    found = scores(gtzan, "--split", "files", *options, "-k", 8)
    assert 0.42 <= found["accuracy"] <= 0.44
    assert found["notes"] == []
    assert sum(map(sum, found["confusion_matrix"])) == 290
    named = scores(gtzan, "--split", "fault-filtered", "--alone")
    assert named["confusion_matrix"] == found["confusion_matrix"]
