"""``earmark build`` as people run it: in processes of its own, on real sound files."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.progress import Progress

from earmark.cli.build import build
from earmark.cli.progress import columns
from earmark.library import open_library
from support import forked, sounds
from support.skips import needs_posix

pytestmark = pytest.mark.slow

GENRES = ("jazz", "pop", "rock")
EACH = 5
FEATURES = ("--features", "mfcc")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    for number, genre in enumerate(GENRES):
        (root / genre / "album").mkdir(parents=True)
        for track in range(EACH):
            sounds.write(
                root / genre / "album" / f"{genre} {track}.flac",
                sounds.tune(6.0, seed=10 * number + track),
                22050,
                "flac",
                tags={"artist": f"{genre} artist", "title": f"tune {track}"},
            )
    return root


@pytest.fixture
def music(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "music"))


def test_artists_that_evaluate_knows_are_not_called_unknown(tmp_path: Path) -> None:
    for number in range(21):
        folder = tmp_path / "music" / GENRES[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        tune = sounds.tune(1.0, seed=number)
        sounds.write(folder / f"{folder.name}.{number:05}.flac", tune, 22050, "flac")
    made = forked.earmark("build", "music", "-o", "my.earmark", *FEATURES, folder=tmp_path)
    assert "evaluate knows those of GTZAN's clips" in made.stderr.decode()
    said = forked.earmark("evaluate", "my.earmark", "--alone", folder=tmp_path).stdout.decode()
    assert "No artist is known" not in said


def start(*arguments: object) -> subprocess.Popen[str]:
    return forked.Process(
        ["build", *map(str, arguments), *FEATURES],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments: object) -> tuple[int, str, str]:
    done = forked.earmark("build", *arguments, *FEATURES)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def content(path: Path) -> list[Any]:
    with open_library(path) as library:
        snapshot = library.snapshot()
    return [
        (dataclasses.replace(track, id=None), vector.tobytes())
        for track, vector in zip(library.tracks(), snapshot.vectors, strict=True)
    ]


def count(path: Path) -> int:
    if not path.exists():
        return 0
    with open_library(path, read_only=True) as library:
        return library.count()


def test_a_folder_becomes_a_library(music: Path, tmp_path: Path) -> None:
    (music / "pop" / "broken.mp3").write_bytes(b"no sound at all" * 100)
    (music / "pop" / "empty.wav").touch()
    shutil.copy(music / "pop" / "album" / "pop 0.flac", music / "loose.flac")
    out = tmp_path / "my.earmark"
    code, stdout, stderr = run(music, "-o", out, "--jobs", 2)
    assert code == 3
    assert "15 tracks of 3 genres; 15 heard, 3 skipped" in stdout
    assert stdout.count("\n") == 1
    for name in ("broken.mp3", "empty.wav", "loose.flac"):
        assert f"{name}: " in stderr
    assert "17/17" in stderr
    assert "Traceback" not in stderr
    with open_library(out) as library:
        assert library.genres() == dict.fromkeys(GENRES, EACH)
        assert library.artists() == {f"{genre} artist": EACH for genre in GENRES}
        track = library.tracks(search="TUNE 3", genre="rock")[0]
        assert track.name == "rock 3"
        assert track.duration == pytest.approx(6.0, abs=0.01)
        assert library.fitted() is not None

    for name in ("pop/broken.mp3", "pop/empty.wav", "loose.flac"):
        (music / name).unlink()
    code, stdout, _ = run(music, "-o", out)
    assert code == 0
    assert "15 tracks of 3 genres; 15 unchanged\n" in stdout


def test_a_build_killed_half_way_goes_on_to_the_same_library(music: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.earmark", tmp_path / "parts.earmark"
    assert run(music, "-o", whole, "--jobs", 2)[0] == 0
    process = start(music, "-o", parts, "--jobs", 2)
    deadline = time.monotonic() + 60
    while count(parts) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    done = count(parts)
    assert done >= 3
    code, stdout, _ = run(music, "-o", parts, "--jobs", 2)
    assert code == 0
    assert f"{15 - done} heard" in stdout or done == 15
    assert content(parts) == content(whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_build_that_is_ended_leaves_a_library_and_says_how_to_go_on(
    music: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # Far more than one process hears before the interruption arrives, however slow the machine.
    for copy in range(600):
        shutil.copy(music / "pop" / "album" / "pop 0.flac", music / "pop" / f"copy {copy}.flac")
        with (music / "pop" / f"copy {copy}.flac").open("ab") as file:
            file.write(copy.to_bytes(2, "big"))
    out = tmp_path / "my.earmark"
    process = start(music, "-o", out, "--jobs", 1)
    deadline = time.monotonic() + 60
    while count(out) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    # A terminal sends it to every process of the command.
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert "The same command goes on from there" in stderr
    assert "Traceback" not in stderr
    assert "Warning" not in stderr
    assert count(out) >= 2


def test_a_manifest_names_genre_artist_and_title(music: Path, tmp_path: Path) -> None:
    manifest = music / "list.csv"
    manifest.write_text(
        "path;genre;artist;title\njazz/album/jazz 0.flac;bebop;Bird;\n"
        "pop/album/pop 0.flac;schlager;;\nnone.flac;pop;;\n"
    )
    out = tmp_path / "my.earmark"
    code, stdout, stderr = run("--manifest", manifest, "-o", out)
    assert code == 3
    assert "none.flac: there is no such file (line 4)" in stderr
    assert "2 tracks of 2 genres" in stdout
    with open_library(out) as library:
        told = {t.genre: (t.artist, t.title) for t in library.tracks()}
    assert told == {"bebop": ("Bird", "tune 0"), "schlager": ("pop artist", "tune 0")}


def test_when_nothing_can_be_used_no_library_is_left(tmp_path: Path) -> None:
    (tmp_path / "music" / "rock").mkdir(parents=True)
    (tmp_path / "music" / "rock" / "a.wav").write_bytes(b"no sound")
    code, stdout, stderr = run(tmp_path / "music", "-o", tmp_path / "my.earmark")
    assert code == 1
    assert stdout == ""
    assert "no file of it could be used" in stderr
    assert not (tmp_path / "my.earmark").exists()


def test_what_was_done_and_left_out_as_json(music: Path, tmp_path: Path) -> None:
    (music / "pop" / "broken.mp3").write_bytes(b"no sound at all" * 100)
    shutil.copy(music / "pop" / "album" / "pop 0.flac", music / "pop" / "pop 0 (copy).flac")
    (music / "pop" / "cover.JPG").touch()
    (music / "pop" / "film.mov").touch()
    (music / "pop" / "README").touch()
    code, stdout, stderr = run(music, "-o", tmp_path / "my.earmark", "--json")
    assert code == 3
    told = json.loads(stdout)
    assert told["schema"] == "earmark.build/1"
    assert (told["heard"], told["tracks"], told["genres"]["pop"]) == (15, 15, EACH)
    (skipped,) = told["skipped"]
    assert skipped["path"] == str(music / "pop" / "broken.mp3")
    assert skipped["reason"]
    (duplicate,) = told["duplicates"]
    assert duplicate["path"].endswith("pop 0 (copy).flac")
    assert told["passed_over"] == {".jpg": 1, ".mov": 1, "": 1}
    assert "passed over" in stderr
    assert "; --films takes films, a --manifest takes them" in stderr
    for ending in ("1 .jpg", "1 .mov", "1 without an ending"):
        assert ending in stderr


@needs_posix("pipes with names")
def test_pipes_and_devices_are_refused_and_not_waited_for(music: Path, tmp_path: Path) -> None:
    os.mkfifo(music / "pop" / "pipe.wav")
    (music / "pop" / "device.wav").symlink_to("/dev/zero")
    code, stdout, stderr = run(music, "-o", tmp_path / "my.earmark")
    assert code == 3
    assert "15 heard, 2 skipped" in stdout
    assert stderr.count("is a pipe or a device, not a file") == 2
    manifest = music / "list.csv"
    manifest.write_text("path,genre\njazz/album/jazz 0.flac,jazz\npop/pipe.wav,pop\n")
    code, stdout, stderr = run("--manifest", manifest, "-o", tmp_path / "other.earmark")
    assert code == 3
    assert (
        "pipe.wav: is a pipe or a device, not a file; save the sound to a file (line 3)" in stderr
    )


def test_folders_of_artists_are_no_genres(music: Path, tmp_path: Path) -> None:
    artists = tmp_path / "by artist"
    for genre in GENRES:
        shutil.copytree(music / genre, artists / f"{genre.title()} Artist")
    out = tmp_path / "my.earmark"
    code, stdout, stderr = run(artists, "-o", out)
    assert (code, stdout) == (1, "")
    assert "called like the artists of their songs" in stderr
    assert "--manifest" in stderr
    assert stderr.count("\n") == 1
    assert not out.exists()
    assert run(artists, "-o", out, "--genre-level", 1)[0] == 0


@pytest.mark.parametrize("width", [40, 55, 56, 75, 76, 80, 100, 200])
def test_progress_keeps_its_numbers_on_a_narrow_screen(width: int) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    progress = Progress(*columns(width, "listening"), console=screen)
    task = progress.add_task(
        "listening", total=12_345, rate="123.4 files/s", left="about 3 min left"
    )
    progress.update(task, completed=10_000)
    screen.print(progress.get_renderable())
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "10000/12345" in drawn
    assert "about 3 min left" in drawn
    assert ("123.4 files/s" in drawn) == (width >= 56)
    assert drawn.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["folder", "--manifest", "list.csv"]])
def test_a_folder_or_a_manifest_but_not_both(tmp_path: Path, arguments: list[str]) -> None:
    done = CliRunner().invoke(build, [*arguments, "-o", str(tmp_path / "x.earmark")])
    assert done.exit_code == 2
    assert "FOLDER or a --manifest" in done.output
