"""Folders that are watched: which files are new or changed, and have settled.

The operating system tells of changes by `watchfiles`, where that is installed; a slow walk through
the folder finds what it does not tell, as on network drives.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import platformdirs

from earmark.atomic import new_file
from earmark.audio import is_audio_name
from earmark.collection.folder import sound_files, special_file

State: TypeAlias = tuple[int, int]
"""What tells that a file changed: its size in bytes, and when it was last written, in ns."""

TICK = 0.5
"""Seconds between two looks at files that are not settled."""


def state_of(path: str) -> State | None:
    """Return the state of an ordinary file; None where there is none, or it cannot be asked."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return None if special_file(Path(path)) else (status.st_size, status.st_mtime_ns)


def has_notices() -> bool:
    """Tell whether the operating system's notices can be had: `watchfiles` is installed."""
    return importlib.util.find_spec("watchfiles") is not None


class Known:
    """The files that were dealt with, kept over restarts.

    Each is a line of a text file that only grows, so that a full disk or a killed process costs
    the last line at most; it is written anew when it is opened.

    Parameters
    ----------
    file
        Where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._states: dict[str, State] = {}
        self._unwritten: list[str] = []
        self.is_new = not file.exists()
        with contextlib.suppress(OSError):
            for line in file.read_bytes().splitlines() if file.is_file() else ():
                # A line that was cut off, or that something else wrote, says nothing.
                with contextlib.suppress(ValueError, TypeError, OverflowError, RecursionError):
                    path, size, modified = json.loads(line)
                    self._states[str(path)] = (int(size), int(modified))

    @classmethod
    def of(cls, folder: str, library: str) -> Known:
        """Open what is known of a folder, for the answers of one library."""
        name = hashlib.sha256(os.fsencode(f"{folder}\0{library}")).hexdigest()[:16]
        return cls(platformdirs.user_data_path("earmark") / "watch" / f"{name}.jsonl")

    def __len__(self) -> int:
        return len(self._states)

    def has(self, path: str, state: State) -> bool:
        """Tell whether a file was dealt with as it is now."""
        return self._states.get(path) == state

    def add(self, path: str, state: State) -> None:
        """Note a file; `save` brings it to the disk."""
        self._states[path] = state
        self._unwritten.append(_line(path, state))

    def forget_gone(self) -> None:
        """Leave out files that are there no more."""
        self._states = {
            path: state for path, state in self._states.items() if os.path.lexists(path)
        }

    def save(self) -> None:
        """Write what was added.

        Raises
        ------
        OSError
            It cannot be written; the next `save` tries again.
        """
        if not self._unwritten:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            # Begins a line of its own: the last one may have been cut off.
            file.write(("\n" + "\n".join(self._unwritten) + "\n").encode("ascii"))
        self._unwritten.clear()

    def save_all(self) -> None:
        """Write all anew, without what is superseded.

        Raises
        ------
        OSError
            It cannot be written; what was written before stays.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with new_file(self._file, overwrite=True) as part:
            lines = (_line(path, state) for path, state in self._states.items())
            part.write_text("".join(f"{line}\n" for line in lines), "ascii")
        self._unwritten.clear()


def _line(path: str, state: State) -> str:
    return json.dumps([path, *state])


@dataclass
class _Waiting:
    state: State
    since: float


