"""Malicious names, tags, genres, file and folder names are harmless wherever they are shown.

On terminals, in tables and lists for other programs, on every page, in logs, and in JSON.
"""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import requests

from earmark import testing
from earmark.library import open_library
from support import forked
from support.web import Server, make_library

pytestmark = pytest.mark.slow

STRINGS = {
    "markup": "<script>alert('earmark')</script><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover=alert(1) x='",
    "formula": '=HYPERLINK("http://evil.example",1)',
    "command formula": "+cmd|' /C calc'!A0",
    "rich": "[/rock][red]red[link=http://evil.example]",
    "escape": "a\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "c1": "a\x9b31mred\x9d0;t\x9c",
    "lines": "one\r\nSet-Cookie: x=1\r\n\r\ntwo\nthree\u2028four\u0085five",
    "turned": "song\u202egpj.exe\u2066x",
    "nul": "a\0b",
    "megabyte": "M" * 1_000_000,
    "template": "{{ 7*7 }}{% raw %}${7*7}%s%n",
    "sql": "'; DROP TABLE tracks; --",
    "path": "../../../etc/passwd",
    "comment": "#EXTINF:1,x\nfile:///etc/passwd",
}
LONGEST_LINE = 30_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="module")
def library(folder: Path) -> Path:
    """A library that somebody made on purpose: every text of every track is one of those."""
    path = make_library(folder / "evil.earmark", testing.make_music(folder / "music"))
    strings = list(STRINGS.values())
    with open_library(path) as made:
        for number, track in enumerate(made.tracks()):
            text = strings[number % len(strings)]
            genre = strings[(number // 9) % len(strings)]
            assert track.id is not None
            made.update(
                track.id,
                name=text,
                artist=text,
                title=text,
                genre=genre,
                path=f"/m/{number}/{text}".replace("\0", ""),
            )
    return path


@pytest.fixture(scope="module")
def songs(folder: Path) -> Path:
    """A collection whose folders, files and tags have such names, as far as a disk takes them."""
    root = folder / "songs"
    for number, text in enumerate(STRINGS.values()):
        # One that begins with a dot is hidden, and not looked at.
        name = text.replace("\0", "").replace("/", "∕").lstrip(".")[:60]
        place = root / name
        place.mkdir(parents=True)
        for seed in range(2):
            file = testing.write_wav(
                place / f"{seed}{name[:50]}.wav", testing.make_song("melody", 2 * number + seed)
            )
            data = file.read_bytes()
            tagged = text.encode("utf-8")[:20_000] + b"\0"
            info = b"".join(
                mark + len(tagged).to_bytes(4, "little") + tagged + b"\0" * (len(tagged) % 2)
                for mark in (b"INAM", b"IART", b"IGNR")
            )
            chunk = b"LIST" + (len(info) + 4).to_bytes(4, "little") + b"INFO" + info
            whole = data + chunk
            file.write_bytes(b"RIFF" + (len(whole) - 8).to_bytes(4, "little") + whole[8:])
    return root


def run(*arguments: object, code: int | None = 0) -> tuple[str, str]:
    """Run a command that ends well, if a code is given; return what it wrote to a terminal."""
    done = forked.earmark(*arguments)
    assert code is None or done.returncode in (code, 3), done.stderr[-2000:]
    assert b"Traceback" not in done.stderr
    # Not by Python's text mode, which would join what \r parts.
    return done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def check_terminal(text: str, longest: int = LONGEST_LINE) -> None:
    """See that nothing commands the terminal, and that markup is shown instead of obeyed."""
    for line in text.split("\n"):
        bad = [character for character in line if not character.isprintable()]
        # A bar goes back to the beginning of its own line.
        assert set(bad) <= {"\r"} or not bad, (line[:200], bad[:5])
        assert len(line) < longest, line[:200]
    assert "\x1b" not in text


COMMANDS = [
    ("info",),
    ("info", "--check"),
    ("audit", "--no-files"),
    ("evaluate", "--alone"),
    ("similar", "#1", "-n", "20"),
    ("path", "#1", "#20"),
    ("playlist", "#1", "-n", "8"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_of_a_library(library: Path, command: tuple[str, ...]) -> None:
    name, *rest = command
    where = ["-l", library] if name in ("similar", "path", "playlist") else []
    at = [library] if not where else []
    out, errors = run(name, *at, *rest, *where)
    check_terminal(out)
    check_terminal(errors)
    assert out


@pytest.mark.parametrize("form", [[], ["--brief"], ["--csv"], ["--json"]], ids=str)
def test_what_is_said_of_songs(library: Path, songs: Path, form: list[str]) -> None:
    out, errors = run("classify", "-l", library, *form, songs)
    check_terminal(errors)
    if form == ["--json"]:
        # A library's own genres are given as they are, however long.
        check_terminal(out, longest=10_000_000)
        lines = [json.loads(line) for line in out.split("\n")[:-1]]
        assert len(lines) == 2 * len(STRINGS)
        assert {line["schema"] for line in lines} == {"earmark.prediction/1"}
    else:
        check_terminal(out)
    if form == ["--csv"]:
        rows = list(csv.reader(io.StringIO(out)))
        assert len(rows) == 1 + 2 * len(STRINGS)
        assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+@\t\r")]


def test_a_build_of_such_a_folder(songs: Path, tmp_path: Path) -> None:
    options = ("--features", "mfcc", "--genre-level", "1")
    out, errors = run("build", songs, "-o", tmp_path / "my.earmark", *options)
    check_terminal(out)
    check_terminal(errors)
    with open_library(tmp_path / "my.earmark") as made:
        assert made.count() == 2 * len(STRINGS)
        for track in made.tracks():
            assert track.name.isprintable()
            assert (track.genre or "").isprintable()
            assert len(track.artist or "") <= 200


@pytest.mark.parametrize("ending", ["m3u8", "xspf", "jspf"])
def test_playlists(library: Path, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"list.{ending}"
    limits = ("-n", "15", "--per-artist", "0", "--per-album", "0")
    out, errors = run("playlist", "#1", *limits, "-l", library, "-o", file, code=None)
    check_terminal(out + errors)
    if ending == "m3u8" and not file.exists():
        assert "has a line break, which M3U cannot hold" in errors
        return
    text = file.read_text("utf-8")
    if ending == "xspf":
        assert len(ET.fromstring(text)) > 0
    elif ending == "jspf":
        assert json.loads(text)["playlist"]["track"]
    else:
        for line in text.splitlines():
            # Comments, or files of that folder: no line of its own that a name brought along.
            assert line.startswith(("#", "/m/", "../")) or "%" in line, line[:100]
            assert not line.startswith("file:///etc")


def test_vectors_for_other_programs(library: Path, tmp_path: Path) -> None:
    run("export", tmp_path / "x.npz", "-l", library)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert set(arrays["genre"]) >= {STRINGS["formula"]} or len(arrays["genre"]) == 27


class Page(HTMLParser):
    """Collects the elements and attributes of a page that could run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            runs = (value or "").lower().startswith(("javascript:", "data:te", "http://evil"))
            if name.startswith("on") or runs:
                self.bad.append(f"{tag} {name}={value}")
        if tag == "img" and dict(attrs).get("src") == "x":
            self.bad.append("the image that was brought along")

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() == "<script>":
            self.bad.append(f"a script in the page: {data[:80]}")


CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]"


def check_page(text: str) -> None:
    assert Page(text).bad == []
    assert "<script>alert" not in text
    assert not re.search(CONTROLS, text)


def test_the_report_is_a_page(library: Path, tmp_path: Path) -> None:
    run("evaluate", library, "--alone", "--report", tmp_path / "r.html")
    check_page((tmp_path / "r.html").read_text("utf-8"))


def test_every_page_and_the_log(library: Path, songs: Path, tmp_path: Path) -> None:
    options = ("--library", str(library), "--music", str(songs), "--log-level", "debug")
    with Server(tmp_path, *options) as server:
        session = requests.Session()
        for path in (
            "/",
            "/library",
            "/map",
            "/report",
            "/tracks",
            "/help",
            "/api",
            "/library?page=2",
        ):
            answer = session.get(f"{server.url}{path}", timeout=120)
            if answer.headers["Content-Type"].startswith("text/html"):
                check_page(answer.text)
        for text in STRINGS.values():
            short = text[:500]
            for path in ("/library", "/nothing"):
                answer = session.get(
                    f"{server.url}{path}", params={"search": short, "q": short}, timeout=120
                )
                check_page(answer.text)
                assert answer.headers.get("Set-Cookie", "").count("x=1") == 0
            answer = session.get(
                f"{server.url}/{requests.utils.quote(short)}",
                headers={"Accept": "text/html"},
                timeout=120,
            )
            check_page(answer.text)
        for file in sorted(songs.rglob("*.wav"))[::2]:
            answer = requests.post(
                f"{server.url}/api/v1/classify",
                files={"file": (file.name, file.read_bytes())},
                timeout=120,
            )
            assert answer.status_code == 200, answer.text
            # JSON is JSON, also for a browser that is shown it.
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            said = requests.post(
                f"{server.url}/predict", files={"file": (file.name, file.read_bytes())}, timeout=120
            )
            assert "<script>alert" not in said.text or "html" not in said.headers["Content-Type"]
        for path in ("/api/v1/tracks", "/api/v1/map", "/api/v1/library"):
            assert requests.get(f"{server.url}{path}", timeout=120).json()
        code, log = server.stop()
    assert code == 0
    check_terminal(log)
    assert "Traceback" not in log
    for text in STRINGS.values():
        # No name of a song or folder is in the log, at whatever level.
        assert text[:20] not in log
