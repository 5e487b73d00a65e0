"""The plugin of Picard, with a stand-in for Picard's API and the real command."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support import sounds
from support.web import RATE, make_library, make_music, song

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).resolve().parent.parent / "examples" / "picard" / "earmark_genre"


class Metadata(dict[str, list[str]]):
    """Tags as Picard has them: every one a list."""

    def getall(self, name: str) -> list[str]:
        return self.get(name, [])


class File:
    """A file in Picard's list."""

    def __init__(self, path: Path, *genres: str) -> None:
        self.filename = str(path)
        self.metadata = Metadata(genre=list(genres)) if genres else Metadata()
        self.updates = 0

    def update(self) -> None:
        self.updates += 1

    def iterfiles(self, save: bool = False) -> Iterator[File]:
        yield self


class Album:
    """Something that holds files."""

    def __init__(self, *files: File) -> None:
        self.files = files

    def iterfiles(self, save: bool = False) -> Iterator[File]:
        yield from self.files


class Picard:
    """Stands in for Picard: its modules, its menus, its log."""

    def __init__(self, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.menus: dict[str, Any] = {}
        self.log: list[str] = []
        for name in [name for name in sys.modules if name.split(".")[0] == "picard"]:
            monkeypatch.delitem(sys.modules, name)
        kinds = ("file", "track", "cluster", "album")
        registers = {f"register_{kind}_action": self._registering(kind) for kind in kinds}

        def module(name: str, **contents: Any) -> None:
            made = ModuleType(name)
            made.__path__ = []  # type: ignore[attr-defined]
            vars(made).update(contents)
            monkeypatch.setitem(sys.modules, name, made)

        base = type("BaseAction", (), {})
        log = ModuleType("picard.log")
        for level in ("error", "warning", "info"):
            setattr(log, level, lambda text, *values: self.log.append(text % values))
        module("picard", log=log)
        thread = ModuleType("picard.util.thread")
        thread.run_task = self._run_task  # type: ignore[attr-defined]
        module("picard.util", thread=thread, iter_files_from_objects=self._files)
        if version == 3:
            module("picard.plugin3")
            module("picard.plugin3.api", BaseAction=base)
        else:
            module("picard.ui")
            module("picard.ui.itemviews", BaseAction=base, **registers)
        spec = importlib.util.spec_from_file_location("earmark_genre", PLUGIN / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        self.plugin = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.plugin)
        if version == 3:
            self.plugin.enable(
                type("PluginApi", (), {n: staticmethod(f) for n, f in registers.items()})
            )

    def choose(self, kind: str, *selected: object) -> None:
        """Choose the entry of a context menu, as Picard does it."""
        action = self.menus[kind]
        (action() if isinstance(action, type) else action).callback(list(selected))

    def _registering(self, kind: str) -> Callable[[Any], None]:
        def register(action: Any) -> None:
            self.menus[kind] = action

        return register

    @staticmethod
    def _files(objects: list[Any], save: bool = False) -> Iterator[File]:
        yield from dict.fromkeys(file for each in objects for file in each.iterfiles(save))

    @staticmethod
    def _run_task(function: Callable[[], Any], then: Callable[..., None]) -> None:
        try:
            result = function()
        except Exception as error:
            then(error=error)
        else:
            then(result=result)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    return make_library(folder / "made.earmark", make_music(folder / "music"))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = tmp_path_factory.mktemp("bin") / "earmark"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m earmark "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("version", [2, 3])
def test_files_without_a_genre_get_one_that_is_sure(
    version: int, library: Path, command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_COMMAND", str(command))
    monkeypatch.setenv("EARMARK_LIBRARY", str(library))
    picard = Picard(version, monkeypatch)
    assert set(picard.menus) == {"file", "track", "cluster", "album"}
    hum = File(sounds.write(tmp_path / "-hum.flac", song("hum", 31), RATE, "flac"))
    hiss = File(sounds.write(tmp_path / "hïss 2.flac", song("hiss", 32), RATE, "flac"))
    named = File(sounds.write(tmp_path / "named.flac", song("hum", 33), RATE, "flac"), "Drone")
    broken = File(tmp_path / "broken.flac")
    Path(broken.filename).write_bytes(b"fLaC" + bytes(50))
    picard.choose("album", Album(hum, named), hiss, hum, broken)
    assert hum.metadata == {"genre": ["hum"]}
    assert hiss.metadata == {"genre": ["hiss"]}
    assert (hum.updates, hiss.updates) == (1, 1)
    assert named.metadata == {"genre": ["Drone"]}
    assert broken.metadata == {}
    assert named.updates == broken.updates == 0
    assert "2 of 3 files got a genre" in picard.log[-1]
    assert "broken.flac" in picard.log[0]


def test_what_is_not_sure_is_only_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picard = Picard(3, monkeypatch)
    said = {"genre": "hum", "abstained": True, "reason": "the neighbors disagree"}
    monkeypatch.setattr(picard.plugin, "ask", lambda paths: [said for _ in paths])
    file = File(tmp_path / "a.flac")
    picard.choose("file", file)
    assert (file.metadata, file.updates) == ({}, 0)
    assert "a.flac: not sure: the neighbors disagree" in picard.log[0]


def test_a_command_that_is_missing_or_fails_is_named(
    command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    picard = Picard(3, monkeypatch)
    picard.choose("file", File(tmp_path / "a.flac"))
    assert "EARMARK_COMMAND" in picard.log[-1]
    monkeypatch.setenv("EARMARK_COMMAND", str(command))
    monkeypatch.setenv("EARMARK_LIBRARY", str(tmp_path / "none.earmark"))
    picard.choose("file", File(tmp_path / "a.flac"))
    assert "none.earmark: there is no such library" in picard.log[-1]


def test_the_manifest_says_what_the_plugin_says(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tomllib.loads((PLUGIN / "MANIFEST.toml").read_text("utf-8"))
    plugin = Picard(2, monkeypatch).plugin
    assert manifest["name"] == plugin.PLUGIN_NAME
    assert manifest["version"] == plugin.PLUGIN_VERSION
    assert manifest["license"] == plugin.PLUGIN_LICENSE
    assert uuid.UUID(manifest["uuid"]).version == 4
