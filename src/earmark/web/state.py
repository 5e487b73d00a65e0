"""What a server holds as long as it runs: one library, worker processes, songs and their files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earmark import extraction
from earmark.errors import LibraryRefused
from earmark.library import Library, open_default, user_library_path
from earmark.library.queueing import SongTable, song_table
from earmark.web.config import Config
from earmark.web.http.metrics import Metrics
from earmark.web.served.library import ServedLibrary
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
        # Also the former ones: other threads may be reading them.
        self._held: list[Library] = []
        self.serve(open_default(config.library))
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
        self.songs = (
            SharedQueue(self.pool, self.jobs, queue=config.queue, **parts)
            if isinstance(self.jobs, SharedJobs)
            else SongQueue(self.pool, self.jobs, **parts)
        )

    @property
    def library(self) -> Library:
        """The library that is served now."""
        return self.served.library

    def serve(self, library: Library) -> None:
        """Go on with another library of the same feature extractor."""
        with self._lock:
            # What may fail comes first: an unusable library is not taken up by half.
            self.served = ServedLibrary(library)
            self._held.append(library)

    def private_folders(self) -> list[Path]:
        """Return the folders of this machine that no answer names."""
        folders = [user_library_path().parent, self.uploads.folder]
        if "://" not in self.library.location:
            folders.append(Path(self.library.location).parent)
        if self.config.music is not None:
            folders.append(self.config.music)
        return folders

    def is_ready(self) -> bool:
        """Whether songs can be answered now."""
        return self.pool.started > 0 and self.served.can_answer()

    def close(self) -> None:
        """End the worker processes, delete all uploads and let go of the library."""
        self.songs.close()
        self.pool.close()
        self.uploads.close()
        # What the database keeps beside a library's file goes with the last who has it open.
        for library in self._held:
            library.close()


def _shared_songs(library: Library) -> SongTable | None:
    """Return where the songs of several servers lie; None where each has its own."""
    try:
        return song_table(library)
    except LibraryRefused as error:
        logger.warning("songs stay with the server that they are sent to: %s", error)
        return None
