"""Worker processes that crash, hang, eat memory and babble cost one call each."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from earmark.errors import (
    AudioSilent,
    BadReply,
    Busy,
    Canceled,
    EarmarkError,
    Shutdown,
    TookTooLong,
    TookTooMuchMemory,
    WorkerDied,
    WorkerError,
    WorkersDoNotStart,
)
from earmark.workers import Limits, WorkerPool, protocol
from earmark.workers.limits import MEGABYTE
from earmark.workers.process import THREAD_VARIABLES, WorkerProcess
from support import misdeeds as do
from support.skips import needs_linux, needs_posix
from support.web import wait_until

pytestmark = pytest.mark.slow

TESTS = Path(do.__file__).resolve().parent.parent
LIMITS = Limits(seconds=60.0, processor_seconds=60.0, memory=300 * MEGABYTE)
NEVER = "/nowhere/at/all"

MakePool = Callable[..., WorkerPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[WorkerPool] = []

    def make(size: int = 1, **options: Any) -> WorkerPool:
        pools.append(WorkerPool(size, **{"limits": LIMITS, **options}))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_it_is_an_executor(make_pool: MakePool) -> None:
    pool = make_pool(2)
    calls = {pool.submit(do.answer, f"song {n}", count=n): n for n in range(6)}
    for call in as_completed(calls):
        found = call.result()
        assert found.text == f"song {calls[call]}"
        np.testing.assert_array_equal(found.numbers, np.arange(calls[call]))
        assert found.pair == (calls[call], 0.5)
    assert list(pool.map(do.misbehave, ["a", "b"])) == ["a", "b"]
    with WorkerPool(1) as other:
        last = other.submit(do.misbehave, "what was taken is done")
    assert last.result() == "what was taken is done"
    with pytest.raises(Shutdown):
        other.submit(do.pid, "x")


def test_one_process_serves_many_calls(make_pool: MakePool) -> None:
    pool = make_pool()
    assert len({pool.submit(do.pid, "x").result() for _ in range(4)}) == 1
    assert pool.restarts == 0


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        ("crash", WorkerDied, "segmentation fault"),
        ("leave", WorkerDied, "ended with code 3"),
        ("babble", BadReply, "no message"),
        ("boast", BadReply, "4,294,967,295 bytes"),
        ("eat", TookTooMuchMemory, "more than 300 MB of memory"),
        ("swallow", TookTooMuchMemory, "memory"),
        ("gulp", TookTooMuchMemory, "memory"),
        ("fail", WorkerError, "RuntimeError: no"),
        ("refuse", AudioSilent, "there is nothing in it"),
    ],
)
def test_each_fault_costs_its_own_call_and_is_named(
    make_pool: MakePool, act: str, kind: type[EarmarkError], said: str
) -> None:
    pool = make_pool()
    bad, good = pool.submit(do.misbehave, f"{act}.mp3"), pool.submit(do.misbehave, "good")
    error = bad.exception(timeout=60)
    assert type(error) is kind
    assert said in str(error).lower() or said in str(error)
    assert str(error).startswith(f"{act}.mp3: ")
    assert "\n" not in str(error)
    assert "/tmp/secret" not in str(error)
    assert good.result(timeout=60) == "good"


@pytest.mark.parametrize("act", ["sleep", "spin", "halt_in_message"])
def test_what_never_returns_is_ended(make_pool: MakePool, act: str) -> None:
    pool = make_pool(limits=Limits(seconds=1.5, processor_seconds=None, memory=None))
    wait_until(lambda: pool.started == 1)
    began = time.monotonic()
    bad, good = pool.submit(do.misbehave, f"{act}.mp3"), pool.submit(do.misbehave, "good")
    error = bad.exception(timeout=60)
    assert type(error) is TookTooLong
    assert str(error) == f"{act}.mp3: takes longer than 1.5 s; shorten it, or raise the limit"
    assert time.monotonic() - began < 30
    assert good.result(timeout=60) == "good"


def test_the_processor_is_limited_whatever_the_clock_says(make_pool: MakePool) -> None:
    pool = make_pool(limits=Limits(seconds=None, processor_seconds=0.5, memory=None))
    error = pool.submit(do.misbehave, "spin.mp3").exception(timeout=60)
    assert type(error) is TookTooLong
    assert "0.5 s of the processor" in str(error)
    assert pool.submit(do.misbehave, "good").result(timeout=60) == "good"


def test_what_is_prepared_counts_against_no_call(make_pool: MakePool) -> None:
    pool = make_pool(limits=Limits(seconds=60, processor_seconds=60, memory=200 * MEGABYTE))
    pool.prepare(do.hold, 400)
    assert pool.submit(do.held).result() == 400
    # It is done again in the process that follows.
    assert isinstance(pool.submit(do.misbehave, "crash").exception(), WorkerDied)
    assert pool.submit(do.held).result() == 400
    assert isinstance(pool.submit(do.misbehave, "eat").exception(), TookTooMuchMemory)


def test_a_process_that_keeps_much_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(limits=Limits(memory=200 * MEGABYTE))
    assert [pool.submit(do.hold, 90).result() for _ in range(6)] == [90, 180, 90, 180, 90, 180]
    assert pool.restarts >= 2


def test_results_are_of_the_declared_kind_and_size(make_pool: MakePool) -> None:
    pool = make_pool()
    lie = pool.submit(do.lie, "x").exception()
    assert type(lie) is BadReply
    too_much = pool.submit(do.too_much, "x.mp3").exception()
    assert type(too_much) is BadReply
    assert "8,388,608 are allowed" in str(too_much)
    assert pool.submit(do.misbehave, "good").result() == "good"
    for unknown in (do.undeclared, lambda: 1, print):
        with pytest.raises(TypeError):
            pool.submit(unknown, "x")
    with pytest.raises(TypeError):
        pool.submit(do.pid, object())


def test_processes_that_end_while_they_start_end_the_calls_with_one_line(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.workers.process._CODE", "import sys; sys.exit(7)")
    pool = make_pool(2)
    for _ in range(3):
        error = pool.submit(do.pid, "song.mp3").exception(timeout=60)
        assert type(error) is WorkersDoNotStart
        assert "ended with code 7" in str(error)
    monkeypatch.undo()
    assert pool.submit(do.misbehave, "good").result(timeout=60) == "good"


def test_a_process_that_ends_before_it_is_told_anything_is_told_like_others(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = protocol.send

    def send_late(stream: IO[bytes], message: dict[str, Any]) -> None:
        # A pipe tells of itself that nobody reads from it any more.
        ended = select.poll()
        ended.register(stream, 0)
        assert ended.poll(60_000)
        send(stream, message)

    monkeypatch.setattr("earmark.workers.process._CODE", "import sys; sys.exit(7)")
    monkeypatch.setattr(protocol, "send", send_late)
    error = make_pool(1).submit(do.pid, "song.mp3").exception(timeout=60)
    assert type(error) is WorkersDoNotStart
    assert "ended with code 7" in str(error)


def test_one_process_that_ends_while_it_starts_costs_nothing(make_pool: MakePool) -> None:
    class Unlucky(WorkerPool):
        tries = 0

        def start_process(self) -> WorkerProcess:
            process = WorkerProcess()
            self.tries += 1
            if self.tries <= 2:
                process.kill()
            return process

    pool = Unlucky(1, limits=LIMITS)
    try:
        assert pool.submit(do.misbehave, "good").result(timeout=60) == "good"
    finally:
        pool.close()


def test_a_system_that_starts_no_process_is_told(make_pool: MakePool) -> None:
    class Poor(WorkerPool):
        def start_process(self) -> WorkerProcess:
            raise OSError(11, "Resource temporarily unavailable")

    pool = Poor(1)
    error = pool.submit(do.pid, "x").exception(timeout=60)
    assert type(error) is WorkersDoNotStart
    assert "temporarily unavailable" in str(error)
    pool.close()


def test_a_process_that_dies_while_it_is_prepared_is_told(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.prepare(do.die_at_once)
    error = pool.submit(do.pid, "x").exception(timeout=60)
    assert type(error) is WorkersDoNotStart
    assert "killed" in str(error)


def test_an_idle_process_that_was_killed_is_not_noticed(make_pool: MakePool) -> None:
    pool = make_pool()
    os.kill(pool.submit(do.pid, "x").result(), signal.SIGKILL)
    time.sleep(0.2)
    assert pool.submit(do.misbehave, "good").result(timeout=60) == "good"


def test_progress_and_place(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool()
    long = pool.submit(do.wait_for, "x", str(tmp_path / "go"))
    wait_until(lambda: long.progress == 0.5)
    behind = pool.call(do.misbehave, "picture", name="p", behind=True)
    first, second = pool.submit(do.misbehave, "a"), pool.submit(do.misbehave, "b")
    assert [call.ahead for call in (long, first, second, behind)] == [None, 0, 1, 2]
    assert (pool.working, pool.waiting) == (1, 3)
    (tmp_path / "go").touch()
    order: list[str] = []
    for call in (behind, first, second):
        call.add_done_callback(lambda done: order.append(done.result()))
    assert behind.result(timeout=60) == "picture"
    wait_until(lambda: len(order) == 3)
    assert order == ["a", "b", "picture"]


def test_calling_off(make_pool: MakePool) -> None:
    pool = make_pool()
    running = pool.submit(do.wait_for, "x", NEVER)
    waiting = pool.submit(do.misbehave, "never")
    wait_until(lambda: running.progress > 0)
    survivor = pool.submit(do.misbehave, "good")
    assert waiting.cancel()
    assert running.cancel()
    assert isinstance(waiting.exception(), Canceled)
    assert isinstance(running.exception(timeout=60), Canceled)
    assert survivor.result(timeout=60) == "good"
    assert not any(call.cancel() for call in (running, waiting, survivor))


def test_calling_off_what_is_just_done_never_hits_the_next_call(make_pool: MakePool) -> None:
    pool = make_pool()
    for number in range(20):
        late = pool.submit(do.misbehave, "late")
        survivor = pool.submit(do.misbehave, "mine")
        time.sleep(0.0005 * (number % 5))
        late.cancel()
        assert late.exception() is None or isinstance(late.exception(), Canceled)
        assert survivor.result(timeout=60) == "mine"


def test_a_full_queue_refuses(make_pool: MakePool) -> None:
    pool = make_pool(queue=1)
    running = pool.submit(do.wait_for, "x", NEVER)
    wait_until(lambda: pool.working == 1)
    waiting = pool.submit(do.misbehave, "good")
    with pytest.raises(Busy, match="wait already"):
        pool.submit(do.misbehave, "refused")
    behind = pool.call(do.misbehave, "never refused", name="p", behind=True)
    running.cancel()
    assert waiting.result(timeout=60) == "good"
    assert behind.result(timeout=60) == "never refused"


def test_closing_ends_what_runs_and_what_waits(make_pool: MakePool) -> None:
    pool = make_pool()
    running, waiting = pool.submit(do.wait_for, "x", NEVER), pool.submit(do.pid, "y")
    wait_until(lambda: running.progress > 0)
    pool.close()
    for call in (running, waiting):
        assert isinstance(call.exception(timeout=10), Shutdown)


def test_workers_use_one_thread_each_and_the_parent_is_left_alone(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where somebody asks for more.
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "3")
    before = dict(os.environ)
    variable, counts = make_pool().submit(do.threads, "x").result()
    assert variable == "1"
    assert set(counts) == {1}
    assert dict(os.environ) == before


@needs_posix("groups of processes")
def test_ctrl_c_does_not_reach_workers(make_pool: MakePool) -> None:
    pool = make_pool(2)
    groups = {call.result() for call in [pool.submit(do.group, "x") for _ in range(4)]}
    assert os.getpgid(0) not in groups


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@needs_linux("looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, how: signal.Signals) -> None:
    # Without a guard for the main module: workers do not run it again.
    script = tmp_path / "parent.py"
    script.write_text(
        "from earmark.workers import WorkerPool\nfrom support import misdeeds as do\nimport sys\n"
        "WorkerPool(1, confined=False).submit(do.write_pid_and_sleep, sys.argv[1]).result()\n"
    )
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pid_file)], env={**os.environ, "PYTHONPATH": str(TESTS)}
    )
    wait_until(lambda: pid_file.exists() and bool(pid_file.read_text()))
    worker = int(pid_file.read_text())
    assert is_running(worker)
    parent.send_signal(how)
    parent.wait(timeout=20)
    wait_until(lambda: not is_running(worker))
