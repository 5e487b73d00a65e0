"""``earmark`` in processes of its own that need not import it anew: what tests run most often.

One process imports it once and forks for each command, which has its own folder, environment,
input, output, signals and exit code, and ends as Python ends. So do the workers of such a command:
a process of the command's forks them before it has threads. Importing is most of what a short
command takes. What is read when modules are imported cannot differ, so a test of such things, or of
what is imported when, starts Python itself.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn

WORKER = "earmark-worker"
"""What Linux calls the workers of a command that was forked."""

PATIENCE = 600.0
"""Seconds until a command is given up, however slow the machine."""

_CAN_FORK = sys.platform == "linux"
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_HEARING = (
    *("build", "classify", "parts", "path", "playlist", "serve"),
    *("similar", "tag", "teach", "watch"),
)
"""Commands that have workers."""

_ENDS, _OWN_SESSION = slice(9, 15), 20
"""Where `subprocess.Popen` hands over the ends of pipes, and whether a session is begun."""
_NOT_IMPORTED = ("earmark.__main__", "earmark.agents", "earmark.cluster", "earmark.estimator")
"""What few commands need and takes long to import, or runs when it is imported."""


class Process(subprocess.Popen[Any]):
    """``earmark`` with arguments, as `subprocess.Popen` would start it with Python.

    Parameters
    ----------
    arguments
        Of the command.
    options
        ``cwd``, ``env``, ``stdin``, ``stdout``, ``stderr``, ``text`` and ``start_new_session`` of
        `subprocess.Popen`.
    """

    def __init__(self, arguments: list[str], **options: Any) -> None:
        command = arguments if _CAN_FORK else [sys.executable, "-m", "earmark", *arguments]
        super().__init__(command, **options)

    if _CAN_FORK:

        def _execute_child(self, args: Any, *others: Any) -> None:
            cwd, env = others[4:6]
            env = dict(os.environ if env is None else env)
            place = [str(cwd or Path.cwd()), env, others[_OWN_SESSION]]
            self._answers = _ask(_forks(), [args, *place], _files(others))
            self._close_pipe_fds(*others[_ENDS])
            self.pid = int(self._answers.readline())
            self._child_created = True

        def _try_wait(self, wait_flags: int) -> tuple[int, int]:
            if wait_flags == os.WNOHANG and not select.select([self._answers], [], [], 0)[0]:
                return 0, 0
            status = self._answers.readline()
            self._answers.close()
            return self.pid, int(status)

        def _internal_poll(self, *_: Any, **__: Any) -> int | None:
            if self.returncode is None and self._child_created:
                with self._waitpid_lock:
                    pid, status = self._try_wait(os.WNOHANG) if self.returncode is None else (0, 0)
                    if pid:
                        self._handle_exitstatus(status)
            return self.returncode


def start(arguments: list[str], *, forked: bool, **options: Any) -> subprocess.Popen[Any]:
    """Start ``earmark``: as a `Process`, or by Python itself."""
    if forked:
        return Process(arguments, **options)
    return subprocess.Popen([sys.executable, "-m", "earmark", *arguments], **options)


def earmark(
    *arguments: object, folder: Path | None = None, text: bool = False, **environment: str
) -> subprocess.CompletedProcess[Any]:
    """Run ``earmark`` in a process of its own; return its exit code and the bytes that it wrote.

    Parameters
    ----------
    arguments
        Of the command.
    folder
        Where it runs; None: where the tests do.
    text
        Whether to return text in place of bytes.
    environment
        Variables that it has besides those of the tests.
    """
    listed = [str(argument) for argument in arguments]
    with Process(
        listed,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=text,
    ) as process:
        try:
            out, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(["earmark", *listed], process.returncode, out, errors)


def is_worker(pid: int) -> bool:
    """Tell whether a process is a worker, as Linux tells it."""
    folder = Path(f"/proc/{pid}")
    return (
        b"earmark.workers" in folder.joinpath("cmdline").read_bytes()
        or folder.joinpath("comm").read_text().strip() == WORKER
    )


def _files(options: tuple[Any, ...]) -> list[int]:
    """Return input, output and errors of a process, of what `subprocess.Popen` prepared."""
    read, _, _, written, _, errors = options[_ENDS]
    return [n if given == -1 else given for n, given in enumerate((read, written, errors))]


def _ask(forks: socket.socket, what: Any, files: list[int]) -> IO[bytes]:
    """Ask for a process; return where its number is told, and how it ended."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        socket.send_fds(forks, [b"."], [*files, theirs.fileno()])
        ours.sendall(json.dumps(what).encode() + b"\n")
        return ours.makefile("rb")


