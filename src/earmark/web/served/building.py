"""A library made of a folder of music by the server, one at a time, while it goes on answering."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Literal

from earmark.collection import (
    BuildReport,
    Collection,
    Problem,
    build,
    check_folders_are_genres,
    open_for_build,
    scan_folder,
)
from earmark.errors import (
    Canceled,
    CollectionError,
    EarmarkError,
    LibraryError,
    LibraryExists,
)
from earmark.library import Library, open_library
from earmark.web.errors import BadRequest, NotFound
from earmark.web.served.libraries import ENDING, LONGEST_NAME, RESERVED, Libraries, is_name
from earmark.web.songs.music_folder import MusicFolder
from earmark.words import shown
from earmark.workers import WorkerPool

logger = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "canceled"]

UNFINISHED = ".building"
"""Ending of the file in which a library lies until it is whole; its name begins with a point."""

MOST_TOLD = 1_000
"""Files that are left out and told of by name; the others are counted."""

OUTSIDE = "is a link that leads out of the folder of music"


@dataclasses.dataclass
class Making:
    """A library that is being made, or what became of it.

    Attributes
    ----------
    name
        Of the library.
    folder
        Below the folder of music.
    root
        The folder of music itself; its name is cut off whatever is told.
    report
        What was done so far.
    error
        Why there is no library.
    """

    name: str
    folder: str
    root: Path
    began: float = dataclasses.field(default_factory=time.time)
    ended: float | None = None
    report: BuildReport = dataclasses.field(default_factory=BuildReport)
    error: EarmarkError | None = None
    canceled: bool = False
    stopping: bool = False

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.ended is None:
            return "running"
        if self.error is None:
            return "done"
        return "canceled" if isinstance(self.error, Canceled) else "failed"

    def below(self, path: str) -> str:
        """Return a path as it lies below the folder of music."""
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return Path(path).name

    def to_json(self) -> dict[str, Any]:
        """Return how far it is, as JSON values."""
        report = self.report
        left = [(one.path, one.reason) for one in list(report.problems)]
        same = [
            (path, f"has the same sound as {self.below(kept)}")
            for path, kept in list(report.duplicates)
        ]
        odd = list(report.warnings)
        return {
            "name": self.name,
            "folder": self.folder,
            "state": self.state,
            "total": report.total,
            "finished": report.finished,
            "under_way": [self.below(path) for path in list(report.under_way)],
            "seconds": round((self.ended or time.time()) - self.began, 1),
            "used": report.heard + report.recognized + report.unchanged,
            "left_out": len(left) + len(same),
            "files": [
                {"path": self.below(path), "reason": reason}
                for path, reason in (left + same)[:MOST_TOLD]
            ],
            "warnings": [
                {"path": self.below(one.path), "reason": one.reason} for one in odd[:MOST_TOLD]
            ],
            "passed_over": dict(report.passed_over),
        }


class Building:
    """What makes libraries of folders below the folder of music.

    Parameters
    ----------
    pool
        Hears the files, when nobody waits for a song.
    music
        The folder of music.
    libraries
        Where they go.
    max_duration
        The longest recording that is accepted, in seconds.
    """

    def __init__(
        self, pool: WorkerPool, music: MusicFolder, libraries: Libraries, *, max_duration: float
    ) -> None:
        self._pool, self._music, self._libraries = pool, music, libraries
        self._max_duration = max_duration
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.latest: Making | None = None

    @property
    def under_way(self) -> Making | None:
        """The one that is being made."""
        latest = self.latest
        return latest if latest is not None and latest.ended is None else None

    def start(
        self,
        name: str,
        folder: str,
        *,
        genre_level: int | None = None,
        extractor: str | None = None,
    ) -> Making:
        """Begin to make a library of a folder, whose sub-folders are the genres.

        What was heard of it before the server was stopped is not heard again.

        Parameters
        ----------
        name
            Of the new library.
        folder
            Below the folder of music; "": all of it.
        genre_level
            Which folder on the way to a file is its genre; None: the first, unless that is clearly
            not meant.
        extractor
            Its name; None: the usual one.

        Raises
        ------
        BadRequest
            No library can be called so.
        LibraryExists
            There is one of that name.
        LibraryError
            One is being made.
        NotAllowed, NotFound
            There is no such folder of music.
        """
        if not is_name(name):
            raise BadRequest(
                f"{shown(name)}: a library needs a name of 1 to {LONGEST_NAME} letters, digits or "
                'blanks, without / \\ : * ? " < > |; type another one'
            )
        place = self._music.folder(folder)
        with self._lock:
            if self.under_way is not None:
                raise LibraryError(
                    f"the library {self.under_way.name} is being made; wait for it, or call it off"
                )
            taken = {one.name.casefold() for one in self._libraries.all()} | RESERVED
            if name.casefold() in taken or self._file(name).exists():
                raise LibraryExists(f"{name}: there is a library of that name; choose another name")
            making = Making(name, folder, self._music.root)
            self.latest = making
            self._thread = threading.Thread(
                target=self._run,
                args=(making, place, genre_level, extractor),
                name="earmark-build",
                daemon=True,
            )
            self._thread.start()
        return making

    def get(self) -> Making:
        """Return the library that is being made, or that was made last.

        Raises
        ------
        NotFound
            None was since the server was started.
        """
        if self.latest is None:
            raise NotFound("no library was made here since the server was started")
        return self.latest

    def cancel(self) -> None:
        """Call off what is being made; nothing of it stays."""
        making = self.get()
        making.canceled = True

    def close(self) -> None:
        """Stop; what was heard is kept for the next time."""
        making, thread = self.under_way, self._thread
        if making is not None and thread is not None:
            making.stopping = True
            thread.join(timeout=30)

    def _file(self, name: str) -> Path:
        return self._libraries.folder / f"{name}{ENDING}"

    def _run(
        self, making: Making, place: Path, genre_level: int | None, extractor: str | None
    ) -> None:
        try:
            self._make(making, place, genre_level, extractor)
        except EarmarkError as error:
            making.error = error
        except OSError as error:
            making.error = LibraryError(f"{making.name}: cannot be written ({error.strerror})")
        except Exception:
            logger.exception("a library could not be made")
            making.error = LibraryError(
                f"{making.name}: Earmark made a mistake here. The server's log says which."
            )
        finally:
            making.ended = time.time()

    def _make(
        self, making: Making, place: Path, genre_level: int | None, extractor: str | None
    ) -> None:
        collection = self._collection(making, place, genre_level)
        self._libraries.folder.mkdir(parents=True, exist_ok=True)
        part = self._libraries.folder / f".{making.name}{UNFINISHED}"

        def look(report: BuildReport) -> None:
            making.report = report
            if making.canceled or making.stopping:
                raise Canceled("called off", making.name)

        try:
            with _part(part, extractor) as library:
                making.report = build(
                    library,
                    collection,
                    executor=_WhenIdle(self._pool),
                    jobs=self._pool.size,
                    max_duration=self._max_duration,
                    prune=True,
                    progress=look,
                )
                if not library.count():
                    raise CollectionError(f"{place}: no file of it could be used")
                library.copy(str(self._file(making.name)))
        except BaseException:
            if not making.stopping:
                _remove(part)
            raise
        _remove(part)

    def _collection(self, making: Making, place: Path, genre_level: int | None) -> Collection:
        try:
            found = scan_folder(place, genre_level=genre_level)
            inside = tuple(one for one in found.files if self._music.holds(Path(one.path)))
            if not inside:
                raise CollectionError(f"{place}: has no sound files in sub-folders")
            left = {one.path for one in found.files} - {one.path for one in inside}
            problems = *found.problems, *(Problem(path, OUTSIDE) for path in sorted(left))
            found = dataclasses.replace(found, files=inside, problems=problems)
            if genre_level is None:
                check_folders_are_genres(found, limits=self._pool.limits)
        except CollectionError as error:
            # Its words are those of the command line.
            raise CollectionError(str(error).replace("--genre-level", "genre level")) from error
        return found


class _WhenIdle(Executor):
    """A pool whose workers do this only when nobody waits for a song."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._pool.call(fn, *args, name=str(args[0]), options=kwargs, behind=True)


def _part(part: Path, extractor: str | None) -> Library:
    """Open what is there of a library; begin anew where that cannot be gone on with."""
    try:
        if part.exists():
            # Only what can be opened is gone on with.
            open_library(part, read_only=True).close()
        return open_for_build(part, extractor)
    except LibraryError:
        _remove(part)
        return open_for_build(part, extractor)


def _remove(part: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + ending).unlink(missing_ok=True)
