"""``earmark import``: what it says and the exit codes it gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from earmark.cli.import_ import import_command
from earmark.errors import ImportFormatError, LibraryExists, UnsafePickle
from earmark.library import open_library
from support import gaussians


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(import_command, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def dat(tmp_path: Path) -> Path:
    return gaussians.write(tmp_path / "my.dat", gaussians.rows([1, 2, 1]))


def test_a_my_dat_becomes_a_library(tmp_path: Path, dat: Path) -> None:
    done = run(dat, "-o", tmp_path / "a.earmark", "--genres", "blues,jazz")
    assert done.exit_code == 0
    assert done.stdout == f"{tmp_path}/a.earmark: 3 tracks (blues 2, jazz 1)\n"
    with open_library(tmp_path / "a.earmark") as library:
        assert library.genres() == {"blues": 2, "jazz": 1}
    with pytest.raises(LibraryExists):
        run(dat, "-o", tmp_path / "a.earmark", "--genres", "a,b")
    assert run(dat, "-o", tmp_path / "a.earmark", "--genres", "a,b", "--force").exit_code == 0


def test_rows_that_were_left_out_show_in_the_exit_code(tmp_path: Path, dat: Path) -> None:
    dat.write_bytes(dat.read_bytes()[:-10])
    done = run(dat, "-o", tmp_path / "a.earmark", "--genres", "blues,jazz")
    assert done.exit_code == 3
    assert f"{dat}: is cut off: 2 rows are whole" in done.stderr


def test_a_malicious_file_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    evil = tmp_path / "evil.dat"
    evil.write_bytes(
        b"\x80\x03cposix\nsystem\nX\x20\x00\x00\x00"
        + f"touch {trace}".encode()[:32].ljust(32)
        + b"\x85R."
    )
    with pytest.raises(UnsafePickle, match=r"posix\.system"):
        run(evil, "-o", tmp_path / "a.earmark")
    assert not trace.exists()
    assert not (tmp_path / "a.earmark").exists()


def test_vectors_from_elsewhere(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "v.npz",
        vectors=rng.normal(size=(4, 3)).astype(np.float32),
        track=["a", "b", "c", "d"],
        genre=["x", "y", "x", "y"],
    )
    with pytest.raises(ImportFormatError, match="--metric cosine"):
        run(tmp_path / "v.npz", "-o", tmp_path / "v.earmark")
    done = run(tmp_path / "v.npz", "-o", tmp_path / "v.earmark", "--metric", "cosine")
    assert done.stdout.endswith("4 tracks (x 2, y 2)\n")


def test_options_of_the_other_kind_are_wrong_usage(tmp_path: Path, dat: Path) -> None:
    assert run(dat, "-o", tmp_path / "a", "--metric", "cosine").exit_code == 2
    np.savez(tmp_path / "v.npz", vectors=np.ones((1, 1)))
    assert run(tmp_path / "v.npz", "-o", tmp_path / "a", "--genres", "x").exit_code == 2
    with pytest.raises(ImportFormatError, match="No such file"):
        run(tmp_path / "none.dat", "-o", tmp_path / "a")
