"""``earmark label`` as people use it: keys in, labels kept, and what is played."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from pathlib import Path

import pytest

from earmark.cli.player import PLAYERS, Player
from earmark.features import get_extractor
from earmark.library import Track, open_library
from earmark.testing import make_music
from support.command import Command, Ran

pytestmark = pytest.mark.slow

EACH = 5


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("label") / "music", each=EACH)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def library(music: Path, run: Command, tmp_path: Path) -> Path:
    path = tmp_path / "mine.earmark"
    assert run("build", music, "--no-labels", "-o", path, "--features", "mfcc").code == 0
    return path


def typed(
    monkeypatch: pytest.MonkeyPatch, run: Command, library: Path, *lines: str, more: str = ""
) -> Ran:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    return run("label", "-l", library, *more.split(), "--no-sound")


def genres(library: Path) -> dict[str, int]:
    with open_library(library) as opened:
        return opened.genres()


def test_one_key_answers(monkeypatch: pytest.MonkeyPatch, run: Command, library: Path) -> None:
    ran = typed(monkeypatch, run, library, "n", "hum", "n", "Hiss", "n", "hiss", "1", "s", "x", "q")
    assert ran.code == 0, ran.err
    # A name in another casing is the genre that there is.
    found = genres(library)
    assert set(found) == {"hum", "Hiss"}
    assert sum(found.values()) == 4
    assert "not music" in ran.out
    # The only genre has every vote, which tells nothing.
    assert "  1  hum\n" in ran.out
    assert re.search(r"  1  (hum|Hiss)  \d+%\n", ran.out)
    assert "4 labels of 2 genres; 4 in this session" in ran.out
    history = json.loads(run("history", "-l", library, "--json").out)["corrections"]
    assert len(history) == 5


def test_a_wrong_answer_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, run: Command, library: Path
) -> None:
    ran = typed(monkeypatch, run, library, "b", "n", "polka", "b", "q")
    assert ran.code == 0
    assert "nothing to go back to" in ran.out
    assert genres(library) == {}


def test_the_end_of_input_ends_it_and_keeps_what_was_said(
    monkeypatch: pytest.MonkeyPatch, run: Command, library: Path
) -> None:
    assert typed(monkeypatch, run, library, "9", "?", "n", "hum").code == 0
    assert genres(library) == {"hum": 1}


def test_all_songs_can_be_labelled(
    monkeypatch: pytest.MonkeyPatch, run: Command, library: Path
) -> None:
    ran = typed(monkeypatch, run, library, "n", "hum", *["1"] * 100)
    assert "nothing is left to ask" in ran.out
    assert genres(library) == {"hum": 3 * EACH}


def test_suggestions_are_for_other_programs(run: Command, library: Path) -> None:
    ran = run("label", "-l", library, "--suggest", "3", "--json")
    body = json.loads(ran.out)
    assert body["schema"] == "earmark.labelling/1"
    assert len({Path(one["path"]).parent for one in body["ask"]}) == 3
    assert body["ask"][0]["guesses"] == []
    assert len(run("label", "-l", library, "--suggest", "3").out.splitlines()) == 3
    assert genres(library) == {}
    assert run("label", "-l", library, "--json").code == 2


@pytest.mark.parametrize("program", ["ffplay", "afplay"])
def test_a_player_gets_the_file_and_is_ended(
    monkeypatch: pytest.MonkeyPatch, music: Path, tmp_path: Path, program: str
) -> None:
    bin_folder, log = tmp_path / "bin", tmp_path / "log"
    bin_folder.mkdir()
    script = bin_folder / program
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" end >> "{log}"\nexec sleep 60\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    monkeypatch.setattr("earmark.cli.player.PLAYERS", {program: PLAYERS[program]})
    file = next(music.rglob("*.wav"))
    with Player(get_extractor("mfcc").spec) as player:
        assert player.play(Track(name="x", genre=None, path=str(file), duration=2.0)) is None
        until = time.monotonic() + 30
        while "end" not in (log.read_text().splitlines() if log.exists() else []):
            assert time.monotonic() < until
            time.sleep(0.01)
        playing = player._playing
        assert playing is not None
        assert playing.poll() is None
    assert playing.poll() is not None
    given = log.read_text().splitlines()
    assert str(file) in given
    assert "20" in given


def test_what_cannot_be_played_is_said() -> None:
    with Player(get_extractor("mfcc").spec) as player:
        gone = Track(name="x", genre=None, path="/no/such/song.mp3", duration=2.0)
        assert "not here" in str(player.play(gone))
    with Player(get_extractor("mfcc").spec, silent=True) as player:
        assert player.play(gone) is None


def test_without_a_player_the_file_is_named(
    monkeypatch: pytest.MonkeyPatch, run: Command, library: Path
) -> None:
    monkeypatch.setattr("earmark.cli.player.PLAYERS", {})
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    assert "its file: /" in run("label", "-l", library).out


def test_help_fits_a_screen_and_has_an_example(run: Command) -> None:
    said = run("label", "--help").out
    assert "\n  earmark label -l" in said
    assert len(said.splitlines()) <= 40
