"""What a worker process gives up before it reads the file of a stranger.

A decoder that a hostile file takes over can do what its process may do. So the process first lets
go of all that reading needs not, as far as the system lets an ordinary program do that: it gains no
privileges and keeps none but that of reading, opens no connection, starts no program, and writes
to nothing but its pipe. Where a kernel knows one of the means not, the others hold all the same;
`confine` never fails, and ``earmark doctor`` says what came of it.

The means are Linux's: ``no_new_privs``, a filter of system calls (seccomp), Landlock, and an empty
set of capabilities; see ``prctl(2)``, ``seccomp(2)``, ``landlock(7)``, ``capset(2)``. On all POSIX
systems files get a size limit of zero.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
import threading

_NO_NEW_PRIVS, _GET_NO_NEW_PRIVS = 38, 39
_SET_FILTER, _ALL_THREADS = 1, 1

_REFUSED_CALLS = {
    # socket, execve, ptrace, add_key, request_key, keyctl, perf_event_open, process_vm_readv and
    # -writev, bpf, execveat, userfaultfd, io_uring_setup (which opens sockets past a filter)
    "x86_64": (0xC000003E, 317, (41, 59, 101, 248, 249, 250, 298, 310, 311, 321, 322, 323, 425)),
    "aarch64": (0xC00000B7, 277, (198, 221, 117, 217, 218, 219, 241, 270, 271, 280, 281, 282, 425)),
}
"""By machine: what the kernel calls it, its number of ``seccomp``, and calls that are refused."""

_CREATE_RULES, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _TRUNCATE = 1 << 0, 1 << 1, 1 << 14
# Removing and making entries of every kind.
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_MOVE = 1 << 13
_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

_KEPT_CAPABILITIES = 1 << 1 | 1 << 2
"""To read what file modes deny, so that what root may hear a worker of root may, too."""

_done = threading.local()
_filtered = False


def confine() -> None:
    """Give up, for good, what no reader of files needs; every thread calls it for itself.

    Threads that are started afterwards are confined from the start.
    """
    global _filtered
    if getattr(_done, "yes", False):
        return
    _done.yes = True
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        # For what can be opened all the same. Python ignores the signal and gets an error.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            # Neither of the others is allowed without it.
            return
        _drop_capabilities(libc)
        _close_files(libc)
        if not _filtered:
            _filtered = _filter_calls(libc)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Keep of root's privileges those of reading; others have none to lose."""
    # Version 3 of the structures, this thread; effective, permitted and inheritable, twice 32 bits.
    head = struct.pack("<Ii", 0x20080522, 0)
    now = ctypes.create_string_buffer(24)
    if libc.capget(head, now) != 0:
        return
    _, permitted, *_ = struct.unpack("<6I", now.raw)
    kept = permitted & _KEPT_CAPABILITIES
    libc.capset(head, struct.pack("<6I", kept, kept, 0, 0, 0, 0))


def landlock_version(libc: ctypes.CDLL) -> int:
    """Return which version of Landlock the kernel has; less than 1 for none."""
    return int(libc.syscall(_CREATE_RULES, None, ctypes.c_size_t(0), 1))


def _close_files(libc: ctypes.CDLL) -> None:
    """Let this thread open no file for writing, change no folder, and connect nowhere by TCP."""
    version = landlock_version(libc)
    if version < 1:
        return
    files = _EXECUTE | _WRITE_FILE | _CHANGE_FOLDERS
    files |= (_MOVE if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = struct.pack(
        "<3Q",
        files,
        _TCP if version >= 4 else 0,
        _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    length = 24 if version >= 6 else 16 if version >= 4 else 8
    handle = libc.syscall(_CREATE_RULES, rules[:length], ctypes.c_size_t(length), 0)
    if handle < 0:
        return
    try:
        # What C libraries throw away goes there.
        nowhere = os.open(os.devnull, os.O_PATH)
        try:
            allowed = struct.pack("<Qi", files & (_WRITE_FILE | _TRUNCATE), nowhere)
            libc.syscall(_ADD_RULE, handle, 1, allowed, 0)
        finally:
            os.close(nowhere)
        libc.syscall(_RESTRICT, handle, 0)
    finally:
        os.close(handle)


def _filter_calls(libc: ctypes.CDLL) -> bool:
    """Let no thread of the process make a system call that reads no file; tell whether that holds.

    It is refused with an error, which libraries expect, instead of ending the process.
    """
    known = _REFUSED_CALLS.get(platform.machine())
    if known is None or sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    machine, seccomp, refused = known
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse = 0x00050000 | 13  # with EACCES
    count = len(refused)
    # Classic BPF: code, how many to skip if true, if false, operand. Offset 4 of what is looked at
    # is the machine, offset 0 the number of the call.
    program = [
        (load, 0, 0, 4),
        (equal, 0, count + 3, machine),
        (load, 0, 0, 0),
        # The 32-bit calls of x86-64 have numbers of their own.
        (at_least, count + 1, 0, 0x40000000),
        *((equal, count - at, 0, number) for at, number in enumerate(refused)),
        (answer, 0, 0, 0x7FFF0000),
        (answer, 0, 0, refuse),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    head = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code))
    return bool(libc.syscall(seccomp, _SET_FILTER, _ALL_THREADS, head) == 0)


def try_out(folder: str) -> dict[str, bool]:
    """Try what a worker must not be able to do, and say what it could; for ``earmark doctor``.

    Parameters
    ----------
    folder
        One that this user may write to.

    Returns
    -------
    dict
        Whether the process could gain privileges, open a connection, start a program, make a
        file, and write to a file that it could open.
    """
    return {
        "gains_privileges": _gains_privileges(),
        "reaches_network": _can(_open_socket),
        "starts_programs": _can(_start_program),
        "makes_files": _can(lambda: _make_file(folder)),
        "writes_files": _can(lambda: _write_file(folder)),
    }


def _can(act: object) -> bool:
    assert callable(act)  # noqa: S101
    try:
        act()
    except OSError:
        return False
    return True


def _gains_privileges() -> bool:
    if sys.platform != "linux":
        return True
    try:
        return bool(ctypes.CDLL(None).prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
    except (OSError, AttributeError):
        return True


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _start_program() -> None:
    subprocess.run([sys.executable, "-S", "-c", ""], check=False, capture_output=True)


def _make_file(folder: str) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _write_file(folder: str) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