def _asked(forks: socket.socket) -> tuple[Any, list[int], socket.socket] | None:
    """Return what the next process is to be, its files, and where to answer; None: no more."""
    said, numbers, _, _ = socket.recv_fds(forks, 1, 4)
    if not said:
        return None
    *files, number = numbers
    answers = socket.socket(fileno=number)
    with answers.makefile("rb") as stream:
        return json.loads(stream.readline()), files, answers


@cache
def _forks() -> socket.socket:
    """Return the way to the process that is forked; it ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# What follows runs in the process that is forked.


def _import_all() -> None:
    for found in pkgutil.walk_packages(importlib.import_module("earmark").__path__, "earmark."):
        if not found.name.startswith(_NOT_IMPORTED):
            importlib.import_module(found.name)
    for name in ("numpy.random", "onnxruntime", "rich.table"):
        importlib.import_module(name)
    # A child would touch, and so copy, all of it.
    gc.collect()
    gc.freeze()


def _serve(forks: socket.socket) -> None:
    """Become each command that is asked for; say how it ended."""
    _import_all()
    (_only,) = Path("/proc/self/task").iterdir()  # What is forked has no other thread.
    _control(_PR_SET_CHILD_SUBREAPER, 1)
    # Ctrl-C is for the commands.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([forks, wake], [], [])
        if wake in ready:
            wake.recv(4096)
            _tell_ended(running)
        if forks not in ready:
            continue
        asked = _asked(forks)
        if asked is None:
            return
        what, files, answers = asked
        child = os.fork()
        if not child:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for mine in (forks, wake, woken, answers, *running.values()):
                mine.close()
            _become(*what, files)
            return
        for file in files:
            os.close(file)
        running[child] = answers
        with contextlib.suppress(BrokenPipeError):
            answers.sendall(b"%d\n" % child)


def _tell_ended(running: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            if child in running:
                with running.pop(child) as answers, contextlib.suppress(BrokenPipeError):
                    answers.sendall(b"%d\n" % status)


def _become(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    own_session: bool,
    files: list[int],
) -> None:
    """Be the command."""
    from earmark.cli import main

    if own_session:
        os.setsid()
    _take(files)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # As `python -m earmark` has it there.
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["earmark", *arguments]
    if arguments and arguments[0] in _HEARING:
        _fork_workers()
    main()


def _take(files: list[int]) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in set(files):
        os.close(file)
    # As Python opens them.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        stream = io.TextIOWrapper(
            open(number, "wb" if number else "rb", closefd=False),  # noqa: SIM115
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=number == 2 or os.isatty(number),
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _control(*what: Any) -> None:
    assert not ctypes.CDLL(None).prctl(*what, 0, 0, 0)


def _fork_workers() -> None:
    """Let the workers of this command be forked, too: by a process that has no threads."""
    from earmark.workers import process

    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        _nurse(theirs)
        os._exit(0)
    theirs.close()
    _control(_PR_SET_CHILD_SUBREAPER, 1)

    class Worker(subprocess.Popen[bytes]):
        def _execute_child(self, args: Any, *others: Any) -> None:
            with _ask(ours, others[5], _files(others)) as answers:
                self.pid = int(answers.readline())
            self._close_pipe_fds(*others[_ENDS])
            self._child_created = True

    @atexit.register
    def end() -> None:
        ours.close()
        os.waitpid(child, 0)

    process.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": Worker})  # type: ignore


def _nurse(forks: socket.socket) -> None:
    """Fork workers, each a child of the command: its parent is gone at once."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    _take([nothing, nothing, nothing])
    while asked := _asked(forks):
        environment, files, answers = asked
        between = os.fork()
        if not between:
            worker = os.fork()
            if worker:
                answers.sendall(b"%d\n" % worker)
                os._exit(0)
            forks.close()
            answers.close()
            _work(environment, files)
        os.waitpid(between, 0)
        answers.close()
        for file in files:
            os.close(file)


def _work(environment: dict[str, str], files: list[int]) -> NoReturn:
    """Be a worker."""
    from earmark.workers.child import main

    os.setpgid(0, 0)
    _control(_PR_SET_NAME, WORKER.encode())
    _take(files)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [WORKER]
    try:
        main()
    finally:
        os._exit(1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
