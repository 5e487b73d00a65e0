"""Programs that some tests ask, and where to get them: a test that skips says so."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import pytest


class Program(NamedTuple):
    """What some tests need."""

    what: str
    """What is not tested without it."""

    source: str
    """Where to get it: from Debian and, where that is known, elsewhere."""

    names: tuple[str, ...] = ()
    """Other names under which systems have it."""


PROGRAMS = {
    "bash": Program("words that it completes", "apt-get install bash"),
    "chromium": Program(
        "pages in a browser",
        "apt-get install chromium, or https://www.chromium.org/getting-involved/download-chromium",
        ("chromium-browser", "google-chrome", "chrome"),
    ),
    "curl": Program(
        "the examples of the HTTP API", "apt-get install curl, or https://curl.se/download.html"
    ),
    "espeak-ng": Program(
        "speech that is no music", "apt-get install espeak-ng, or brew install espeak-ng"
    ),
    "ffmpeg": Program(
        "formats that only it writes",
        "apt-get install ffmpeg, brew install ffmpeg, or https://ffmpeg.org/download.html",
    ),
    "ffprobe": Program(
        "tags as it reads them", "apt-get install ffmpeg: ffprobe is a part of ffmpeg"
    ),
    "fish": Program("words that it completes", "apt-get install fish, or https://fishshell.com"),
    "mpd": Program(
        "a player's queue", "apt-get install mpd, brew install mpd, or https://www.musicpd.org"
    ),
    "mount": Program("disks that are full", "apt-get install mount"),
    "npm": Program(
        "pages for screen readers", "apt-get install npm, or https://nodejs.org/en/download"
    ),
    "setpriv": Program("folders that may not be entered", "apt-get install util-linux"),
    "strace": Program(
        "that no command opens a connection", "apt-get install strace (it is for Linux only)"
    ),
    "zsh": Program("words that it completes", "apt-get install zsh, or https://www.zsh.org"),
}


def find(program: str) -> str | None:
    """Return where a program is, None where it is not here."""
    names = (program, *PROGRAMS[program].names)
    return next(filter(None, map(shutil.which, names)), None)


def missing(program: str) -> str:
    """Say that a program is not here, and where to get it."""
    return f"needs the program {program}, which is not here: {PROGRAMS[program].source}"


def missing_programs() -> list[str]:
    """Say of each program that is not here what is not tested, and where to get it."""
    return [
        f"no {program}: tests of {needed.what} are skipped; to run them: {needed.source}"
        for program, needed in PROGRAMS.items()
        if find(program) is None
    ]


def needs(program: str) -> pytest.MarkDecorator:
    """Return the mark of a test that skips where a program is not here."""
    return pytest.mark.skipif(find(program) is None, reason=missing(program))


def find_or_skip(program: str) -> str:
    """Return where a program is, or skip the test visibly."""
    __tracebackhide__ = True
    found = find(program)
    if found is None:
        pytest.skip(missing(program))
    return found
