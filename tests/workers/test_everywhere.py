"""A decoder that crashes, hangs or eats memory costs one file, in every command alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from support import sounds
from support.watched import Running
from support.web import RATE, Server, make_library, make_music, song

pytestmark = pytest.mark.slow

TESTS = Path(sounds.__file__).resolve().parent.parent

STAND_IN = """
import importlib.abc, importlib.util, sys

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "earmark.audio.recording":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            before = module.Recording.__init__

            def opened(self, path, *more, **options):
                from support import misdeeds

                misdeeds.misbehave(str(path))
                before(self, path, *more, **options)

            module.Recording.__init__ = opened

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
"""
"""Stands in for the decoders: does what the name of the file says."""

SAID = {
    "crash": "crashes the program that decodes it (segmentation fault)",
    "sleep": "takes longer than 15 s; shorten it, or raise the limit",
    "eat": "needs more than 300 MB of memory",
    "fail": "failed unexpectedly (RuntimeError: no)",
}
LIMITS = ("--time-limit", "15", "--memory-limit", "300")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(STAND_IN)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "path"), str(TESTS)])}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = make_music(tmp_path / "music")
    for number, name in enumerate([*SAID, "good"]):
        sounds.write(folder / "hum" / f"{name}.wav", song("hum", 20 + number), RATE)
    return folder


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "earmark", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_build(music: Path, environment: dict[str, str], tmp_path: Path) -> None:
    options = ["--features", "mfcc", "--json", "--jobs", 2, *LIMITS]
    done = run(environment, "build", music, "-o", tmp_path / "my.earmark", *options)
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert told["heard"] == 28
    skipped = {Path(file["path"]).stem: file["reason"] for file in told["skipped"]}
    assert set(skipped) == set(SAID)
    for name, said in SAID.items():
        assert skipped[name].startswith(said)
    assert "Traceback" not in done.stderr


def test_classify(music: Path, environment: dict[str, str], tmp_path: Path) -> None:
    library = make_library(tmp_path / "my.earmark", make_music(tmp_path / "clean"))
    files = [music / "hum" / f"{name}.wav" for name in ("good", *SAID, "good")]
    done = run(environment, "classify", "-l", library, "--json", *LIMITS, *files)
    assert done.returncode == 3, done.stderr
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["path"] for line in told] == [str(file) for file in files]
    assert told[0]["genre"] == told[-1]["genre"] == "hum"
    for line, said in zip(told[1:-1], SAID.values(), strict=True):
        assert line["error"].startswith(said)
    assert "Traceback" not in done.stderr


def test_watch(
    music: Path, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(tmp_path / "my.earmark", make_music(tmp_path / "clean"))
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    folder = tmp_path / "watched"
    folder.mkdir()
    watch = Running(
        tmp_path,
        *(folder, "-l", library, "--settle", 0, "--poll", 1, "--jobs", 1, *LIMITS),
        *("--write", "--min-confidence", 0.1),
        forked=False,
    )
    try:
        watch.line()
        for name in ("crash", "fail", "good"):
            file = Path(shutil.move(music / "hum" / f"{name}.wav", folder / f"{name}.wav"))
            said = f"left as it is: {SAID[name]}" if name in SAID else "hum "
            assert watch.line().startswith(f"{file}: {said}")
    finally:
        code, more, errors = watch.stop()
    assert (code, more, errors.strip()) == (143, [], "")


def test_serve(
    music: Path, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(tmp_path / "my.earmark", make_music(tmp_path / "clean"))
    limits = {"EARMARK_TIME_LIMIT": "15", "EARMARK_MEMORY_LIMIT_MB": "300"}
    for name, value in {**environment, **limits}.items():
        monkeypatch.setenv(name, value)
    with Server(tmp_path, "--library", str(library), "--music", str(music), forked=False) as server:
        for name, said in [*SAID.items(), ("good", "")]:
            answer = requests.post(
                f"{server.url}/api/v1/classify/path",
                json={"path": f"hum/{name}.wav"},
                timeout=120,
            )
            if said:
                assert answer.json()["detail"].startswith(f"hum/{name}.wav: {said}")
                assert answer.status_code == (500 if name == "fail" else 422)
            else:
                assert answer.json()["results"][0]["prediction"]["genre"] == "hum"
        code, errors = server.stop()
        assert code == 0, errors
