"""``earmark classify``: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from earmark.classify import Classifier
from earmark.cli.answers import bar, described, show
from earmark.cli.common import console
from earmark.library import ExtractorSpec, Track, create_library, open_default
from earmark.prediction import Neighbor, Prediction
from earmark.words import clock
from support import sounds
from support.command import Command, Ran
from support.rough import roughly
from support.web import GENRES, RATE, make_library, make_music, song

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "war_of_freedom.ogg"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("cli") / "music")


@pytest.fixture(scope="module")
def library(music: Path) -> Path:
    return make_library(music.parent / "made.earmark", music)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """A folder with a new song of each genre, two of them in a folder below."""
    folder = tmp_path / "new songs"
    (folder / "below").mkdir(parents=True)
    for genre in GENRES:
        place = folder / "below" if genre != "hum" else folder
        sounds.write(place / f"{genre}.flac", song(genre, 12), RATE, "flac")
    (folder / "notes.txt").write_text("not a song")
    return folder


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_the_answer_can_be_read(earmark: Command, library: Path, songs: Path) -> None:
    ran = earmark("classify", songs / "hum.flac", "--library", library)
    assert ran.code == 0
    assert ran.err == ""
    assert "hum.flac  0:02" in ran.out
    assert "hum           ████████████████████ 100%" in ran.out
    assert "nearest tracks:" in ran.out
    assert ran.out.count("The hum") == 8
    assert "Hum number 8" in ran.out
    assert ran.out.rstrip().endswith(" s")
    assert "network" not in ran.out, "the classic features have no words"


def test_the_learned_answer_says_how_sure_it_is(earmark: Command) -> None:
    ran = earmark("classify", EXAMPLE)
    assert ran.code == 0
    first, second = (line.split() for line in ran.out.splitlines()[1:3])
    assert {first[0], second[0]} == {"metal", "rock"}
    assert first[1].count("█") > second[1].count("█")
    assert "lists hold" not in ran.out, "one genre alone is no list"
    assert "the network hears: " in ran.out
    assert "more that voted" in ran.out
    assert "\x1b" not in ran.out, "no colors into a pipe"


def test_genres_that_stand_out_together_are_listed_with_what_such_lists_hold() -> None:
    with open_default("reference") as library:
        prediction = Classifier(library).predict(EXAMPLE)
    between = dataclasses.replace(prediction, prediction_set=("metal", "rock"), coverage=0.9)
    out = Console(file=io.StringIO(), width=100)
    show(out, between)
    said = out.file.getvalue()  # type: ignore[attr-defined]
    assert "  metal or rock: 90% of such lists hold the right genre\n" in said


def test_not_sure_is_said_with_its_reason(earmark: Command, tmp_path: Path) -> None:
    tone = sounds.write(tmp_path / "tone.wav", sounds.sine(4.0), 22_050)
    ran = earmark("classify", tone)
    assert ran.code == 0
    said = lines(earmark("classify", "--json", tone))[0]
    assert said["abstained"] is True
    # A tone is unlike music; which words the network has for it does not matter here.
    assert said["reason"].startswith(("it is unlike the songs", "it sounds like"))
    assert f"not sure: {said['reason']}" in " ".join(ran.out.split())


def test_json_is_one_object_a_line(earmark: Command, library: Path, songs: Path) -> None:
    (songs / "notes.txt").unlink()
    ran = earmark("classify", "--json", "-l", library, songs)
    assert ran.code == 0
    assert ran.err == ""
    said = lines(ran)
    assert [Path(line["path"]).stem for line in said] == ["hiss", "melody", "hum"]
    for line in said:
        assert {
            *("path", "genre", "probabilities", "neighbors", "seconds"),
            *("confidence", "prediction_set", "abstained", "tags"),
        } <= set(line)
        assert line["genre"] == Path(line["path"]).stem
        assert sum(line["probabilities"].values()) == pytest.approx(1)
        assert set(line["probabilities"]) == set(GENRES)
        assert len(line["neighbors"]) == 8
        assert set(line["neighbors"][0]) == {"track", "genre", "artist", "title", "distance"} | {
            "track_id"
        }
        assert line["tags"] == {}
        assert line["seconds"] > 0


def test_answers_in_the_form_of_acousticbrainz(
    earmark: Command, library: Path, songs: Path
) -> None:
    bad = songs / "broken.mp3"
    bad.write_bytes(b"no sound")
    own = songs / "hum.flac"
    ran = earmark("classify", "--acousticbrainz", "-l", library, bad, own)
    assert ran.code == 3
    assert "broken.mp3: " in ran.err
    (said,) = lines(ran)
    (ours,) = lines(earmark("classify", "--json", "-l", library, own))
    found = said["highlevel"]["genre_earmark"]
    assert (found["value"], found["all"]) == (ours["genre"], ours["probabilities"])
    assert found["probability"] == max(found["all"].values())
    assert sum(found["all"].values()) == pytest.approx(1)
    assert found["not_sure"] == ours["abstained"]
    assert said["metadata"]["audio_properties"]["length"] == ours["duration"]
    assert said["metadata"]["tags"] == {"file_name": "hum.flac"}
    assert earmark("classify", "--parts", "--acousticbrainz", own).code == 2


def test_songs_and_folders_in_the_order_given(earmark: Command, library: Path, songs: Path) -> None:
    ran = earmark("classify", "--json", "-l", library, songs / "below", songs / "hum.flac", songs)
    stems = [Path(line["path"]).stem for line in lines(ran)]
    assert stems == ["hiss", "melody", "hum", "hiss", "melody", "hum"]


def test_one_bad_file_does_not_stop_the_others(
    earmark: Command, library: Path, songs: Path
) -> None:
    (songs / "notes.txt").unlink()
    (songs / "broken.mp3").write_bytes(b"no sound at all" * 200)
    (songs / "empty.wav").touch()
    sounds.write(songs / "silent.wav", sounds.silence(3.0), RATE)
    ran = earmark("classify", "--json", "-l", library, songs, songs / "missing.ogg")
    assert ran.code == 3
    said = {Path(line["path"]).name: line for line in lines(ran)}
    failed = {name for name, line in said.items() if "error" in line}
    assert failed == {"broken.mp3", "empty.wav", "silent.wav", "missing.ogg"}
    assert len(said) == 7
    for name in failed:
        assert set(said[name]) == {"schema", "path", "error"}
        assert name not in said[name]["error"]
        assert "\n" not in said[name]["error"]
    plain = earmark("classify", "-l", library, songs)
    assert plain.code == 3
    assert plain.err.count("earmark: ") == 3
    assert plain.out.count("nearest tracks:") == 3
    for name in failed - {"missing.ogg"}:
        assert name in plain.err
        assert name not in plain.out


def test_with_bad_files_only_nothing_is_done(
    earmark: Command, library: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    ran = earmark("classify", "-l", library, bad, tmp_path / "missing.mp3")
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.count("\n") == 2
    (tmp_path / "folder").mkdir()
    empty = earmark("classify", "-l", library, tmp_path / "folder")
    assert empty.code == 1
    assert "no sound files" in empty.err


def test_a_song_with_nobody_to_vote_does_not_stop_the_others(
    earmark: Command, music: Path, songs: Path, tmp_path: Path
) -> None:
    (tmp_path / "one" / "hum").mkdir(parents=True)
    own = Path(shutil.copy(music / "hum" / "hum-1.wav", tmp_path / "one" / "hum"))
    alone = make_library(tmp_path / "alone.earmark", tmp_path / "one")
    ran = earmark("classify", "--json", "-l", alone, own, songs / "hum.flac")
    assert ran.code == 3
    first, second = lines(ran)
    assert first["path"] == str(own)
    assert "no other track of the library may vote" in first["error"]
    assert second["genre"] == "hum"
    plain = earmark("classify", "-l", alone, own)
    assert plain.code == 1
    assert plain.err.startswith(f"earmark: {own}: no other track")


def test_one_line_a_song(earmark: Command, library: Path, songs: Path) -> None:
    (songs / "broken.mp3").write_bytes(b"no sound at all" * 200)
    ran = earmark("classify", "--brief", "-l", library, songs)
    assert ran.code == 3
    said = ran.out.splitlines()
    assert [Path(line.split(": ")[0]).name for line in said] == [
        *("hiss.flac", "melody.flac", "hum.flac")
    ]
    assert [line.split(": ")[1].split()[0] for line in said] == ["hiss", "melody", "hum"]
    assert all(line.endswith("%") for line in said)
    assert "broken.mp3: " in ran.err


def test_a_table(earmark: Command, library: Path, songs: Path) -> None:
    formula = shutil.copy(songs / "hum.flac", songs / "=HYPERLINK(1),2.flac")
    (songs / "broken.mp3").write_bytes(b"no sound at all" * 200)
    with contextlib.chdir(songs):
        ran = earmark("classify", "--csv", "-l", library, Path(formula).name, "below", "broken.mp3")
    assert ran.code == 3
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["path"] for row in rows] == [
        *("'=HYPERLINK(1),2.flac", "below/hiss.flac", "below/melody.flac", "broken.mp3")
    ]
    assert [row["genre"] for row in rows] == ["hum", "hiss", "melody", ""]
    assert float(rows[0]["confidence"]) > 0.5
    assert rows[3]["error"]
    assert {row["sure"] for row in rows[:3]} == {"yes"}


def test_a_song_that_was_heard_is_not_heard_again(
    earmark: Command, library: Path, songs: Path, tmp_path: Path
) -> None:
    first = earmark("classify", "--json", "-l", library, songs)
    kept = [p for p in Path(os.environ["XDG_CACHE_HOME"]).rglob("*") if p.is_file()]
    assert len(kept) == 3
    renamed = shutil.copytree(songs, tmp_path / "renamed")
    again = earmark("classify", "--json", "-l", library, renamed)

    def essence(ran: Ran) -> list[dict[str, Any]]:
        return [{**line, "path": "", "seconds": 0} for line in lines(ran)]

    assert essence(again) == essence(first)
    # Not heard: what is kept is believed.
    for path in kept:
        path.write_bytes(path.read_bytes()[:-1])
    damaged = earmark("classify", "--json", "-l", library, songs)
    assert essence(damaged) == essence(first)
    for path in kept:
        path.unlink()
    fresh = earmark("classify", "--json", "--no-cache", "-l", library, songs)
    assert essence(fresh) == essence(first)
    assert not [p for p in Path(os.environ["XDG_CACHE_HOME"]).rglob("*") if p.is_file()]


def test_what_a_folder_holds_beside_songs_is_counted(
    earmark: Command, library: Path, songs: Path
) -> None:
    (songs / "film.mov").touch()
    ran = earmark("classify", "--brief", "-l", library, songs)
    assert ran.code == 0
    assert (
        "1 .mov, 1 .txt; --films takes films, name such a file itself to have it heard" in ran.err
    )
    assert earmark("classify", "--brief", "-l", library, songs / "hum.flac").err == ""


def test_an_empty_name_is_no_folder(earmark: Command, library: Path, songs: Path) -> None:
    with contextlib.chdir(songs):
        ran = earmark("classify", "-l", library, "")
    assert ran.code == 1
    assert ran.err == "earmark: '': there is no such file; check the spelling\n"


def test_names_are_shown_as_they_were_given(earmark: Command, library: Path) -> None:
    ran = earmark("classify", "-l", library, "http://x/y.mp3")
    assert ran.err.startswith("earmark: http://x/y.mp3: ")


def test_a_folder_is_looked_through_as_build_does(
    earmark: Command, library: Path, songs: Path, tmp_path: Path
) -> None:
    (songs / ".git").mkdir()
    shutil.copy(songs / "hum.flac", songs / ".git")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(songs / "hum.flac", elsewhere / "linked.flac")
    (songs / "link").symlink_to(elsewhere)
    (songs / "circle").symlink_to(songs)
    said = lines(earmark("classify", "--json", "-l", library, songs))
    names = [str(Path(line["path"]).relative_to(songs)) for line in said]
    assert names == ["below/hiss.flac", "below/melody.flac", "hum.flac", "link/linked.flac"]


def test_a_folder_without_songs_is_told(
    earmark: Command, library: Path, songs: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    arguments = ["classify", "-l", library, tmp_path / "nothing", songs / "hum.flac"]
    ran = earmark(*arguments, "--json")
    assert ran.code == 3
    assert lines(ran)[0] == {
        "schema": "earmark.failure/1",
        "path": str(tmp_path / "nothing"),
        "error": "there are no sound files in this folder",
    }
    assert len(lines(ran)) == 2
    plain = earmark(*arguments)
    assert plain.code == 3
    assert plain.err.endswith("nothing: there are no sound files in this folder\n")


def test_names_print_no_control_characters(
    earmark: Command, library: Path, songs: Path, tmp_path: Path
) -> None:
    good = songs / "a\x1b[2J\nb.flac"
    shutil.copy(songs / "hum.flac", good)
    bad = tmp_path / "c\x1b[2J\nd.wav"
    bad.write_bytes(b"no sound")
    ran = earmark("classify", "-l", library, good, bad)
    assert ran.code == 3
    assert "\x1b" not in ran.out + ran.err
    assert "a\ufffd[2J\ufffdb.flac  0:0" in ran.out
    assert "c\ufffd[2J\ufffdd.wav: " in ran.err
    assert ran.err.count("\n") == 1


def test_columns_fit_the_longest_genre(capsys: pytest.CaptureFixture[str]) -> None:
    genres = {"電子音楽電子音楽電子音楽": 0.6, "a genre of many words": 0.3, "rock\x1b": 0.1}
    nearest = [Neighbor(f"track {i}", g, None, None, 1.0, i) for i, g in enumerate(genres)]
    prediction = Prediction(
        path="x",
        genre="rock",
        confidence=0.6,
        probabilities=genres,
        neighbors=tuple(nearest),
        abstained=False,
        reason=None,
        prediction_set=tuple(genres)[1:],
        coverage=0.9,
        tags=(),
        seconds=1.0,
        duration=1.0,
        warnings=(),
        content_hash="",
        vector=np.zeros(1),
    )
    show(console(), prediction)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for mark in ("█", "track"):
        starts = {cell_len(line.split(mark)[0]) for line in shown.splitlines() if mark in line[2:]}
        assert len(starts - {cell_len("  nearest ")}) == 1, mark
    for genre in ("電子音楽電子音楽電子音楽", "a genre of many words"):
        assert shown.count(f"{genre}  ") == 2


def test_damage_is_told_and_the_rest_used(earmark: Command, library: Path, songs: Path) -> None:
    whole = sounds.write(songs / "cut.flac", song("hiss", 12, 8.0), RATE, "flac").read_bytes()
    (songs / "cut.flac").write_bytes(whole[: len(whole) // 2])
    ran = earmark("classify", "-l", library, songs / "cut.flac")
    assert ran.code == 0
    assert "cut.flac: " in ran.err
    said = lines(earmark("classify", "--json", "-l", library, songs / "cut.flac"))[0]
    assert said["genre"] == "hiss"
    assert any("can be decoded" in warning for warning in said["warnings"])


def test_the_own_track_votes_only_if_asked(
    earmark: Command, library: Path, music: Path, tmp_path: Path
) -> None:
    renamed = shutil.copy(music / "hum" / "hum-4.wav", tmp_path / "what is it.wav")

    def nearest(*options: str) -> dict[str, Any]:
        neighbor: dict[str, Any] = lines(
            earmark("classify", "--json", "-l", library, renamed, *options)
        )[0]["neighbors"][0]
        return neighbor

    assert nearest()["track"] != "hum-4"
    assert nearest("--include-self")["track"] == "hum-4"
    assert nearest("--include-self")["distance"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("k", [1, 3, 12])
def test_k_neighbors_vote(earmark: Command, library: Path, songs: Path, k: int) -> None:
    ran = earmark("classify", "--json", "-l", library, "-k", k, songs / "hum.flac")
    assert len(lines(ran)[0]["neighbors"]) == k


def test_libraries_by_name_and_by_environment(
    earmark: Command, library: Path, songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classic = lines(earmark("classify", "--json", "--library", "classic", EXAMPLE))[0]
    assert len(classic["neighbors"]) == 8
    assert classic["tags"] == {}
    reference = lines(earmark("classify", "--json", EXAMPLE))[0]
    assert len(reference["tags"]) == 5
    monkeypatch.setenv("EARMARK_LIBRARY", str(library))
    assert set(lines(earmark("classify", "--json", EXAMPLE))[0]["probabilities"]) == set(GENRES)
    named = lines(earmark("classify", "--json", "-l", "reference", EXAMPLE))[0]
    assert named["probabilities"] == reference["probabilities"]


def test_the_answer_is_that_of_python(earmark: Command) -> None:
    from earmark.classify import Classifier

    with open_default("reference") as opened:
        prediction: Prediction = Classifier(opened).predict(EXAMPLE)
    said = lines(earmark("classify", "--json", EXAMPLE))[0]
    expected = prediction.to_json()
    assert {**said, "seconds": 0} == roughly({**expected, "seconds": 0})


def test_libraries_that_cannot_answer_are_one_line(
    earmark: Command, tmp_path: Path, songs: Path
) -> None:
    spec = ExtractorSpec("foreign", "theirs", 3, "cosine", "float32")
    with create_library(tmp_path / "foreign.earmark", spec) as opened:
        opened.add([Track(name="a", genre="x")], [[1.0, 2.0, 3.0]])
    (tmp_path / "text.earmark").write_text("no library\n" * 100)
    for name in ("foreign.earmark", "text.earmark", "missing.earmark"):
        ran = earmark("classify", "-l", tmp_path / name, songs / "hum.flac")
        assert ran.code == 1, name
        assert ran.out == ""
        assert ran.err.startswith("earmark: ")
        assert name in ran.err
        assert ran.err.count("\n") == 1


def test_wrong_usage_is_code_2(earmark: Command) -> None:
    for arguments in (["classify"], ["classify", EXAMPLE, "-k", "0"], ["classify", "--loud"]):
        ran = earmark(*arguments)
        assert ran.code == 2
        assert "Usage" in ran.err
    ran = earmark("classify", EXAMPLE, "--provider", "NoSuchProvider")
    assert ran.code == 1
    assert "NoSuchProvider is not available here" in ran.err


def test_names_that_are_no_text_are_written_all_the_same(library: Path, songs: Path) -> None:
    odd = os.fsencode(songs) + b"/caf\xe9 [bold]\nx.flac"
    shutil.copy(songs / "hum.flac", odd)
    for encoding in ("utf-8:strict", "latin-1", "ascii"):
        command = [sys.executable, "-m", "earmark", "classify", "-l", str(library)]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        plain = subprocess.run([*command, odd], capture_output=True, env=environment)
        assert plain.returncode == 0, plain.stderr
        assert b"[bold]" in plain.stdout
        said = subprocess.run([*command, "--json", odd], capture_output=True, env=environment)
        assert os.fsencode(json.loads(said.stdout)["path"]) == odd


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "░" * 20), (1.0, "█" * 20), (0.5, "█" * 10 + "░" * 10), (0.024, "░" * 20)],
)
def test_bars(share: float, expected: str) -> None:
    assert bar(share) == expected


def test_clock() -> None:
    assert [clock(s) for s in (0.4, 59.4, 59.6, 61, 3600)] == [
        *("0:00", "0:59", "1:00", "1:01", "1:00:00")
    ]


def test_tags_cannot_command_the_terminal() -> None:
    shown = described("song", "\x1b[2JArtist", "Title\x07")
    assert shown == "song  \N{REPLACEMENT CHARACTER}[2JArtist – Title\N{REPLACEMENT CHARACTER}"
    assert described("été 夏", None, None) == "été 夏"
