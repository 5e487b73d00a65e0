"""Shells themselves complete what is typed after ``earmark``."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from earmark.cli import COMMANDS, earmark
from earmark.cli.named import FileOrName
from earmark.library import open_library
from support.programs import needs
from support.skips import needs_posix
from support.web import make_library, make_music

pytestmark = [pytest.mark.slow, needs_posix("terminals and their shells")]

DEADLINE = 120.0
"""Seconds after which a shell that says nothing is given up; a machine may be busy."""

START = {
    "bash": "unset PROMPT_COMMAND; bind 'set enable-bracketed-paste off'; ",
    "zsh": "unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; ",
    "fish": "",
}
COMMAND = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library, some files, and the command on the way to programs."""
    folder = tmp_path_factory.mktemp("shell")
    make_library(folder / "made.earmark", make_music(folder / "music"))
    with open_library(folder / "made.earmark") as library:
        name = library.tracks()[0].name
    named = ["relabel", name, "-l", str(folder / "made.earmark"), "--genre", "hip hop (old)"]
    subprocess.run([sys.executable, "-m", "earmark", *named], check=True, capture_output=True)
    (folder / "my song.flac").touch()
    (folder / "bin").mkdir()
    script = folder / "bin" / "earmark"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m earmark "$@"\n')
    script.chmod(0o755)
    return folder


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    own = {"PATH": path, "EARMARK_LIBRARY": str(folder / "made.earmark"), "HOME": str(folder)}
    return {**os.environ, **own, "TERM": "dumb", "LC_ALL": "C.UTF-8"}


class Shell:
    """A shell at a terminal."""

    def __init__(self, name: str, folder: Path) -> None:
        import pty

        self._master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            COMMAND[name],
            cwd=folder,
            env=environment(folder),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._said = ""
        script = f'{START[name]}PS1="> "; eval "$(earmark completion {name})"; echo rea""dy\n'
        self._type(script)
        self._until(r"ready\r?\n")

    def complete(self, typed: str) -> list[str]:
        """Type a line and a tab; return the words of the line that the shell then has."""
        # A shell reads on when it is done with the tab. The line becomes what another command
        # prints, so that its words are those that the shell itself sees.
        self._type(f"{typed}\t\x01printf '%s\\n' BEGIN \x05 END\n")
        said = self._until(r"\nBEGIN\r?\n(.*?)\nEND\r?\n")
        return [line.strip("\r") for line in said.split("\n")]

    def _type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self._said += os.read(self._master, 65536).decode("utf-8", "replace")
        return True

    def _until(self, pattern: str) -> str:
        end = time.monotonic() + DEADLINE
        while (found := re.search(pattern, self._said, re.DOTALL)) is None:
            assert time.monotonic() < end, self._said
            self._read(1.0)
        self._said = self._said[found.end() :]
        return found[1] if found.groups() else found[0]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


TYPED = {
    "earmark clas": ["earmark", "classify"],
    "earmark classify --lib": ["earmark", "classify", "--library"],
    "earmark classify my": ["earmark", "classify", "my song.flac"],
    "earmark classify -l mad": ["earmark", "classify", "-l", "made.earmark"],
    "earmark classify -l ref": ["earmark", "classify", "-l", "reference"],
    "earmark list --genre hip": ["earmark", "list", "--genre", "hip hop (old)"],
}


FEW = ("earmark clas", "earmark classify my", "earmark list --genre hip")
"""Of each kind one: all of them are tried in one shell."""


def check_at_a_terminal(name: str, folder: Path, tried: Iterable[str]) -> None:
    shell = Shell(name, folder)
    try:
        for typed in tried:
            assert shell.complete(typed) == TYPED[typed]
    finally:
        shell.close()


@needs("bash")
def test_bash_completes(folder: Path) -> None:
    check_at_a_terminal("bash", folder, TYPED)


@needs("zsh")
def test_zsh_completes(folder: Path) -> None:
    check_at_a_terminal("zsh", folder, FEW)


@needs("fish")
def test_fish_completes(folder: Path) -> None:
    asked = "".join(f"echo BEGIN; complete -C {shlex.quote(typed)};" for typed in FEW)
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"earmark completion fish | source; {asked}"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    found = [answer.strip().splitlines() for answer in ran.stdout.split("BEGIN\n")[1:]]
    words = [[line.partition("\t")[0] for line in answer] for answer in found]
    # fish quotes a word when it puts it down, not in this list.
    assert words == [[TYPED[typed][-1]] for typed in FEW]


def test_what_is_in_a_quote_is_left_to_bash(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.shell_completion import CompletionItem

    from earmark.cli.completion import QuotedBash

    bash = QuotedBash(earmark, {}, "earmark", "_EARMARK_COMPLETE")
    monkeypatch.setenv("COMP_CWORD", "1")
    for typed, told in {
        "hip": r"plain,hip\\ hop\\ \\(old\\)",
        "'hip": "plain,hip hop (old)",
    }.items():
        monkeypatch.setenv("COMP_WORDS", f"earmark\n{typed}")
        assert bash.format_completion(CompletionItem("hip hop (old)")) == told


def test_everything_that_is_a_file_by_its_name_is_completed() -> None:
    """An argument that says it is a file, song, folder or library has a kind that says so."""
    # What stands before the addresses of a server looks like a path and is no file.
    others = {("serve", "prefix")}
    names = re.compile(r"FILE|FOLDER|SONG|PATH|LIBRARY|TRACK|LIST\.|PLAN|DAMAGED")
    with click.Context(earmark) as context:
        for name in COMMANDS:
            command = earmark.get_command(context, name)
            assert command is not None
            for parameter in command.params:
                if (name, parameter.name) in others:
                    continue
                if names.search(parameter.make_metavar(context)):
                    assert isinstance(parameter.type, click.Path | FileOrName), (name, parameter)
