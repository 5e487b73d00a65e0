"""Commands that tests fork are processes as Python would start them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from support import sounds
from support.forked import Process, earmark, is_worker
from support.skips import needs_linux
from support.web import Server, wait_until


def test_folder_environment_exit_code_and_both_outputs(tmp_path: Path) -> None:
    done = earmark("info", "here.earmark", folder=tmp_path, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("earmark: ")
    assert "here.earmark" in done.stderr
    done = earmark("info", EARMARK_LIBRARY="there.earmark", folder=tmp_path)
    assert b"there.earmark" in done.stderr
    assert earmark("--version").stdout.startswith(b"earmark")
    assert earmark("--nonsense").returncode == 2


def test_a_pipe_that_is_closed_and_one_for_both_outputs(tmp_path: Path) -> None:
    with Process(
        ["info", "none"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        out, errors = process.communicate()
    assert (process.returncode, errors) == (1, None)
    assert out.startswith(b"earmark: ")


def predict(server: Server, song: bytes) -> int:
    url = f"{server.url}/api/v1/classify"
    return requests.post(url, files={"file": ("song.wav", song)}, timeout=60).status_code


@needs_linux("looks into /proc")
def test_it_runs_until_it_is_ended_and_its_workers_with_it(tmp_path: Path) -> None:
    with Server(tmp_path, "--library", "classic", workers=2) as server:
        assert server.process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(timeout=0.01)
        wait_until(lambda: server.state()["workers"] == 2)
        workers = server.workers()
        assert len(workers) == 2
        assert all(is_worker(pid) for pid in workers)
        assert not is_worker(server.process.pid)
        assert os.getpgid(workers[0]) == workers[0]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        song = sounds.write(tmp_path / "song.wav", sounds.tune(3.0), 22_050).read_bytes()
        answers = [predict(server, song) for _ in range(4)]
        assert answers[-1] == 200
        # As any children of its own, they are waited for, and others are started.
        wait_until(lambda: not set(workers) & set(server.workers()))
        workers = server.workers()
        server.process.kill()
        assert server.process.wait() == -signal.SIGKILL
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
