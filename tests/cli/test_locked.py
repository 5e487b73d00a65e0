"""Files and folders that may not be read: one line says so, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.library import open_library
from support import gaussians, sounds
from support.locked import run_locked_out

pytestmark = pytest.mark.slow


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file to read and a folder that nobody may enter."""
    folder = tmp_path / "songs" / "rock"
    shut = folder / "shut"
    shut.mkdir(parents=True)
    for place in (shut / "inside.wav", folder / "secret.wav", folder / "open.wav"):
        sounds.write(place, sounds.tune(3.0, seed=1), 22_050)
    (folder / "secret.wav").chmod(0)
    shut.chmod(0)
    yield folder
    shut.chmod(0o700)


def test_classify_answers_for_what_it_may_read(locked: Path) -> None:
    named = ["--json", "-l", "classic", locked / "secret.wav", locked / "shut" / "inside.wav"]
    answered, below = run_locked_out(
        [["classify", *named, locked / "open.wav"], ["classify", "-l", "classic", locked]]
    )
    assert answered.code == 3, answered
    said = [json.loads(line) for line in answered.out.splitlines()]
    assert [Path(line["path"]).name for line in said] == ["secret.wav", "inside.wav", "open.wav"]
    assert ["may not be read" in line.get("error", "") for line in said] == [True, True, False]
    assert "genre" in said[2]
    assert below.code == 3
    assert "open.wav" in below.out
    assert f"earmark: {locked / 'shut'}: the folder cannot be read (" in below.err
    assert f"earmark: {locked / 'secret.wav'}: the file may not be read" in below.err


def test_a_path_behind_a_shut_folder_is_one_line(locked: Path, tmp_path: Path) -> None:
    shut = locked / "shut"
    dat = gaussians.write(tmp_path / "my.dat", gaussians.rows([1, 2, 1]))
    commands = [
        ["classify", "-l", shut / "x.earmark", locked / "open.wav"],
        ["info", shut / "x.earmark"],
        ["evaluate", shut / "x.earmark"],
        ["build", shut / "music", "-o", tmp_path / "o.earmark"],
        ["build", shut, "-o", tmp_path / "o.earmark"],
        ["build", "--manifest", shut / "x.csv", "-o", tmp_path / "o.earmark"],
        ["build", locked.parent, "-o", shut / "o.earmark"],
        ["import", shut / "my.dat", "-o", tmp_path / "o.earmark"],
        ["import", dat, "-o", shut / "o.earmark", "--genres", "a,b"],
        ["export", shut / "my.dat", "-l", "classic"],
    ]
    for command, ran in zip(commands, run_locked_out(commands), strict=True):
        assert ran.code == 1, (command, ran)
        assert ran.out == ""
        assert ran.err.startswith("earmark: ")
        assert f"{shut}" in ran.err
        assert "Permission denied" in ran.err
        assert ran.err.count("\n") == 1


def test_a_library_of_ones_own_that_cannot_be_seen_is_not_passed_over(
    locked: Path, tmp_path: Path
) -> None:
    command = [["info"]]
    (own,) = run_locked_out(command, XDG_DATA_HOME=str(locked / "shut"))
    assert own.code == 1
    assert "cannot be read (Permission denied)" in own.err
    assert "--library" in own.err
    (named,) = run_locked_out(command, EARMARK_LIBRARY=str(locked / "shut" / "x.earmark"))
    assert named.code == 1
    assert "EARMARK_LIBRARY names it" in named.err


def test_what_a_list_names_in_a_shut_folder_is_said_to_be_shut(
    locked: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        f"path,genre\n{locked}/open.wav,rock\n{locked}/shut/inside.wav,rock\n{locked}/no.wav,rock\n"
    )
    out = tmp_path / "o.earmark"
    build = ["build", "--manifest", manifest, "-o", out, "--features", "mfcc", "--jobs", 1]
    (ran,) = run_locked_out([build])
    assert ran.code == 3, ran
    assert "inside.wav: cannot be read (Permission denied) (line 3)" in ran.err
    assert "no.wav: there is no such file (line 4)" in ran.err
    with open_library(out) as library:
        assert library.count() == 1


def test_nothing_is_pruned_that_may_only_be_out_of_sight(locked: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"path,genre\n{locked}/open.wav,rock\n{locked}/shut/inside.wav,pop\n")
    build = ["build", "--manifest", manifest, "-o", tmp_path / "o.earmark", "--jobs", 1]
    (locked / "shut").chmod(0o700)
    sounds.write(locked / "shut" / "inside.wav", sounds.tune(3.0, seed=2), 22_050)
    (first,) = run_locked_out([[*build, "--features", "mfcc"]])
    assert first.code == 0, first
    (locked / "shut").chmod(0)
    (second,) = run_locked_out([[*build, "--prune"]])
    assert second.code == 3
    assert "nothing is pruned" in second.err
    with open_library(tmp_path / "o.earmark") as library:
        assert library.count() == 2
