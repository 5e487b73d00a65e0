"""A small library, applications of it, and one real server for all tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser, Page, sync_playwright

from earmark.library.copying import copy_library
from earmark.web import Config
from earmark.web.app import create_app
from earmark.web.state import ServerState
from support import sounds
from support.browser import launch, opened
from support.postgres import Server as Postgres
from support.programs import find, find_or_skip
from support.skips import skip
from support.web import RATE, Server, ThreadPool, make_library, make_music, song, wait_until

MakeApp = Callable[..., Any]

HERE = Path(__file__).resolve().parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of music."""
    return make_music(tmp_path_factory.mktemp("music") / "music")


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Path:
    """The library of that music; not to be changed."""
    return make_library(tmp_path_factory.mktemp("library") / "small.earmark", music)


@pytest.fixture
def library_file(tmp_path: Path, original: Path) -> Path:
    """A copy of the library that a test may change."""
    return Path(shutil.copy(original, tmp_path / "small.earmark"))


@pytest.fixture(scope="session")
def tune_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A melody that is not in the library."""
    file = tmp_path_factory.mktemp("songs") / "tune.wav"
    return sounds.write(file, song("melody", 100, 6.0), 22050)


@pytest.fixture
def place(postgres: Postgres, library_file: Path) -> str:
    """The small library, in a database."""
    location = postgres.new_place()
    copy_library(library_file, location)
    return location


class CompiledTemplates(BytecodeCache):
    """Templates, compiled once for all applications; jinja sees whether they have changed."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = CompiledTemplates()


class Client(FlaskClient):
    """Reads every answer to its end and closes it, as programs and browsers do."""

    def open(self, *arguments: Any, buffered: bool = True, **named: Any) -> Any:
        answer = super().open(*arguments, buffered=buffered, **named)
        # Werkzeug's client keeps a body of more than 500 kB in a file, and does not close it.
        answer.request.environ["wsgi.input"].close()
        return answer


@pytest.fixture
def make_app(tmp_path: Path, music: Path, library_file: Path) -> Iterator[MakeApp]:
    """Make applications, as on a loopback address unless told otherwise."""
    states: list[ServerState] = []

    def make(make_pool: Any = ThreadPool, **options: Any) -> Any:
        settings: dict[str, Any] = {
            "library": str(library_file),
            "music": music,
            "local": True,
            "workers": 1,
            "rate": 0,
            "uploads": tmp_path / "uploads",
            **options,
        }
        config = Config(**settings)
        states.append(ServerState(config, make_pool=make_pool))
        app = create_app(config, state=states[-1])
        app.test_client_class = Client
        app.jinja_env.bytecode_cache = TEMPLATES
        wait_until(lambda: states[-1].pool.started == config.workers)
        return app

    yield make
    for state in states:
        state.close()


@pytest.fixture
def app(make_app: MakeApp) -> Any:
    """An application on a loopback address."""
    return make_app()


@pytest.fixture
def client(app: Any) -> FlaskClient:
    """A client that is a program on this machine."""
    return app.test_client()


@pytest.fixture
def state(app: Any) -> ServerState:
    """What is behind the application."""
    return app.extensions["earmark"]


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, music: Path, original: Path
) -> Iterator[Server]:
    """One real server, with the library read-only as that of the package is."""
    folder = tmp_path_factory.mktemp("server")
    library = Path(shutil.copy(original, folder / "small.earmark"))
    with Server(folder, "--library", str(library), "--music", str(music), forked=False) as running:
        yield running
        code, errors = running.stop()
        assert code == 0, errors
        assert list(running.uploads.iterdir()) == []
        assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears a melody."""
    microphone = tmp_path_factory.mktemp("microphone") / "sound.wav"
    sounds.write(microphone, song("melody", 70, 10.0), RATE)
    with sync_playwright() as playwright:
        started = launch(playwright, microphone)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of the server, on which nothing may go wrong."""
    with opened(browser, server.url) as opened_page:
        yield opened_page


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, installed where it is not yet."""
    npm = find("npm")
    if not AXE.exists() and npm:
        command = [npm, "ci", "--no-audit", "--no-fund", "--prefix", str(HERE)]
        subprocess.run(command, check=False, capture_output=True, timeout=120)
    if not AXE.exists():
        find_or_skip("npm")
        skip("axe-core is not installed", "npm ci --prefix tests/web")
    return AXE.read_text(encoding="utf-8")
