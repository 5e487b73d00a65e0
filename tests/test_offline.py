"""Nothing leaves this machine, and nothing that is not ours is left in the home folder."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from earmark.cli import COMMANDS
from earmark.cli.common import EXIT_PARTLY, EXIT_TERMINATED
from support import gaussians, models, sounds
from support.programs import find
from support.skips import import_or_skip, skip
from support.web import RATE, make_library, make_music, song, wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
STRACE = find("strace")

GUARD = """\
import os, sys
def look(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        with open(os.environ["EARMARK_TEST_TRACE"], "a") as out:
            print(f"{event.removeprefix('socket.')}(sa_family=AF_INET, {args[-1]!r})", file=out)
sys.addaudithook(look)
"""
"""What sees at least Python's own connections where there is no strace."""

OUTSIDE = re.compile(r"\b(connect|getaddrinfo|sendto|sendmsg)\(.*AF_INET")
OPENED = re.compile(r"\b(socket|bind|connect|getaddrinfo|sendto|sendmsg)\(.*AF_INET")


class Watch:
    """Runs commands in a home of their own and keeps what they did to the network."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._trace = folder / "trace"
        self._site = folder / "site"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(GUARD, "utf-8")

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        self._trace.write_text("")
        command = [sys.executable, "-m", "earmark", *map(str, arguments)]
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        own = {"HOME": str(self.home), "EARMARK_TEST_TRACE": str(self._trace)}
        env = {**kept, **own, **variables}
        if STRACE is None:
            env["PYTHONPATH"] = str(self._site)
        else:
            # -D: what is started is the command itself, and gets its signals.
            options = ("-D", "-f", "-q", "-e", "trace=network", "-o", str(self._trace))
            command = [STRACE, *options, *command]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=env, text=True, **pipes)

    def run(self, *arguments: object) -> str:
        with self.start(*arguments) as process:
            out, errors = process.communicate(timeout=300)
        if "PTRACE" in errors:
            skip(
                f"strace may not watch here: {errors.strip()}",
                "in a container with --cap-add SYS_PTRACE",
            )
        assert process.returncode in (0, EXIT_PARTLY), errors
        return out

    def network(self, pattern: re.Pattern[str]) -> list[str]:
        """Return what the last command did to the network; `doctor` tries what is forbidden."""
        lines = self._trace.read_text().splitlines()
        return [line for line in lines if pattern.search(line) and "= -1 EACCES" not in line]

    def left(self) -> list[str]:
        """Return what lies in the home folder and is not ours."""
        files = (path for path in self.home.rglob("*") if path.is_file())
        return [str(file) for file in files if "earmark" not in file.relative_to(self.home).parts]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music") / "music")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_no_command_opens_a_connection_or_writes_into_the_home(
    watch: Watch, music: Path, tmp_path: Path
) -> None:
    library, report, plan = (tmp_path / name for name in ("own.earmark", "r.html", "plan.jsonl"))
    classic, saved, broken = (
        tmp_path / f"{name}.earmark" for name in ("classic", "saved", "broken")
    )
    dat = gaussians.write(tmp_path / "my.dat", gaussians.rows([1, 2, 1, 2]))
    model = models.make_model(tmp_path / "model", "melspectrogram")
    new = sounds.write(tmp_path / "new.flac", song("melody", 100, 6.0), RATE, "flac")
    tune, *_, last = sorted(music.rglob("*.wav"))
    of = ("--library", library)
    commands: list[tuple[object, ...]] = [
        ("--version",),
        ("--help",),
        ("build", music, "-o", library),
        ("classify", *of, tune),
        ("info", library, "--check"),
        ("evaluate", library, "--report", report),
        ("audit", library),
        ("list", *of),
        ("similar", *of, tune),
        ("path", *of, tune, last, "-n", 3),
        ("playlist", *of, tune, "-n", 3, "-o", tmp_path / "list.m3u8"),
        ("teach", *of, new, "--genre", "melody"),
        ("relabel", *of, tune, "--no-genre"),
        ("label", *of, "--suggest", 2),
        ("remove", *of, last),
        ("history", *of),
        ("undo", *of),
        ("backup", saved, *of),
        ("copy", library, tmp_path / "copied.earmark"),
        ("repair", broken, "-o", tmp_path / "repaired.earmark"),
        ("merge", library, saved, "-o", tmp_path / "both.earmark"),
        ("tag", *of, new, "--plan", plan),
        ("import", dat, "-o", classic, "--genres", "rock,pop"),
        ("export", tmp_path / "out.dat", "--library", classic),
        ("extractors",),
        ("extractors", "check", model),
        ("doctor",),
        ("completion", "bash"),
    ]
    # Those have tests of their own: they do not end by themselves, or ask whom their user names.
    others = {"serve", "mcp", "watch", "connect"}
    assert {str(command) for command, *_ in commands} >= COMMANDS.keys() - others
    for arguments in commands:
        if arguments[0] == "repair":
            shutil.copy(library, broken)
            with closing(sqlite3.connect(broken)) as database, database:
                database.execute("UPDATE vectors SET vector = x'00' WHERE track_id = 1")
        watch.run(*arguments)
        assert watch.network(OPENED) == [], arguments
        assert watch.left() == [], arguments


def test_the_server_talks_to_nobody_but_its_clients(
    watch: Watch, music: Path, tmp_path: Path
) -> None:
    tune = sounds.write(tmp_path / "tune.wav", song("melody", 100, 6.0), RATE)
    with watch.start("serve", "--port", "0", "--workers", "1") as process:
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address is not None
        url = address.group().rstrip("/")
        wait_until(lambda: requests.get(f"{url}/api/v1/ready", timeout=60).json()["workers"] == 1)
        with tune.open("rb") as stream:
            answer = requests.post(f"{url}/predict", files={"file": stream}, timeout=120)
        assert answer.status_code == 200
        for page in ("", "/library", "/map", "/api/v1/openapi.json", "/metrics"):
            assert requests.get(url + page, timeout=60).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert watch.network(OUTSIDE) == []
    assert len(watch.network(re.compile(r"\bbind\("))) == 1
    assert watch.left() == []


@pytest.fixture(scope="module")
def library(music: Path) -> Path:
    return make_library(music.parent / "made.earmark", music)


def test_a_folder_is_watched_without_a_connection(
    watch: Watch, library: Path, tmp_path: Path
) -> None:
    tune = sounds.write(tmp_path / "tune.wav", song("melody", 100, 6.0), RATE)
    folder = tmp_path / "come"
    folder.mkdir()
    waits = ("--settle", 0, "--poll", 1)
    with watch.start("watch", folder, "--library", library, *waits) as process:
        assert process.stdout is not None
        assert str(folder) in process.stdout.readline()
        shutil.move(tune, folder)
        assert "melody" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == EXIT_TERMINATED, errors
    assert watch.network(OPENED) == []
    assert watch.left() == []


def test_agents_are_answered_without_a_connection(
    watch: Watch, library: Path, tmp_path: Path
) -> None:
    import_or_skip("mcp")
    tune = sounds.write(tmp_path / "tune.wav", song("melody", 100, 6.0), RATE)
    about = {"name": "test", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about}
    asked = {"name": "classify", "arguments": {"songs": [str(tune)]}}
    with watch.start("mcp", "--library", library) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in (
            {"id": 1, "method": "initialize", "params": hello},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": asked},
        ):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
        answers = (json.loads(line) for line in process.stdout)
        answer = next(answer for answer in answers if answer.get("id") == 2)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "melody" in answer["result"]["content"][0]["text"]
    assert watch.network(OPENED) == []
    assert watch.left() == []


def test_only_the_music_server_that_is_named_is_asked(watch: Watch, library: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        arguments = ("navidrome", f"http://127.0.0.1:{port}", "--user", "nina")
        with watch.start(
            "connect", *arguments, "--library", library, EARMARK_PLAYER_PASSWORD="secret"
        ) as process:
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    connected = watch.network(OUTSIDE)
    assert connected
    assert [line for line in connected if str(port) not in line] == []
    assert watch.left() == []


def modules() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted((ROOT / "src" / "earmark").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            yield path, node


def test_one_module_imports_the_runtime_whose_telemetry_must_be_off_before() -> None:
    importing = {
        path.name
        for path, node in modules()
        if (isinstance(node, ast.Import) and any(n.name == "onnxruntime" for n in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "onnxruntime")
    }
    assert importing == {"runtime.py"}
    printed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '0'\n"
            "import earmark.features.runtime, sys\n"
            "print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split() == ["1", "True"]
    container = (ROOT / "Containerfile").read_text("utf-8")
    assert "ORT_DISABLE_TELEMETRY=1" in container
