"""Recordings that are several things: their parts, and whether they are mixed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earmark import Classifier
from earmark.library import open_library
from earmark.neighbors.change_points import change_points, variance_within
from earmark.parts import Part, Parts, parts_of
from earmark.testing import RATE, make_library, make_music, make_song, write_wav
from support.command import Command

TRUTH = (31.0, 53.0)


def test_a_cut_lies_where_the_mean_changes_and_pays_its_price() -> None:
    rng = np.random.default_rng(0)
    means = np.repeat([0.0, 3.0, -2.0], [12, 7, 20])[:, None]
    vectors = means + rng.standard_normal((39, 8))
    assert change_points(vectors, np.ones(8), price=5, shortest=4) == [12, 19]
    assert change_points(vectors, np.ones(8), price=5_000, shortest=4) == []
    assert change_points(vectors[:3], np.ones(8), price=0, shortest=4) == []
    # The variance is the unit of everything.
    assert change_points(10 * vectors, np.full(8, 100.0), price=5, shortest=4) == [12, 19]


def test_no_other_cuts_are_cheaper() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((9, 2)) * 2

    def cost(cuts: list[int]) -> float:
        edges = [0, *cuts, 9]
        parts = [vectors[a:b] for a, b in pairwise(edges)]
        spread = sum(float(((p - p.mean(axis=0)) ** 2).mean(axis=1).sum()) for p in parts)
        return spread + 2.0 * len(cuts)

    ways = [[i for i in range(1, 9) if mask >> i & 1] for mask in range(0, 512, 2)]
    ways = [way for way in ways if min(np.diff([0, *way, 9])) >= 2]
    found = change_points(vectors, np.ones(2), price=2.0, shortest=2)
    assert cost(found) == pytest.approx(min(map(cost, ways)))


def test_variance_within_songs_knows_nothing_of_their_means() -> None:
    rng = np.random.default_rng(2)
    songs = np.repeat(np.arange(500), 4)
    vectors = 100.0 * songs[:, None] + rng.standard_normal((2000, 3)) * [1, 2, 3]
    assert variance_within(vectors, songs) == pytest.approx([1, 4, 9], rel=0.15)


def test_what_is_not_sure_does_not_make_a_recording_mixed() -> None:
    rock, odd = Part(0, 60, "rock", 0.9, False), Part(60, 120, "jazz", 0.3, True)
    assert not Parts("song", (rock, odd)).mixed
    assert not Parts("song", (rock, Part(60, 65, "jazz", 0.9, False))).mixed
    mixed = Parts("song", (rock, Part(60, 90, "jazz", 0.9, False), Part(90, 120, "rock", 1, False)))
    assert mixed.mixed
    assert mixed.shares == {"rock": 0.75, "jazz": 0.25}


def test_a_sheet_cannot_be_broken_by_names() -> None:
    sheet = Parts('a"b\n.wav', (Part(0, 75.52, 'r"&b', 0.9, False), Part(75.52, 99, "x", 1, False)))
    lines = sheet.to_cue().splitlines()
    assert lines[0] == 'FILE "a\'b .wav" WAVE'
    assert lines[2] == '    TITLE "r\'&b"'
    assert lines[-1] == "    INDEX 01 01:15:39"


@pytest.fixture(scope="module")
def medley(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library, and a recording of hum, hiss and melody, 31, 22 and 40 s of them."""
    folder = tmp_path_factory.mktemp("medley")
    music = make_music(folder / "music")
    make_library(folder / "made.earmark", music).close()
    pieces = [("hum", 31), ("hiss", 22), ("melody", 40)]
    samples = np.concatenate([make_song(genre, 9, seconds) for genre, seconds in pieces])
    write_wav(folder / "medley.wav", samples, RATE)
    return folder / "made.earmark", folder / "medley.wav"


@pytest.mark.slow
def test_a_medley_is_told_as_mixed_with_its_parts(medley: tuple[Path, Path]) -> None:
    library, song = medley
    with open_library(library, read_only=True) as opened:
        found = parts_of(Classifier(opened), song)
    assert found.mixed
    # The classic features cut some songs further: what counts is where another genre begins.
    others = [after for part, after in pairwise(found.parts) if part.genre != after.genre]
    assert [part.genre for part in (found.parts[0], *others)] == ["hum", "hiss", "melody"]
    assert [part.start for part in others] == pytest.approx(TRUTH, abs=5)
    assert found.parts[-1].stop == pytest.approx(93, abs=0.1)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.sentence().startswith("Mixed: melody 4")


@pytest.mark.slow
def test_one_song_is_not_mixed(medley: tuple[Path, Path], tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", make_song("melody", 10, 60), RATE)
    with open_library(medley[0], read_only=True) as opened:
        found = parts_of(Classifier(opened), song)
    assert not found.mixed
    assert found.sentence() == "Not mixed: most of it sounds like melody."


@pytest.mark.slow
def test_the_command_prints_parts_in_every_form(
    medley: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    library, song = medley
    run = Command(monkeypatch, capsys)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    text = run("classify", "--parts", "-l", library, song, bad)
    assert text.code == 3
    assert "bad.wav" in text.err
    assert "Mixed: melody" in text.out
    told = json.loads(run("classify", "--parts", "--json", "-l", library, song).out)
    assert (told["schema"], told["mixed"]) == ("earmark.parts/1", True)
    jams = json.loads(run("classify", "--jams", "-l", library, song).out)
    (annotation,) = jams["annotations"]
    assert annotation["namespace"] == "tag_open"
    assert [one["value"] for one in annotation["data"]] == [p["genre"] for p in told["parts"]]
    assert annotation["duration"] == pytest.approx(93, abs=0.1)
    sheet = run("classify", "--cue", "-l", library, song).out
    assert sheet.count("TRACK") == sheet.count("INDEX 01") == len(told["parts"])
    assert run("classify", "--parts", "--csv", "-l", library, song).code == 2
