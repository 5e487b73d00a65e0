"""What is shipped: a wheel that is complete, and works when installed alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import earmark
from support.skips import NETWORK, skip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"

DATA = (
    *("earmark/data/msd_musicnn.onnx", "earmark/data/msd_musicnn.json"),
    *("earmark/data/front-ends.json", "earmark/data/reference.earmark"),
    *("earmark/data/gtzan.earmark", "earmark/data/classic.earmark"),
    *("earmark/data/LICENSE-musicnn.txt", "earmark/py.typed"),
)
OFFLINE = ("No matching distribution", "NewConnectionError", "Connection", "timed out")


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """Run a program; return its output."""
    ran = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        timeout=600,
    )
    if ran.returncode and "pip" in command and any(sign in ran.stderr for sign in OFFLINE):
        skip(f"packages cannot be had: {ran.stderr.strip()[-200:]}", NETWORK)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    (made,) = folder.glob("earmark-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel, what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("alone") / "venv"
    run(sys.executable, "-m", "venv", folder)
    # Of all that comes along, most is not imported here.
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    return folder / "bin"


def test_a_wheel_holds_all_that_is_needed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        notices = b"".join(
            archive.read(name) for name in sizes if "licen" in name.lower() and sizes[name]
        )
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected = {name for name in expected if not name.endswith(("-wal", "-shm", "-journal"))}
    shipped = {name for name in sizes if ".dist-info/" not in name}
    assert shipped == expected
    # In a package that no distribution owns, where beets looks for plugins.
    assert {name for name in shipped if not name.startswith("earmark/")} == {"beetsplug/earmark.py"}
    for name in DATA:
        assert sizes[name] == (source / name).stat().st_size
    assert any(name.startswith("earmark/web/templates/") for name in shipped)
    assert any(name.startswith("earmark/web/static/") for name in shipped)
    # With the segments by which its thresholds are fitted to short songs.
    assert sizes["earmark/data/reference.earmark"] <= 2_500_000
    assert sizes["earmark/data/gtzan.earmark"] <= 2_100_000
    assert b"MIT License" in notices
    assert b"Music Technology Group" in notices


def test_a_wheel_built_again_is_the_same_file(wheel: Path, tmp_path: Path) -> None:
    """So that anybody can see that what was published was made from this source."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_nothing_of_the_music_is_shipped(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    sounds = (".ogg", ".wav", ".mp3", ".flac", ".au", ".m4a", ".dat", ".npz")
    # But for the samples of the home page, which `scripts/make_samples.py` makes.
    samples = [f"earmark/web/static/samples/{name}.ogg" for name in ("beat", "guitars", "strings")]
    assert sorted(name for name in names if name.endswith(sounds)) == samples
    assert "earmark/web/static/samples/LICENSE.txt" in names


def test_importing_the_package_is_light() -> None:
    loaded = run(
        sys.executable,
        "-c",
        "import earmark, sys; print(*sorted({name.split('.')[0] for name in sys.modules}))",
    ).split()
    assert not {"flask", "sqlalchemy", "onnxruntime", "av", "rich"} & set(loaded)


def test_a_process_whose_workers_listen_loads_no_decoder() -> None:
    loaded = run(
        sys.executable,
        "-c",
        "import earmark.cli.classify, earmark.classify, earmark.hearing, sys\n"
        "earmark.open_library('reference')\n"
        "print(*sorted(sys.modules))",
    ).split()
    assert "earmark.hearing" in loaded
    unneeded = {"av", "soundfile", "soxr", "onnxruntime", "psycopg", "mutagen", "flask"}
    assert not unneeded & set(loaded)


def test_the_package_hands_out_what_users_import_and_nothing_else() -> None:
    for name in earmark.__all__:
        assert getattr(earmark, name).__name__ == name
    assert set(dir(earmark)) == {*earmark.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        _ = earmark.Clasifier


def test_the_wheel_works_alone(installed: Path, tmp_path: Path) -> None:
    # From an empty folder and with a home of its own, so that nothing of the repository is near.
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "PYTHONPATH": ""}
    where = run(
        installed / "python", "-c", "import earmark; print(earmark.__file__)", cwd=tmp_path, **home
    )
    assert Path(where.strip()).is_relative_to(installed.parent)
    said = json.loads(
        run(installed / "earmark", "classify", "--json", EXAMPLE, cwd=tmp_path, **home)
    )
    assert said["genre"] in {"metal", "rock"}
    assert len(said["tags"]) == 5
    classic = json.loads(
        run(
            *(installed / "earmark", "classify", "--json", "-l", "classic", EXAMPLE),
            cwd=tmp_path,
            **home,
        )
    )
    assert len(classic["neighbors"]) == 8
    commands = run(installed / "earmark", "--help", cwd=tmp_path, **home)
    for command in ("build", "classify", "evaluate", "export", "import", "info", "serve"):
        assert command in commands
        assert "Usage" in run(installed / "earmark", command, "--help", cwd=tmp_path, **home)
    assert run(installed / "earmark", "--version", cwd=tmp_path, **home).strip()
    run(installed / "python", "-m", "pip", "check", cwd=tmp_path, **home)


def test_the_oldest_dependencies_that_are_tried_are_the_oldest_that_are_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["tag"]]
    allowed = dict(re.findall(r"^([\w-]+)>=([\w.]+)", "\n".join(asked), re.M))
    pins = (ROOT / ".ci" / "oldest.txt").read_text("utf-8")
    tried = dict(re.findall(r"^([\w-]+)==([\w.]+)$", pins, re.M))
    assert len(allowed) == len(asked)
    assert set(tried) == set(allowed)
    for name, version in allowed.items():
        assert f"{tried[name]}.".startswith(f"{version}."), name
    # And they are tried whenever a change is.
    targets = dict(re.findall(r"^(\w+):(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert {"test", "oldest"} <= set(targets["check"].split())