class Watch:
    """Finds the files of a folder that are new or changed, once each has settled.

    Parameters
    ----------
    folder
        The folder, absolute. It may be away, as a drive is.
    known
        The files that were dealt with.
    settle
        For how many seconds a file must not change.
    poll
        Seconds between two walks through the folder.
    films
        Whether films are taken, too.
    say
        Is told, in one line each, when the folder goes away and comes back.
    clock
        Tells the time, in seconds.
    """

    def __init__(
        self,
        folder: str,
        known: Known,
        *,
        settle: float,
        poll: float,
        films: bool = False,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._known = known
        self._settle = settle
        self._poll = poll
        self._films = films
        self._say = say
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._later: dict[str, float] = {}
        self._next_walk = 0.0
        self._away = False

    def existing(self) -> Iterator[tuple[str, State]]:
        """Yield all files that are in the folder now."""
        for path in sound_files(Path(self._folder), [], films=self._films):
            state = state_of(str(path))
            if state is not None:
                yield str(path), state

    def later(self, path: str, seconds: float) -> None:
        """Deal with a file once more after so many seconds."""
        self._later[path] = self._clock() + seconds

    def batches(self) -> Iterator[list[str]]:
        """Yield, without end, the files that have settled meanwhile, sorted; often none."""
        for changed in self._notices():
            for path in changed:
                self._notice(path)
            now = self._clock()
            if now >= self._next_walk and not self._away:
                self._walk()
                self._next_walk = self._clock() + self._poll
            for path in [path for path, when in self._later.items() if when <= now]:
                del self._later[path]
                self._notice(path)
            yield self._settled()

    def _walk(self) -> None:
        for path, state in self.existing():
            self._take(path, state)

    def _notice(self, path: str) -> None:
        """Take up what changed; of a folder that came, what is in it."""
        if os.path.isdir(path):  # noqa: PTH112
            for file in sound_files(Path(path), [], films=self._films):
                self._notice(str(file))
            return
        below = Path(os.path.relpath(path, self._folder)).parts
        if any(part.startswith(".") for part in below):
            return
        state = state_of(path)
        if state is not None and is_audio_name(below[-1], films=self._films):
            self._take(path, state)

    def _take(self, path: str, state: State) -> None:
        if path in self._waiting or path in self._later or self._known.has(path, state):
            return
        self._waiting[path] = _Waiting(state, self._clock())

    def _settled(self) -> list[str]:
        now = self._clock()
        done = []
        for path, waiting in list(self._waiting.items()):
            state = state_of(path)
            if state is None:
                del self._waiting[path]
            elif state != waiting.state:
                self._waiting[path] = _Waiting(state, now)
            elif now - waiting.since >= self._settle:
                del self._waiting[path]
                done.append(path)
        return sorted(done)

    def _notices(self) -> Iterator[list[str]]:
        """Yield what the system tells of every `TICK`, also nothing; never ends."""
        while True:
            here = _identity(self._folder)
            if here is None:
                if not self._away:
                    self._say(f"{self._folder}: is away; waiting for it")
                self._away = True
                time.sleep(TICK)
                yield []
                continue
            if self._away:
                self._say(f"{self._folder}: is there again")
            self._away = False
            self._next_walk = 0.0
            for changed in self._told():
                if _identity(self._folder) != here:
                    break
                yield changed

    def _told(self) -> Iterator[list[str]]:
        if not has_notices():
            while True:
                yield []
                time.sleep(TICK)
        # In a thread of its own: in the main one it would take every signal for Ctrl-C.
        heard: queue.SimpleQueue[list[str] | str] = queue.SimpleQueue()
        stop = threading.Event()
        threading.Thread(
            target=_listen, args=(self._folder, heard, stop), name="earmark-notices", daemon=True
        ).start()
        try:
            while True:
                try:
                    changed = heard.get(timeout=TICK)
                except queue.Empty:
                    changed = []
                if isinstance(changed, str):
                    self._say(f"{self._folder}: no notices of changes ({changed}); only walks")
                    changed = []
                yield changed
        finally:
            stop.set()


def _listen(folder: str, heard: queue.SimpleQueue[list[str] | str], stop: threading.Event) -> None:
    """Hand on what the system tells of a folder: paths, or why it tells no more."""
    import watchfiles

    try:
        for changes in watchfiles.watch(
            folder,
            watch_filter=None,
            stop_event=stop,
            rust_timeout=int(TICK * 1000),
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            heard.put([path for kind, path in changes if kind != watchfiles.Change.deleted])
    except (OSError, RuntimeError) as error:
        # As where the system's number of watches is used up.
        heard.put(str(error))


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(folder) else None  # noqa: PTH112
