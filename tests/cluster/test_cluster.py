"""A build on a real cluster of processes: what it hears, and what it survives."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil
import pytest

from earmark import extraction
from earmark.cluster import ClusterExecutor, call, scheduler, task
from earmark.collection import BuildReport, build, open_for_build, scan_folder
from earmark.errors import (
    AudioError,
    AudioNotFound,
    ClusterError,
    TookTooLong,
    TookTooMuchMemory,
    WorkerDied,
    WorkerError,
)
from earmark.features import get_extractor
from earmark.library import open_library
from earmark.workers import Limits
from support import misdeeds, sounds
from support.command import Command
from support.dask_cluster import DaskCluster, dask_cluster
from support.skips import import_or_skip
from support.web import wait_until

import_or_skip("distributed")

pytestmark = pytest.mark.slow

GENRES = ("jazz", "pop", "rock")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    for number, genre in enumerate(GENRES):
        (root / genre).mkdir()
        for track in range(5):
            sounds.write(
                root / genre / f"{genre} {track}.flac",
                sounds.tune(3.0, seed=10 * number + track),
                22050,
                "flac",
                tags={"artist": f"{genre} artist {track % 2}", "title": f"tune {track}"},
            )
    # What cannot be used, and what is there twice.
    (root / "pop" / "broken.mp3").write_bytes(b"no sound at all" * 100)
    shutil.copy(root / "pop" / "pop 0.flac", root / "pop" / "pop 0 (copy).flac")
    return root


@pytest.fixture(scope="module")
def alone(music: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What this machine makes of the music by itself."""
    path = tmp_path_factory.mktemp("alone") / "own.earmark"
    with open_for_build(path, "mfcc") as library:
        report = build(library, scan_folder(music), jobs=1)
    assert told(report) == (15, 1, 1)
    return content(path)


def told(report: BuildReport) -> tuple[int, int, int]:
    return report.heard, len(report.problems), len(report.duplicates)


def content(path: Path) -> list[Any]:
    """Return all that a library says of its tracks, with their vectors and segments as bytes."""
    with open_library(path) as library:
        snapshot = library.snapshot()
        found = []
        for track, vector in zip(library.tracks(), snapshot.vectors, strict=True):
            segments = library.segments([track.id or 0]).get(track.id or 0)
            heard = None if segments is None else segments.vectors.tobytes()
            found.append((dataclasses.replace(track, id=None), vector.tobytes(), heard))
    return sorted(found, key=lambda item: item[0].path or "")


def on(
    cluster: DaskCluster,
    path: Path,
    music: Path,
    *,
    extractor: str = "mfcc",
    batch_size: int = 2,
    progress: Callable[[BuildReport], None] | None = None,
) -> BuildReport:
    with (
        ClusterExecutor(cluster.address, batch_size=batch_size) as executor,
        open_for_build(path, extractor) as library,
    ):
        return build(library, scan_folder(music), executor=executor, progress=progress)


