"""``earmark info``: what a library holds, and how well it answers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.library import ExtractorSpec, Track, create_library, open_default, open_library
from support.clusters import clusters
from support.command import Command
from support.skips import import_or_skip


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def facts(earmark: Command, *arguments: object) -> dict[str, Any]:
    ran = earmark("info", "--json", *arguments)
    assert ran.code == 0
    assert ran.err == ""
    read: dict[str, Any] = json.loads(ran.out)
    return read


def make(path: Path, n: int, *, artists: int | None = 6) -> Path:
    """Write a library of n made-up tracks and one without a genre."""
    made = clusters(n, 3)
    tracks = [
        Track(
            name=f"track {i}",
            genre=genre,
            artist=None if artists is None else f"Artist {i % artists}",
        )
        for i, genre in enumerate(made.genres)
    ]
    tracks.append(Track(name="what is this", genre=None))
    with create_library(path, ExtractorSpec("foreign", "1", 12, "cosine", "float32")) as library:
        library.add(tracks, np.concatenate([made.vectors, np.ones((1, 12))]))
    return path


@pytest.mark.slow
def test_what_the_reference_library_holds(earmark: Command) -> None:
    said = facts(earmark)
    assert said == facts(earmark, "reference")
    assert said["extractor"] == {"name": "musicnn", "version": "1", "dimension": 250}
    assert said["stored_as"] == "float16"
    assert said["tracks"] == said["labelled"] == sum(g["tracks"] for g in said["genres"].values())
    assert len(said["genres"]) == 10
    for counts in said["genres"].values():
        assert 0 < counts["artists"] <= counts["tracks"]
    assert said["artists"] <= sum(counts["artists"] for counts in said["genres"].values())
    assert said["parameters"]["plain"] is False
    summary = said["leave_one_artist_out"]
    low, high = summary["accuracy_interval"]
    assert 0.75 < low < summary["accuracy"] < high < 0.95
    assert summary["tracks"] == said["labelled"]
    assert summary["artists_known"] is True


@pytest.mark.slow
@pytest.mark.parametrize("named", ["own", "classic"])
def test_the_figures_are_those_of_an_evaluation(
    earmark: Command, tmp_path: Path, named: str
) -> None:
    path = "classic" if named == "classic" else make(tmp_path / "own.earmark", 120, artists=40)
    summary = facts(earmark, path)["leave_one_artist_out"]
    evaluated = json.loads(earmark("evaluate", path, "--json").out)
    assert summary["accuracy"] == evaluated["accuracy"]
    assert summary["accuracy_interval"] == evaluated["accuracy_interval"]
    assert summary["balanced_accuracy"] == evaluated["balanced_accuracy"]
    assert summary["believe"] == evaluated["believe"]
    assert facts(earmark, path)["artists"] == evaluated["library_artists"]


@pytest.mark.slow
def test_artists_that_only_the_names_of_clips_tell_count_as_in_an_evaluation(
    earmark: Command, tmp_path: Path
) -> None:
    # The clips of GTZAN carry no artist; what is known of them keeps artists apart here, too.
    path = tmp_path / "clips.earmark"
    rng = np.random.default_rng(0)
    spec = ExtractorSpec("foreign", "1", 8, "cosine", "float32")
    tracks = [
        Track(name=f"{genre}.{number:05}", genre=genre)
        for genre in ("blues", "reggae")
        for number in range(30)
    ]
    with create_library(path, spec) as library:
        library.add(tracks, rng.normal(size=(60, 8)))
    said = facts(earmark, path)
    evaluated = json.loads(earmark("evaluate", path, "--json").out)
    assert said["artists"] == evaluated["library_artists"] > 0
    assert said["leave_one_artist_out"]["accuracy"] == evaluated["accuracy"]


def test_one_genre_is_not_said_to_be_right(earmark: Command, tmp_path: Path) -> None:
    path = tmp_path / "one.earmark"
    spec = ExtractorSpec("foreign", "1", 4, "cosine", "float32")
    with create_library(path, spec) as library:
        library.add(
            [Track(name=f"{i}", genre="jazz", artist=f"artist {i}") for i in range(12)],
            np.random.default_rng(0).normal(size=(12, 4)),
        )
    ran = earmark("info", path)
    assert "100" not in ran.out
    assert "so every answer is right and the figure says nothing" in ran.out


def test_it_can_be_read(earmark: Command, tmp_path: Path) -> None:
    ran = earmark("info", make(tmp_path / "own.earmark", 60))
    assert ran.code == 0
    assert "60 labelled tracks by 6 known artists, 1 unlabelled" in ran.out
    assert "features: foreign version 1, 12 numbers a track in float32" in ran.out
    for genre in ("genre 0", "genre 1", "genre 2"):
        assert genre in ran.out
    assert "fitted vote: k 10" in ran.out
    assert "leaving out one artist at a time: " in ran.out
    assert "believe less" not in ran.out


@pytest.mark.slow
def test_unknown_artists_are_said_to_flatter(earmark: Command, tmp_path: Path) -> None:
    path = make(tmp_path / "own.earmark", 60, artists=None)
    assert "No artist is known" in earmark("info", path).out
    assert facts(earmark, path)["leave_one_artist_out"]["artists_known"] is False


def test_with_one_artist_nothing_is_claimed(earmark: Command, tmp_path: Path) -> None:
    path = make(tmp_path / "own.earmark", 12, artists=1)
    assert facts(earmark, path)["leave_one_artist_out"] is None
    assert "not evaluated" in earmark("info", path).out


def test_a_large_library_says_which_command_has_the_figure(
    earmark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "own.earmark", 60)
    assert "not_evaluated" not in facts(earmark, path)
    monkeypatch.setattr("earmark.cli.info.MOST_EVALUATED", 59)
    said = facts(earmark, path)
    assert said["leave_one_artist_out"] is None
    assert said["not_evaluated"].endswith(f"earmark evaluate {path}")
    printed = earmark("info", path).out
    assert f"  not evaluated: {said['not_evaluated']}" in printed
    assert "right" not in printed


@pytest.mark.slow
def test_an_index_beside_a_large_library_is_told_of(
    earmark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_or_skip("faiss", "test")
    path = make(tmp_path / "own.earmark", 60)
    refused = earmark("info", "--recall", path)
    assert refused.code == 2
    assert "fewer than 200,000 tracks is searched exactly" in refused.err
    monkeypatch.setattr("earmark.library.searching.INDEX_FROM", 50)
    monkeypatch.setattr("earmark.library.approximate.RECALL", 0.5)
    assert facts(earmark, path)["index"] is None
    assert "  index: " not in earmark("info", path).out
    printed = earmark("info", "--recall", path).out
    assert "search in a file: its index finds" in printed
    with open_library(path) as library:
        library.add([Track(name="new", genre="genre 0")], np.ones((1, 12)))
    told = facts(earmark, path)["index"]
    assert (told["tracks"], told["added_since"]) == (60, 1)
    said = f"{told['looked_at']} of {told['lists']} lists are looked at; 1 track came since"
    assert said in earmark("info", path).out
    monkeypatch.setattr("earmark.library.searching.INDEX_FROM", 200)
    assert facts(earmark, path)["index"] is None


def test_a_large_library_is_counted_as_a_small_one(
    earmark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "own.earmark", 60)
    with open_library(path) as library:
        several = [Track(name="a", genre="genre 0", other_genres=("genre 2",), artist="One; Two")]
        several.append(Track(name="b", genre="genre 1", artist=" "))
        library.add(several, np.ones((2, 12)))
    figures = ("leave_one_artist_out", "not_evaluated")
    small = {name: said for name, said in facts(earmark, path).items() if name not in figures}
    assert (small["artists"], small["without_artist"]) == (8, 1)
    monkeypatch.setattr("earmark.cli.info.MOST_EVALUATED", 0)
    large = {name: said for name, said in facts(earmark, path).items() if name not in figures}
    assert large == small


def test_a_large_library_is_not_read(
    earmark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "own.earmark", 60)
    told = facts(earmark, path)["parameters"]
    monkeypatch.setattr("earmark.cli.info.MOST_EVALUATED", 0)
    monkeypatch.setattr("earmark.library.backends.sql.read_snapshot", None)
    assert facts(earmark, path)["parameters"] == told


def test_an_empty_library_says_so(earmark: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty.earmark"
    create_library(path, ExtractorSpec("musicnn", "1", 250, "cosine", "float32")).close()
    said = facts(earmark, path)
    assert (said["tracks"], said["genres"], said["parameters"]) == (0, {}, None)
    ran = earmark("info", path)
    assert ran.code == 0
    assert "no labelled tracks yet" in ran.out


@pytest.mark.slow
def test_asking_changes_nothing_in_the_package(earmark: Command) -> None:
    with open_default("reference") as library:
        path = library.file
    before = path.read_bytes()
    folder = sorted(path.parent.iterdir())
    facts(earmark, "reference")
    assert path.read_bytes() == before
    assert [p for p in sorted(path.parent.iterdir()) if p.name != "__pycache__"] == [
        p for p in folder if p.name != "__pycache__"
    ]


def test_what_is_no_library_is_one_line(earmark: Command, tmp_path: Path) -> None:
    (tmp_path / "song.ogg").write_bytes(b"OggS" * 100)
    for name in ("song.ogg", "missing.earmark"):
        ran = earmark("info", tmp_path / name)
        assert ran.code == 1
        assert ran.out == ""
        assert name in ran.err
        assert ran.err.count("\n") == 1


@pytest.mark.slow
def test_what_a_library_says_cannot_command_the_terminal(earmark: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.earmark"
    genres = ["[/rock]", "[red]x", "\x1b[2Jclear", "two\nlines", "\u202eturned", "long" * 10**5]
    spec = ExtractorSpec("foreign", "1", 12, "cosine", "float32")
    with create_library(path, spec) as library:
        library.add(
            [Track(name=f"track {i}", genre=genre) for i, genre in enumerate(genres * 2)],
            clusters(12, 3).vectors,
        )
    ran = earmark("info", path)
    assert ran.code == 0, ran.err
    assert "[/rock]" in ran.out
    assert "[red]x" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)
    assert "\nlines" not in ran.out
    assert len(ran.out) < 5000


@pytest.mark.slow
def test_check_finds_labels_that_something_else_changed(earmark: Command, tmp_path: Path) -> None:
    path = make(tmp_path / "a.earmark", 30)
    fine = earmark("info", path, "--check")
    assert fine.code == 0
    assert "checked: " in fine.out
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE track_genres SET genre = 'other' WHERE track_id = 1")
    assert earmark("info", path).code == 0
    found = earmark("info", path, "--check")
    assert found.code == 1
    assert "changed by something else than Earmark" in found.err
