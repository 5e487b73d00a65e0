"""What worker processes are given to do in tests, well and badly; they import this module."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import stat
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.errors import AudioSilent
from earmark.workers import report_progress


@dataclass(frozen=True)
class Answer:
    """What a task may say."""

    text: str
    numbers: NDArray[np.float64]
    pair: tuple[int, float] | None = None


def answer(path: str, *, count: int = 3) -> Answer:
    """Answer in order."""
    return Answer(path, np.arange(count, dtype=np.float64), (count, 0.5))


def pid(path: str) -> int:
    """Say which process this is."""
    return os.getpid()


def misbehave(path: str) -> str:
    """Do what the name of the file says, as a decoder does that meets a hostile one."""
    for name, act in ACTS.items():
        if f"{name}." in path or path.endswith(name):
            act()
    return path


def crash() -> None:
    """Read from where nothing is, in C."""
    ctypes.string_at(0)


def leave() -> None:
    """End the process without a word."""
    os._exit(3)


def sleep() -> None:
    """Never return, in C and with Python's lock held: no other thread of the process runs."""
    ctypes.PyDLL(None).sleep(600)


def spin() -> None:
    """Never return, and keep a core busy."""
    while True:
        pass


def eat() -> None:
    """Take memory little by little."""
    kept = []
    while True:
        kept.append(np.ones(2**20))
        time.sleep(0.001)


def gulp() -> None:
    """Take more memory than any machine has, at once."""
    np.ones(2**44)


def swallow() -> None:
    """Take two gigabytes at once."""
    np.ones(2**28)


def halt_in_message() -> None:
    """Send the beginning of a message and no more."""
    os.write(_replies(), struct.pack("!II", 1000, 900) + b"[{")
    time.sleep(600)


def babble() -> None:
    """Send what is no message, as long as one."""
    os.write(_replies(), struct.pack("!II", 6, 6) + b"\x80\x04nots")


def boast() -> None:
    """Announce a message of four gigabytes."""
    os.write(_replies(), struct.pack("!II", 2**32 - 1, 10))
    time.sleep(600)


def fail() -> None:
    """Raise what nobody expected."""
    raise RuntimeError("no")


def refuse() -> None:
    """Raise what belongs to the tree of errors."""
    raise AudioSilent("/tmp/secret/3f9a", "there is nothing in it")


ACTS = {
    act.__name__: act
    for act in (
        *(crash, leave, sleep, spin, eat, gulp, swallow),
        *(halt_in_message, babble, boast, fail, refuse),
    )
}


def _replies() -> int:
    """Return the descriptor that messages go to: the only pipe that is no standard stream."""
    found = []
    for number in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(number).st_mode):
                found.append(number)
        except OSError:
            continue
    (only,) = found
    return only


def lie(path: str) -> int:
    """Return something else than is declared."""
    return "a string"  # type: ignore[return-value]


def too_much(path: str) -> NDArray[np.float64]:
    """Return more than a message may hold."""
    return np.zeros(2**21)


def undeclared(path):  # type: ignore[no-untyped-def]
    """Do not say what is returned."""
    return path


def wait_for(path: str, until: str) -> str:
    """Be busy until a file is there."""
    report_progress(0.5)
    while not Path(until).exists():
        time.sleep(0.01)
    return path


def threads(path: str) -> tuple[str, list[int]]:
    """Return how many threads arithmetic may use here, as set and as measured."""
    import threadpoolctl

    np.ones((2, 2)) @ np.ones((2, 2))
    return os.environ.get("OMP_NUM_THREADS", ""), [
        int(library["num_threads"]) for library in threadpoolctl.threadpool_info()
    ]


def write_pid_and_sleep(path: str) -> None:
    """Say who runs this, be busy for a minute, and say that this is over."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
    Path(path).write_text("done")


def group(path: str) -> int:
    """Return the group of processes that this one is in, to which a terminal sends Ctrl-C."""
    return os.getpgid(0)


_kept: list[NDArray[np.float64]] = []


def hold(megabytes: int) -> int:
    """Take memory and keep it, as a network does that is loaded; return how much is kept."""
    _kept.append(np.ones(megabytes * 2**17))
    return sum(array.nbytes for array in _kept) // 2**20


def held() -> int:
    """Return how much is kept here."""
    return sum(array.nbytes for array in _kept) // 2**20


def die_at_once() -> None:
    """End the process while it is prepared."""
    os.kill(os.getpid(), signal.SIGKILL)


def write_file(path: str) -> str:
    """Write into a file, whether it is there or not."""
    with Path(path).open("ab") as file:
        file.write(b"x")
    return path


def remove_file(path: str) -> str:
    """Remove a file."""
    Path(path).unlink()
    return path


def connect(address: str) -> str:
    """Open a connection to a port of this machine."""
    socket.create_connection(("127.0.0.1", int(address)), timeout=5).close()
    return address


def run_program(path: str) -> str:
    """Start a program that makes a file."""
    subprocess.run(["/bin/sh", "-c", f"touch {path}"], check=True)
    return path


def end_process(pid: str) -> str:
    """Send a process a signal that it can ignore."""
    os.kill(int(pid), signal.SIGWINCH)
    return pid


def read_file(path: str) -> int:
    """Read a file, as every decoder must; return its length."""
    return len(Path(path).read_bytes())
