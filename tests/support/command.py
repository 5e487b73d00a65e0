"""The command line, run in this process as its users run it."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest

from earmark.cli import main


class Ran(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


class Command:
    """Runs ``earmark`` with arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        # How far a command is, it says where it takes long: on a slow machine only.
        monkeypatch.setattr("earmark.cli.progress.PLAIN_EVERY", math.inf)

    def __call__(self, *arguments: object) -> Ran:
        self._monkeypatch.setattr("sys.argv", ["earmark", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        return Ran(code, *self._capsys.readouterr())