def guarded(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the guarded processes of a worker."""
    found = psutil.Process(worker.pid).children(recursive=True)
    return [process for process in found if "earmark.workers.child" in " ".join(process.cmdline())]


def test_the_library_is_the_one_that_a_single_machine_makes(
    cluster: DaskCluster, music: Path, alone: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "my.earmark"
    shown: list[int] = []
    report = on(cluster, path, music, progress=lambda now: shown.append(now.finished))
    assert told(report) == (15, 1, 1)
    assert content(path) == alone
    assert len(set(shown)) > 2
    again = on(cluster, path, music)
    assert (again.heard, again.unchanged) == (0, 15)
    wait_until(lambda: not any(map(guarded, cluster.workers)))


def test_real_music_becomes_the_same_library(
    cluster: DaskCluster, shared_data: Path, tmp_path: Path, soak: bool
) -> None:
    source = shared_data / "gtzan"
    if not soak:
        found = sorted((source / "excerpt").glob("*/*.ogg"))
        music = tmp_path / "music"
        for clip in found[:: len(found) // 3]:
            (music / clip.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy2(clip, music / clip.parent.name)
    else:
        music = source / "full"
    with open_for_build(tmp_path / "alone.earmark", "musicnn") as library:
        build(library, scan_folder(music))
    report = on(cluster, tmp_path / "cluster.earmark", music, extractor="musicnn")
    assert report.heard >= 3
    assert content(tmp_path / "cluster.earmark") == content(tmp_path / "alone.earmark")


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    cluster: DaskCluster, music: Path, alone: list[Any], tmp_path: Path
) -> None:
    killed: list[psutil.Process] = []

    def kill_one(report: BuildReport) -> None:
        if not killed and report.heard:
            worker = cluster.workers.pop()
            killed.extend(guarded(worker))
            worker.kill()
            worker.wait()

    path = tmp_path / "my.earmark"
    # As many files as there are go to the workers at once, so that the killed one has some.
    report = on(cluster, path, music, batch_size=3, progress=kill_one)
    assert killed
    assert told(report) == (15, 1, 1)
    assert content(path) == alone
    # Its guarded processes end with it.
    wait_until(lambda: not any(process.is_running() for process in killed))
    cluster.add_worker()


def test_a_scheduler_that_goes_away_ends_a_build_that_another_one_goes_on_with(
    cluster: DaskCluster, music: Path, alone: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "my.earmark"
    (tmp_path / "other").mkdir()
    with dask_cluster(tmp_path / "other", workers=1) as other:

        def end(report: BuildReport) -> None:
            if report.heard:
                other.scheduler.kill()
                other.scheduler.wait()

        with pytest.raises(ClusterError, match=r"the connection to the scheduler at .* is lost"):
            on(other, path, music, batch_size=1, progress=end)
    with open_library(path) as library:
        before = library.count()
    assert before >= 1
    report = on(cluster, path, music)
    assert report.unchanged == before
    assert content(path) == alone


def test_what_a_file_does_to_its_process_costs_that_file(cluster: DaskCluster) -> None:
    limits = Limits(seconds=2.0, processor_seconds=2.0, memory=200 * 2**20)
    acts = ("crash", "sleep", "eat", "leave")
    with ClusterExecutor(cluster.address, batch_size=3, limits=limits) as executor:
        bad = {act: executor.submit(misdeeds.misbehave, f"a song.{act}") for act in acts}
        good = [executor.submit(misdeeds.misbehave, f"song {number}") for number in range(6)]
        assert [call.result(60) for call in good] == [f"song {number}" for number in range(6)]
        with pytest.raises(WorkerDied, match=r"a song\.crash: crashes the program"):
            bad["crash"].result(60)
        with pytest.raises(WorkerDied, match=r"a song\.leave: "):
            bad["leave"].result(60)
        with pytest.raises(TookTooLong, match=r"a song\.sleep: "):
            bad["sleep"].result(60)
        with pytest.raises((TookTooMuchMemory, TookTooLong), match=r"a song\.eat: "):
            bad["eat"].result(60)
    assert all(worker.poll() is None for worker in cluster.workers)


def test_files_that_workers_do_not_see_are_sent(
    cluster: DaskCluster, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From here the names lead to the files, from where the workers stand they do not.
    monkeypatch.chdir(music / "pop")
    spec = get_extractor("mfcc").spec.to_json()
    names = ["pop 1.flac", "pop 2.flac"]
    with ClusterExecutor(cluster.address) as executor:
        executor.prepare(extraction.load, spec)
        looked = [executor.submit(extraction.look, name) for name in names]
        heard = [executor.submit(extraction.extract, name, spec) for name in names]
        bad = executor.submit(extraction.extract, "broken.mp3", spec)
        missing = executor.submit(extraction.look, "none.flac")
        for name, seen, sound in zip(names, looked, heard, strict=True):
            # Its time, too, by which a build sees whether it was changed since.
            assert seen.result(60) == extraction.look(name)
            here = extraction.extract(name, spec)
            assert sound.result(60).vector.tobytes() == here.vector.tobytes()
        with pytest.raises(AudioError, match=r"^broken\.mp3: "):
            bad.result(60)
        with pytest.raises(AudioNotFound, match=r"^none\.flac: there is no such file"):
            missing.result(60)
    sizes = [Path(name).stat().st_size for name in [*names, *names, "broken.mp3"]]
    assert executor.sent_bytes == sum(sizes)


def test_a_file_too_large_to_be_sent_is_named(
    cluster: DaskCluster, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music / "pop")
    monkeypatch.setattr(call, "LARGEST_SENT", 1000)
    with ClusterExecutor(cluster.address) as calls:
        asked = calls.submit(extraction.look, "pop 1.flac")
        with pytest.raises(WorkerError, match=r"^pop 1\.flac: is too large to be sent"):
            asked.result(60)


def test_ctrl_c_ends_the_work_of_the_workers_and_the_same_command_goes_on(
    cluster: DaskCluster, music: Path, tmp_path: Path
) -> None:
    many, out = tmp_path / "many", tmp_path / "my.earmark"
    shutil.copytree(music, many)
    # Far more than is heard before the interruption arrives.
    song = (many / "pop" / "pop 0.flac").read_bytes()
    for number in range(300):
        (many / "pop" / f"more {number}.flac").write_bytes(song + number.to_bytes(2, "big"))
    command = [sys.executable, "-m", "earmark", "build", str(many), "-o", str(out)]
    command += ["--extractor", "mfcc", "--cluster", cluster.address, "--batch-size", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: count(out) >= 2)
        # It speaks with the scheduler, and nobody speaks with it.
        seen = psutil.Process(process.pid).net_connections()
        port = int(cluster.address.rpartition(":")[2])
        assert {(one.raddr or one.laddr).port for one in seen} == {port}
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The same command goes on from there" in said
    assert "Traceback" not in said
    assert count(out) >= 2
    wait_until(lambda: not any(map(guarded, cluster.workers)))


def count(path: Path) -> int:
    if not path.exists():
        return 0
    with open_library(path, read_only=True) as library:
        return library.count()


@pytest.fixture
def earmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


# What is said where a cluster cannot be used


def test_options_that_do_not_go_together(earmark: Command, music: Path, tmp_path: Path) -> None:
    build_it = ("build", music, "-o", tmp_path / "no.earmark")
    assert earmark(*build_it, "--batch-size", 3).code == 2
    assert earmark(*build_it, "--cluster", "tcp://127.0.0.1:1", "--batch-size", 0).code == 2
    assert earmark(*build_it, "--cluster", "tcp://127.0.0.1:1", "--jobs", 2).code == 2
    wrong = earmark(*build_it, "--cluster", "nowhere")
    assert wrong.code == 1
    assert wrong.err == (
        "earmark: 'nowhere' is no address of a Dask scheduler; give one such as "
        "tcp://scheduler:8786\n"
    )
    assert not (tmp_path / "no.earmark").exists()


def test_a_scheduler_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1; see"):
        ClusterExecutor("tcp://127.0.0.1:1")


def test_something_else_than_a_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}; see"):
            ClusterExecutor(address)


def test_the_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'earmark\[cluster\]'"):
        ClusterExecutor("tcp://127.0.0.1:1")


def test_another_earmark_on_a_worker_is_named(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ClusterExecutor(cluster.address) as calls:
        calls._setup = dataclasses.replace(calls._setup, version="9.9")
        here = importlib.metadata.version("earmark")
        with pytest.raises(ClusterError, match=f"has Earmark {here}, and this is 9.9; install"):
            calls.prepare(extraction.load, {})
        # A worker that came later says it when its first files come.
        call = calls.submit(misdeeds.misbehave, "a song")
        with pytest.raises(ClusterError, match=f"has Earmark {here}, and this is 9.9; install"):
            call.result(60)
        with pytest.raises(ClusterError):
            calls.submit(misdeeds.misbehave, "another song")


@pytest.mark.parametrize(
    "other", [{"version": "9"}, {"name": "own", "source": "/nowhere/own", "checksum": "0" * 64}]
)
def test_an_extractor_that_workers_lack_is_named(
    cluster: DaskCluster, other: dict[str, Any]
) -> None:
    spec = {**get_extractor("mfcc").spec.to_json(), **other}
    with ClusterExecutor(cluster.address) as calls:
        calls.prepare(extraction.load, spec)
        call = calls.submit(extraction.extract, "a song", spec)
        with pytest.raises(ClusterError, match=rf"a worker of {cluster.address}: .*{spec['name']}"):
            call.result(60)


class Worn:
    """A client of a cluster whose workers end when they get a file of a name."""

    status = "running"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def nthreads(self) -> dict[str, int]:
        return {"tcp://made-up:2": 2}

    def scheduler_info(self) -> dict[str, str]:
        return {"address": "tcp://made-up:1"}

    def submit(self, function: Any, batch: task.Batch, **_: Any) -> Any:
        from distributed.scheduler import KilledWorker

        names = [work.name for work in batch.work]
        self.batches.append(names)
        future = Settled()
        if "bad" in names:
            future.error = KilledWorker("key", None, 3)
        else:
            future.value = [task.Answer(name.upper()) for name in names]
        return future

    def run(self, *_: Any, **__: Any) -> dict[str, None]:
        return {}

    cancel = run


class Settled:
    """A future of Dask that is done."""

    error: Exception | None = None
    value: Any = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value

    def release(self) -> None: ...

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        threading.Thread(target=call, args=[self]).start()


def test_a_file_that_ends_the_workers_themselves_costs_only_itself() -> None:
    client: Any = Worn()
    with ClusterExecutor(client, batch_size=4) as calls:
        names = ["a", "bad", "c", "d"]
        found: list[Future[str]] = [calls.submit(misdeeds.misbehave, name) for name in names]
        assert [found[number].result(10) for number in (0, 2, 3)] == ["A", "C", "D"]
        with pytest.raises(WorkerDied, match="bad: the workers of the cluster that had it ended"):
            found[1].result(10)
    assert client.batches[0] == names
    assert sorted(client.batches[1:]) == [["a"], ["bad"], ["c"], ["d"]]
