"""Any feature extractor in every command: a small model, a HEAR module, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from support import forked, models
from support.web import Server, make_music

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with music, a model, and a library that was built with it."""
    folder = tmp_path_factory.mktemp("ears")
    make_music(folder / "music")
    models.make_model(folder / "small")
    done = earmark(folder, "build", "music", "-o", "small.earmark", "--extractor", "./small")
    assert done.returncode == 0, done.stderr
    return folder


def earmark(
    folder: Path, *arguments: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with the folder's own home."""
    own = {"XDG_DATA_HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache")}
    done = forked.earmark(*arguments, folder=folder, **{**own, **environment})
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def answer(folder: Path, *arguments: object, **environment: str) -> Any:
    """Return the JSON that a command prints."""
    done = earmark(folder, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(folder: Path, *arguments: object, **environment: str) -> str:
    """Return the one line that a command says why it could do nothing."""
    done = earmark(folder, *arguments, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("earmark: ")
    return line


def song(place: Path, genre: str) -> Path:
    return place / "music" / genre / f"{genre}-0.wav"


def test_a_library_says_what_it_was_built_with(place: Path) -> None:
    said = answer(place, "info", "small.earmark")
    assert said["extractor"] == {"name": "small", "version": "1", "dimension": 67}
    assert said["tracks"] == len(list((place / "music").rglob("*.wav")))


@pytest.mark.parametrize("genre", ["hiss", "hum", "melody"])
def test_songs_are_named(place: Path, genre: str) -> None:
    said = answer(place, "classify", "--library", "small.earmark", song(place, genre))
    assert said["genre"] == genre
    assert set(said["tags"]) == {"low", "middle", "high"}
    assert max(said["tags"], key=said["tags"].get) == ("high" if genre == "hiss" else "low")
    own = {neighbor["track"] for neighbor in said["neighbors"]}
    assert song(place, genre).stem not in own


def test_a_library_is_evaluated_and_two_ears_are_compared(place: Path) -> None:
    assert answer(place, "evaluate", "small.earmark")["accuracy"] > 0.9
    done = earmark(place, "build", "music", "-o", "classic.earmark", "--extractor", "mfcc")
    assert done.returncode == 0, done.stderr
    said = answer(place, "evaluate", "small.earmark", "--against", "classic.earmark")["comparison"]
    assert "small 1" in said["first"]["what"]
    assert "mfcc 1" in said["second"]["what"]
    assert said["tracks"] == len(list((place / "music").rglob("*.wav")))


def test_a_server_hears_with_it(place: Path, tmp_path: Path) -> None:
    server = Server(tmp_path, "--library", str(place / "small.earmark"), workers=1)
    try:
        with song(place, "hum").open("rb") as stream:
            said = requests.post(f"{server.url}/predict", files={"file": stream}, timeout=120)
        assert said.status_code == 200, said.text
        assert "classified as hum" in said.text
        library = requests.get(f"{server.url}/api/v1/library", timeout=60).json()
        assert library["extractor"] == "small"
    finally:
        code, errors = server.stop()
    assert code == 0, errors


def test_a_build_goes_on_with_the_extractor_of_its_library(place: Path) -> None:
    for asked in ([], ["--extractor", place / "small"], ["--extractor", "small/model.json"]):
        done = earmark(place, "build", "music", "-o", "small.earmark", *asked)
        assert done.returncode == 0, done.stderr
        assert "unchanged" in done.stdout


def test_a_library_mixes_no_extractors(place: Path) -> None:
    assert "holds vectors of small 1, not of mfcc 1" in failure(
        place, "build", "music", "-o", "small.earmark", "--extractor", "mfcc"
    )
    newer = models.copy(place / "small", place / "newer", version="2")
    assert "not of small 2" in failure(
        place, "build", "music", "-o", "small.earmark", "--extractor", newer
    )
    other = models.copy(place / "small", place / "other", sha256=...)
    content = (other / "model.onnx").read_bytes()
    # A field that no reader knows changes the file and nothing else.
    (other / "model.onnx").write_bytes(content + b"\xfa\x7f\x00")
    assert "another model that is also called small 1" in failure(
        place, "build", "music", "-o", "small.earmark", "--extractor", other
    )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"inference__sample_rate": 22_050}, "the sample rate"),
        ({"schema__inputs__0__shape": ["batch", 16_000]}, "has the shape [any, 16000]"),
        ({"sha256": "a" * 64}, "it is damaged, or another model"),
        ({"embed_dim": 12}, "the network gives 64 numbers"),
        ({"probe__vector": [9.0]}, "the numbers of 'probe'"),
    ],
)
def test_a_model_that_is_wrong_is_refused_before_anything_is_heard(
    place: Path, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    folder = models.copy(place / "small", tmp_path / "wrong", **changes)
    out = tmp_path / "out.earmark"
    line = failure(place, "build", "music", "-o", out, "--extractor", folder)
    assert match in line
    assert str(folder) in line
    assert not out.exists()
    assert failure(place, "extractors", "check", folder) == line


def test_a_model_that_is_gone_is_named_with_what_to_do(place: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    (place / "small").rename(away)
    try:
        for command in (
            ["classify", "--library", "small.earmark", song(place, "hum")],
            ["build", "music", "-o", "small.earmark"],
            ["serve", "--library", "small.earmark", "--port", "0"],
        ):
            line = failure(place, *command)
            assert "small version 1" in line
            assert "EARMARK_MODELS" in line
        # What needs no ears works on.
        assert answer(place, "evaluate", "small.earmark")["accuracy"] > 0.9
        found = answer(
            place,
            "classify",
            "--library",
            "small.earmark",
            song(place, "hum"),
            EARMARK_MODELS=str(tmp_path),
        )
        assert found["genre"] == "hum"
    finally:
        away.rename(place / "small")


def test_extractors_are_listed(place: Path, tmp_path: Path) -> None:
    broken = models.copy(place / "small", tmp_path / "broken", embed_dim="many")
    models.copy(place / "small", tmp_path / "whole", license="CC-BY-NC-SA-4.0")
    said = answer(place, "extractors", EARMARK_MODELS=str(tmp_path))
    found = {entry["name"]: entry for entry in said["extractors"]}
    assert (said["schema"], said["default"]) == ("earmark.extractors/1", "musicnn")
    assert set(found) == {"mfcc", "musicnn", "broken", "whole"}
    assert (found["musicnn"]["license"], found["whole"]["license"]) == ("ISC", "CC-BY-NC-SA-4.0")
    assert found["whole"]["size"] == (place / "small" / "model.onnx").stat().st_size
    assert "embed_dim" in found["broken"]["problem"]
    done = earmark(place, "extractors", EARMARK_MODELS=str(tmp_path))
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "CC-BY-NC-SA-4.0" in lines["whole"]
    assert "cannot be used" in lines["broken"]
    assert str(broken) in done.stderr


def test_a_check_says_what_a_model_is_and_fills_in_what_it_lacks(
    place: Path, tmp_path: Path
) -> None:
    folder = models.copy(
        place / "small", tmp_path / "own", sha256=..., probe=..., embed_dim=..., license=...
    )
    said = answer(place, "extractors", "check", folder)
    assert (said["license"], said["lacking"]) == ("unknown", ["embed_dim", "sha256", "probe"])
    text = earmark(place, "extractors", "check", folder, "--fill").stdout
    assert "small 1 can be used" in text
    assert "unknown" in text
    assert answer(place, "extractors", "check", folder)["lacking"] == []
    assert models.read(folder)["probe"] == models.read(place / "small")["probe"]
    for name in ("mfcc", "musicnn"):
        done = earmark(place, "extractors", "check", name)
        assert done.returncode == 0
        assert f"{name} 1 can be used" in done.stdout
    assert earmark(place, "extractors", "check", "mfcc", "--fill").returncode == 2


def test_a_module_with_the_functions_of_hear(place: Path, tmp_path: Path) -> None:
    source = (ROOT / "tests" / "features" / "test_doors.py").read_text("utf-8")
    template = source.partition("HEAR = '''")[2].partition("'''\n")[0]
    text = template.format(imports="import numpy as np", base="", check="pass", wrap="")
    (tmp_path / "bands.py").write_text(text, "utf-8")
    path = {"PYTHONPATH": str(tmp_path)}
    out = tmp_path / "bands.earmark"
    done = earmark(place, "build", "music", "-o", out, "--extractor", "hear:bands", **path)
    assert done.returncode == 0, done.stderr
    said = answer(place, "classify", "--library", out, song(place, "hum"), **path)
    assert said["genre"] == "hum"
    assert "cannot be imported" in failure(place, "classify", "--library", out, song(place, "hum"))
    # Another person, who never named the module.
    stranger = {**path, "XDG_DATA_HOME": str(tmp_path / "home")}
    line = failure(place, "classify", "--library", out, song(place, "hum"), **stranger)
    assert "runs the code of the Python module bands" in line
    assert earmark(place, "extractors", "check", "hear:bands", **stranger).returncode == 0
    assert answer(place, "classify", "--library", out, song(place, "hum"), **stranger)
