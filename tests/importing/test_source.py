"""What is imported: files with an end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.forked import earmark
from support.skips import needs_posix


@pytest.mark.slow
@needs_posix("pipes with names")
@pytest.mark.parametrize("command", [("info",), ("import", "-o", "out.earmark"), ("evaluate",)])
@pytest.mark.parametrize("name", ["my.dat", "vectors.npz"])
def test_a_pipe_is_refused_and_not_waited_for(
    tmp_path: Path, command: tuple[str, ...], name: str
) -> None:
    os.mkfifo(tmp_path / name)
    ended = earmark(*command, name, folder=tmp_path, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"earmark: {name}: ") or f"/{name}: " in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out.earmark").exists()
