"""What every test may ask for."""

from __future__ import annotations

import gc
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

# One thread each, here and in programs that are started: where tests run side by side, the threads
# of linear algebra would wait busily for each other. It is read when NumPy is first imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# What runs in the background of a script ignores Ctrl-C, and so would every program it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import settings

from support.postgres import Server, server
from support.programs import missing_programs
from support.skips import skip

# How long an example takes depends on the machine and on what else runs there.
settings.register_profile("earmark", deadline=None)
settings.load_profile("earmark")

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("EARMARK_TEST_DATA", ROOT.parent / "shared" / "data"))
GET_DATA = "docs/data-for-tests.md says where to get them; name their folder in EARMARK_TEST_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that have a short and a long form run the long one."""
    parser.addoption("--soak", action="store_true", help="run tests marked soak in their long form")
    parser.addoption(
        "--fuzz-seconds",
        type=int,
        default=3600,
        help="how long inputs are guessed in the long form, all targets together",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server as slow; begin with the files that take long.

    So no core is left alone with one of them at the end.
    """
    for item in items:
        if {"postgres", "server"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    long = {
        item.path
        for item in items
        if item.get_closest_marker("slow") or item.get_closest_marker("browser")
    }
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run one file more at once than there are cores: many tests wait for what they started.

    Those of `make quick` do not, and each process imports all tests first.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return None if config.getoption("markexpr") or cores is None else cores + 1


def pytest_collection_finish() -> None:
    """Look no more for garbage among the modules and tests that stay to the end."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is seen, what this machine lacks, and what long runs counted."""
    lines = missing_programs()
    if not DATA.is_dir():
        lines.append(f"no recordings at {DATA}: tests of them are skipped; to run them: {GET_DATA}")
    for line in lines:
        terminalreporter.write_line(line, yellow=True)
    if terminalreporter.config.getoption("--soak"):
        for report in terminalreporter.getreports("passed"):
            if report.when == "call" and report.user_properties:
                told = ", ".join(f"{name} {value}" for name, value in report.user_properties)
                terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {told}")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether the long form of a test is wanted: `make soak`."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real music and real data files, which lies beside the repository."""
    if not DATA.is_dir():
        skip(f"needs recordings that may not be passed on, which are not at {DATA}", GET_DATA)
    return DATA


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder for one test, beside those of the others.

    That of pytest is numbered: for each it reads the names of all there are, which are thousands.
    """
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test has folders of its own for data and for what was heard."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def own_data_folder(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from the libraries of the person who runs them."""
    home = Path(tempfile.mkdtemp(dir=homes))
    for name, folder in (("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")):
        (home / folder).mkdir()
        monkeypatch.setenv(name, str(home / folder))
    for name in ("EARMARK_LIBRARY", "EARMARK_MODELS", "EARMARK_HEAR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server with pgvector."""
    with ExitStack() as running:
        try:
            started = running.enter_context(server())
        except ImportError as error:
            skip(f"needs a PostgreSQL server ({error})", "pip install --group test")
        yield started
