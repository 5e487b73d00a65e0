"""What a server holds as long as it runs: one library, worker processes, songs and their files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earmark import extraction
from earmark.errors import LibraryBusy, LibraryError, LibraryRefused
from earmark.library import Library, open_default, open_library, user_library_path
from earmark.library.queueing import SongTable, song_table
from earmark.web.config import Config
from earmark.web.http.metrics import Metrics
from earmark.web.served import removed
from earmark.web.served.building import Building
from earmark.web.served.libraries import Libraries, Shelved, is_same_place
from earmark.web.served.library import ServedLibrary
from earmark.web.served.removed import Removed
from earmark.web.songs.jobs import Jobs
from earmark.web.songs.music_folder import MusicFolder
from earmark.web.songs.queue import SongQueue
from earmark.web.songs.shared import SharedJobs, SharedQueue
from earmark.web.songs.uploads import Uploads
from earmark.workers import WorkerPool

logger = logging.getLogger(__name__)


class ServerState:
    """The parts of a server, each made once; only the library may be changed for another.

    Parameters
    ----------
    config
        How it is set up.
    make_pool
        Makes the pool of worker processes; tests use others.

    Raises
    ------
    EarmarkError
        The library or the folder for uploads cannot be used.
    """

    def __init__(
        self, config: Config, *, make_pool: Callable[..., WorkerPool] = WorkerPool
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self._lock = threading.Lock()
        self._choosing = threading.Lock()
        # Also the former ones: songs that began with them end with them.
        self._held: list[ServedLibrary] = []
        self.served = self._hold(ServedLibrary(open_default(config.library)))
        self.libraries = Libraries(self.library.location)
        self.music = MusicFolder(config.music)
        self.uploads = Uploads(config.uploads)
        table = _shared_songs(self.library)
        lifetime = config.job_lifetime
        self.jobs = Jobs(lifetime) if table is None else SharedJobs(lifetime, table)
        self.pool = make_pool(
            config.workers,
            queue=config.queue,
            limits=config.limits,
            # Pages come first when all cores are busy.
            nice=5,
        )
        self.pool.prepare(extraction.load, self.library.spec.to_json())
        parts: dict[str, Any] = {
            "uploads": self.uploads,
            "music": self.music,
            "served": lambda: self.served,
            "metrics": self.metrics,
            "max_duration": config.max_duration,
        }
        self.building = Building(
            self.pool, self.music, self.libraries, max_duration=config.max_duration
        )
        self.songs = (
            SharedQueue(self.pool, self.jobs, queue=config.queue, **parts)
            if isinstance(self.jobs, SharedJobs)
            else SongQueue(self.pool, self.jobs, **parts)
        )

    @property
    def library(self) -> Library:
        """The library that is served now."""
        return self.served.library

    def _hold(self, served: ServedLibrary) -> ServedLibrary:
        self._held.append(served)
        return served

    def serve_copy(self, library: Library, of: ServedLibrary) -> ServedLibrary:
        """Go on with a copy of a library that is in use; return it, or the copy that is in use.

        Raises
        ------
        LibraryBusy
            Another one was chosen meanwhile.
        """
        with self._lock:
            if self.served is not of:
                library.close()
                if self.served.goes_on_from(of):
                    # Another request was quicker.
                    return self.served
                raise LibraryBusy("another library was chosen just now; try that again")
            # What may fail comes first: an unusable library is not taken up by half.
            self.served = self._hold(ServedLibrary(library, after=of))
            return self.served

    @contextmanager
    def changing_libraries(self) -> Iterator[None]:
        """Choose, make or remove libraries in the block, one at a time.

        Raises
        ------
        LibraryBusy
            Another request does so at this moment.
        """
        if not self._choosing.acquire(blocking=False):
            raise LibraryBusy(
                "another library is being chosen, made or removed at this moment; try again"
            )
        try:
            yield
        finally:
            self._choosing.release()

    def choose(self, name: str) -> None:
        """Go on with a library of `libraries`; songs under way end with the one they began with.

        Raises
        ------
        NotFound
            There is no such library.
        LibraryBusy
            Somebody else chooses one at this moment.
        LibraryError
            It cannot be used, or this server shares its songs with others.
        """
        with self.changing_libraries():
            if isinstance(self.jobs, SharedJobs):
                raise LibraryError(
                    "this server shares its songs with others over a database; to use another "
                    "library, start all of them with it"
                )
            location = self.libraries.find(name).location
            served = self._served_at(location) or self._hold(_opened(location))
            # Before its songs come, so that loading its network is not counted against one.
            self.pool.prepare(extraction.load, served.library.spec.to_json())
            with self._lock:
                self.served = served
            logger.info("the library in use is %s now", served.library.name)

    def remove(self, name: str) -> Removed:
        """Take a library away, so that it can be put back.

        Raises
        ------
        NotFound, NotAllowed
            There is no such library; it is not the user's.
        LibraryError
            It is in use, or cannot be removed.
        """
        with self.changing_libraries():
            shelved = self.libraries.find(name)
            in_use = is_same_place(shelved.location, self.library.location)
            return removed.remove(self.libraries, shelved, in_use)

    def put_back(self, name: str) -> str:
        """Put back a library that was removed; return its name.

        Raises
        ------
        NotFound
            None was removed that is called so.
        LibraryError
            It cannot be put back.
        """
        with self.changing_libraries():
            return removed.put_back(self.libraries, name)

    def delete_removed(self, name: str) -> None:
        """Delete for good a library that was removed.

        Raises
        ------
        NotFound
            None was removed that is called so.
        LibraryError
            It cannot be deleted.
        """
        with self.changing_libraries():
            removed.delete(self.libraries, name)

    def copy_of(self, shelved: Shelved, *, packed: bool) -> Path:
        """Copy a library as it is now, also while it is changed; return the file, to be discarded.

        Parameters
        ----------
        shelved
            Which.
        packed
            Without history, and without what says something about this machine.

        Raises
        ------
        LibraryError
            It cannot be opened, or the copy cannot be written.
        """
        file = self.uploads.new(".earmark")
        served = self.served
        try:
            if is_same_place(shelved.location, served.library.location):
                served.require_unchanged()
                served.library.copy(file, packed=packed)
            else:
                with open_library(shelved.location, read_only=True) as library:
                    library.copy(file, packed=packed)
        except BaseException:
            self.uploads.discard(file)
            raise
        return file

    def _served_at(self, location: str) -> ServedLibrary | None:
        """Return the library of a location that was in use before, where it is still the same."""
        for served in reversed(self._held):
            if is_same_place(served.library.location, location):
                try:
                    served.require_unchanged()
                except LibraryError:
                    return None
                return served
        return None

    def private_folders(self) -> list[Path]:
        """Return the folders of this machine that no answer names."""
        folders = [user_library_path().parent, self.uploads.folder]
        folders.append(self.libraries.folder)
        folders += {
            Path(served.library.location).parent
            for served in list(self._held)
            if "://" not in served.library.location
        }
        if self.config.music is not None:
            folders.append(self.config.music)
        return folders

    def is_ready(self) -> bool:
        """Whether songs can be answered now."""
        return self.pool.started > 0 and self.served.can_answer()

    def close(self) -> None:
        """End the worker processes, delete all uploads and let go of the library."""
        self.building.close()
        self.songs.close()
        self.pool.close()
        self.uploads.close()
        # What the database keeps beside a library's file goes with the last who has it open.
        for served in self._held:
            served.library.close()


def _opened(location: str) -> ServedLibrary:
    library = open_library(location)
    try:
        return ServedLibrary(library)
    except BaseException:
        library.close()
        raise


def _shared_songs(library: Library) -> SongTable | None:
    """Return where the songs of several servers lie; None where each has its own."""
    try:
        return song_table(library)
    except LibraryRefused as error:
        logger.warning("songs stay with the server that they are sent to: %s", error)
        return None
