"""Uploads on disk."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from earmark.errors import ServerError
from earmark.web.songs.uploads import Uploads, sweep

pytestmark = pytest.mark.slow


def test_names_are_our_own_and_different(tmp_path):
    uploads = Uploads(tmp_path)
    names = {uploads.new().name for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 32 and name.isalnum() for name in names)
    uploads.close()


def test_the_folder_is_private_and_goes_with_the_run(tmp_path):
    uploads = Uploads(tmp_path)
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700
    uploads.new().write_bytes(b"song")
    assert len(uploads.left()) == 1
    uploads.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_held_file_is_deleted_however_the_block_ends(tmp_path, fails):
    uploads = Uploads(tmp_path)
    try:
        with uploads.holding(uploads.new()) as path:
            path.write_bytes(b"song")
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert uploads.left() == []
    uploads.close()


def test_the_next_start_sweeps_what_a_killed_run_left(tmp_path):
    dies = (
        "import os, pathlib, sys; from earmark.web.songs.uploads import Uploads\n"
        "Uploads(pathlib.Path(sys.argv[1])).new().write_bytes(b'song'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", dies, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("run-*/*"))) == 2
    alive = Uploads(tmp_path)
    assert list(tmp_path.iterdir()) == [alive.folder]
    alive.close()


def test_another_run_that_lives_is_left_alone(tmp_path):
    first = Uploads(tmp_path)
    song = first.new()
    song.write_bytes(b"song")
    second = Uploads(tmp_path)
    assert sweep(tmp_path) == 0
    assert song.exists()
    first.close()
    second.close()


def test_a_link_is_not_followed_when_sweeping(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "in-use").write_bytes(b"")
    base = tmp_path / "base"
    base.mkdir()
    (base / "run-x").symlink_to(precious)
    assert sweep(base) == 0
    assert (precious / "in-use").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ServerError):
        Uploads(tmp_path / "file")
