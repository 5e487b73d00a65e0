"""Worker processes: one that crashes costs one file; none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from earmark.collection.pool import CRASHED, Crew, undisturbed
from earmark.collection.worker import Failed
from earmark.errors import CollectionError
from support import tasks

TESTS = Path(tasks.__file__).resolve().parent.parent


def finish(crew: Crew) -> list[Any]:
    found: list[Any] = []
    while not crew.idle:
        found += crew.results()
    crew.close()
    return found


def test_a_crash_costs_only_the_file_that_crashed() -> None:
    crew = Crew(jobs=2)
    paths = [f"crash {n}" if n in (1, 5) else f"file {n}" for n in range(8)]
    for path in paths:
        crew.submit(tasks.crash_or_answer, path)
    found = finish(crew)
    assert sorted(f.path for f in found if isinstance(f, Failed)) == ["crash 1", "crash 5"]
    assert {f.reason for f in found if isinstance(f, Failed)} == {CRASHED}
    assert sorted(f for f in found if isinstance(f, str)) == [
        f"file {n}" for n in (0, 2, 3, 4, 6, 7)
    ]


def test_workers_use_one_thread_each_and_the_parent_is_left_alone() -> None:
    before = dict(os.environ)
    crew = Crew(jobs=1)
    crew.submit(tasks.threads, "x")
    ((variable, counts),) = finish(crew)
    assert variable == "1"
    assert counts
    assert set(counts) == {1}
    assert dict(os.environ) == before


def test_any_executor_will_do_and_what_it_raises_is_a_failed_file() -> None:
    with ThreadPoolExecutor(2) as executor:
        crew = Crew(jobs=2, executor=executor)
        crew.submit(tasks.fail, "a")
        crew.submit(tasks.crash_or_answer, "b")
        found = finish(crew)
        assert "b" in found
        (failed,) = [f for f in found if isinstance(f, Failed)]
        assert failed.path == "a"
        assert "RuntimeError" in failed.reason
        # It is not ours to end.
        assert executor.submit(int, "1").result() == 1


def test_a_broken_executor_is_an_error() -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            from concurrent.futures import BrokenExecutor

            raise BrokenExecutor("gone")

    crew = Crew(jobs=1, executor=Broken())
    crew.submit(tasks.crash_or_answer, "x")
    with pytest.raises(CollectionError, match="takes no more work"):
        crew.results()


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux does")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, how: signal.Signals) -> None:
    code = (
        "from earmark.collection.pool import Crew\nfrom support import tasks\nimport sys\n"
        "if __name__ == '__main__':\n"
        "    crew = Crew(jobs=1)\n"
        "    crew.submit(tasks.write_pid_and_sleep, sys.argv[1])\n"
        "    crew.results()\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pid_file)], env={**os.environ, "PYTHONPATH": str(TESTS)}
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    worker = int(pid_file.read_text())
    assert is_running(worker)
    parent.send_signal(how)
    parent.wait(timeout=20)
    wait_until(lambda: not is_running(worker))


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from earmark.collection.pool import Crew\nfrom earmark.errors import CollectionError\n"
        "crew = Crew(jobs=1)\ncrew.submit(len, 'x')\n"
        "try:\n    crew.results()\nexcept CollectionError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert "__name__ == '__main__'" in done.stdout


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals as POSIX has them")
def test_workers_start_without_ctrl_c() -> None:
    crew = Crew(jobs=2)
    for path in ("a", "b", "c", "d"):
        crew.submit(tasks.blocked_signals, path)
    found = finish(crew)
    assert found == [[signal.SIGINT.value]] * 4
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals as POSIX has them")
def test_ctrl_c_waits_until_a_process_has_started() -> None:
    before = signal.getsignal(signal.SIGINT)
    went_on = False
    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
        went_on = True
    assert went_on
    assert signal.getsignal(signal.SIGINT) == before


def test_closing_now_does_not_wait_for_what_is_under_way(tmp_path: Path) -> None:
    crew = Crew(jobs=1)
    crew.submit(tasks.write_pid_and_sleep, str(tmp_path / "pid"))
    pid_file = tmp_path / "pid"
    wait_until(lambda: crew.results(0.1) or (pid_file.exists() and pid_file.read_text()))
    crew.close(now=True)
    assert crew.idle
    # Its work would have ended with a line in the file.
    assert pid_file.read_text().isdecimal()
