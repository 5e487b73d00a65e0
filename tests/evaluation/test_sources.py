"""Whether answers hold across collections is measured, and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.evaluation import EvaluationSet, SplitRequest, evaluate, load_evaluation_set
from earmark.evaluation.reporting.html import report_html
from earmark.evaluation.reporting.text import evaluation_text
from earmark.library import open_library
from support.command import Command
from support.evaluated import make_evaluation_set, write_library


def of_sources(sources: list[str | None], *, room: float = 0.0) -> EvaluationSet:
    """Return made-up tracks, the artists dealt to sources; ``room`` is heard in all of a source."""
    data = make_evaluation_set(n_artists=24, tracks_each=2, artist_spread=0.3)
    rng = np.random.default_rng(1)
    number = np.array([int(str(track.artist).split()[1]) % len(sources) for track in data.tracks])
    heard = rng.normal(size=(len(sources), data.vectors.shape[1]))
    return replace(
        data,
        tracks=tuple(
            replace(track, source=sources[at])
            for track, at in zip(data.tracks, number, strict=True)
        ),
        vectors=data.vectors + room * heard[number],
    )


@pytest.mark.slow
def test_each_source_has_its_figures_and_all_but_the_largest_too() -> None:
    data = of_sources(["radio", "tapes", "radio", None])
    evaluation = evaluate(data, other_splits=False, audited=False)
    radio, *others, rest = evaluation.sources
    assert radio.source == "radio"
    assert {one.source for one in others} == {"tapes", "unknown"}
    assert rest.source == "all but radio"
    assert radio.tracks + sum(one.tracks for one in others) == len(data)
    assert rest.tracks == sum(one.tracks for one in others)
    right = sum(round(one.accuracy * one.tracks) for one in (radio, *others))
    assert right == round(evaluation.scores.accuracy * len(data))
    assert rest.interval is not None
    assert rest.interval.low <= rest.accuracy <= rest.interval.high
    found = evaluation.to_json()["sources"]
    assert [one["source"] for one in found] == [one.source for one in evaluation.sources]
    assert "All but radio" in report_html(evaluation)
    assert "all but radio" in evaluation_text(evaluation)


@pytest.mark.slow
def test_without_sources_none_are_spoken_of() -> None:
    evaluation = evaluate(make_evaluation_set(), audited=False)
    assert evaluation.sources == ()
    assert "source" not in evaluation_text(evaluation)


@pytest.mark.slow
def test_what_a_source_gives_away_is_seen() -> None:
    """Genres that are each from other collections: the collection is what is recognized."""
    data = of_sources(["radio", "tapes", "net"], room=30.0)
    artists = evaluate(data, other_splits=False, audited=False)
    assert artists.scores.accuracy == 1.0
    assert "--group source keeps them apart" in artists.verdict.reason
    sources = evaluate(data, SplitRequest("leave-one-source-out"), audited=False)
    assert sources.scores.accuracy == 0.0
    assert sources.verdict.level == "honest"
    assert sources.verdict.reason.endswith("Nor is any source.")
    assert "leave-one-artist-out" in [one.name for one in sources.other_splits]


@pytest.mark.slow
def test_the_command_leaves_sources_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Command(monkeypatch, capsys)
    path = tmp_path / "made.earmark"
    data = of_sources(["radio", "tapes"])
    write_library(data, path)
    with open_library(path) as library:
        held = load_evaluation_set(library)
    assert held.source_names == ("radio", "tapes")
    out = run("evaluate", path, "--group", "source", "--alone").out
    assert "every source in turn" in out
    assert run("evaluate", path, "--group", "artist").out == run("evaluate", path).out
    refused = run("evaluate", path, "--group", "source", "--split", "random")
    assert refused.code == 2
    assert "split of its own" in refused.err
    without = run("evaluate", "classic", "--group", "source")
    assert without.code == 1
    assert "says of its tracks no source" in without.err
