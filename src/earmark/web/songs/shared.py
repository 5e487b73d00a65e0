"""Songs of several servers over one database: any of them hears a song, and any answers for it.

A song that was sent lies in the database (`earmark.library.queueing`) until it is heard. Each
server takes one whenever a worker process of its own is idle, and writes down what was heard. The
vote is not kept: each server asks the library, which all of them share.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from earmark.errors import Busy, Canceled, EarmarkError, LibraryError, Shutdown, WorkerDied
from earmark.library.queueing import SongRow, SongTable, TakenSong
from earmark.web.errors import NotFound
from earmark.web.songs import analysis
from earmark.web.songs.jobs import Job, Jobs
from earmark.web.songs.queue import SongQueue
from earmark.workers import Call, WorkerPool, protocol
from earmark.workers.slot import error_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_SECONDS = 0.2
"""How often the database is asked for songs to hear, and for those that somebody waits for."""

AWAY_SECONDS = 1.0
"""How long a database that is away is left alone."""

SWEEP_SECONDS = 60.0

LARGEST = 64 * 2**20
"""Bytes of what was heard of one song."""


class SharedJobs(Jobs):
    """The jobs of all servers; this one keeps those that it was asked for.

    Parameters
    ----------
    lifetime
        Seconds after which finished ones are forgotten.
    table
        Where they are.
    """

    def __init__(self, lifetime: float, table: SongTable) -> None:
        super().__init__(lifetime)
        self.table = table
        self.settle: Callable[[Job, SongRow], None] = lambda job, row: None

    def get(self, job_id: str) -> Job:
        """Return a job, of whichever server.

        Raises
        ------
        NotFound
            There is no such job, or not any more.
        LibraryError
            The database is away.
        """
        with contextlib.suppress(NotFound):
            return super().get(job_id)
        row = self.table.read([job_id]).get(job_id)
        if row is None:
            return super().get(job_id)
        timeline: Future[Any] | None = Future() if row.timeline else None
        job = Job(row.name, Path(), upload=False, timeline=timeline, id=row.id, created=row.created)
        job.sent_here = False
        self.settle(job, row)
        self.add(job)
        return job

    def forget(self, job: Job) -> None:
        """Drop a job, for all servers."""
        super().forget(job)
        with contextlib.suppress(LibraryError):  # it is swept later
            self.table.forget(job.id)


class SharedQueue(SongQueue):
    """As `SongQueue`, with songs that lie in a database.

    Parameters
    ----------
    pool, jobs, options
        Of `SongQueue`.
    queue
        How many songs may wait, of all servers.
    """

    def __init__(
        self, pool: WorkerPool, jobs: SharedJobs, *, queue: int | None, **options: Any
    ) -> None:
        super().__init__(pool, jobs, **options)
        self._shared, self._table, self._most = jobs, jobs.table, queue
        jobs.settle = self._settle
        self._taken: dict[str, Call[Any]] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._swept = time.monotonic()
        self._threads = [
            threading.Thread(target=self._repeat, args=[step], name=f"earmark-{name}", daemon=True)
            for name, step in (("takes", self._take_songs), ("follows", self._follow))
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take no more songs; those that were taken are given back when the pool closes."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)

    # What clients ask

    def check_room(self) -> None:
        """Refuse a song that would find no place, before it is sent; as `SongQueue`."""
        self._served().check.require_whole()
        if self._most is not None and self._table.waiting() >= self._most + self._pool.size:
            self._metrics.songs.labels("refused").inc()
            raise Busy(f"{self._most} songs wait already; try again in a moment")

    def _submit(self, job: Job) -> Job:
        self.check_room()
        content = job.file.read_bytes()
        self._table.add(job.id, job.name, content, timeline=job.timeline is not None)
        if job.upload:
            self._uploads.discard(job.file)
        self._jobs.add(job)
        with self._condition:
            self._condition.notify_all()
        return job

    def cancel(self, job: Job) -> None:
        """Call a job off, whoever has it."""
        super().cancel(job)
        if not job.finished:
            self._table.cancel(job.id)

    # Two threads

    def _repeat(self, step: Callable[[], float]) -> None:
        while not self._closing:
            try:
                seconds = step()
            except LibraryError as error:
                logger.warning("%s", error)
                seconds = AWAY_SECONDS
            except Exception:
                logger.exception("songs of other servers were not looked after")
                seconds = AWAY_SECONDS
            with self._condition:
                if seconds and not self._closing:
                    self._condition.wait(seconds)

    def _take_songs(self) -> float:
        """Take a song where a worker process is idle; return how long to wait."""
        pool = self._pool
        if not pool.started or pool.working + pool.waiting >= pool.size:
            return LOOK_SECONDS
        song = self._table.take()
        if song is None:
            return LOOK_SECONDS
        path = self._uploads.new()
        try:
            path.write_bytes(song.content)
            call = self._asked_of(song, path)
        except BaseException:
            self._uploads.discard(path)
            song.give_back()
            raise
        self._taken[song.id] = call
        call.add_done_callback(partial(self._write, song, path))
        return 0.0

    def _asked_of(self, song: TakenSong, path: Path) -> Call[Any]:
        """Let a worker process do what is still wanted of a song."""
        spec = self._served().library.spec.to_json()
        if song.heard is None:
            return self._pool.call(
                analysis.hear, str(path), spec, self._max_duration, name=song.name
            )
        analyzed = unpacked(song.heard, analysis.Analyzed)
        return self._pool.call(
            analysis.picture, str(path), spec, analyzed.extracted.duration, name=song.name
        )

    def _write(self, song: TakenSong, path: Path, call: Call[Any]) -> None:
        """Write down what a worker process found, for all servers."""
        self._uploads.discard(path)
        try:
            self._write_down(song, call)
        except LibraryError as error:
            # It is in the queue still, and somebody takes it once the database is back.
            logger.warning("%s: %s", song.id, error)
        except Exception:
            logger.exception("an answer was lost")
            song.give_back()
        finally:
            self._taken.pop(song.id, None)
            with self._condition:
                self._condition.notify_all()

    def _write_down(self, song: TakenSong, call: Call[Any]) -> None:
        try:
            found = call.result()
        except Shutdown:
            song.give_back()
        except EarmarkError as error:
            song.fail(type(error).__name__, str(getattr(error, "problem", error)))
        else:
            (song.write_heard if song.heard is None else song.write_drawn)(packed(found))

    def _follow(self) -> float:
        """Look what became of the songs that somebody here waits for."""
        if self._taken:
            for canceled in self._table.canceled(list(self._taken)):
                if (call := self._taken.get(canceled)) is not None:
                    call.cancel()
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._table.sweep(self._shared.lifetime)
        jobs = {job.id: job for job in self._jobs.unfinished()}
        if not jobs:
            return LOOK_SECONDS
        answered = [job.id for job in jobs.values() if job.answered.done()]
        rows = self._table.read(list(jobs), answered)
        taken = self._table.under_way(list(jobs))
        for job in jobs.values():
            job.taken, job.call = job.id in taken, self._taken.get(job.id)
            if (row := rows.get(job.id)) is None:
                job.ended = time.time()
                self._give_up(job, Canceled("called off", job.name))
            else:
                self._settle(job, row)
        return LOOK_SECONDS

    def _settle(self, job: Job, row: SongRow) -> None:
        """Take what the database says of a job."""
        job.place = row.ahead
        try:
            if row.heard is not None and not job.answered.done():
                answer = self._served().vote(job.name, unpacked(row.heard, analysis.Analyzed))
                if job.sent_here:
                    outcome = "unsure" if answer.prediction.abstained else "answered"
                    self._metrics.songs.labels(outcome).inc()
                    self._metrics.song_seconds.observe(time.time() - job.created)
                job.answered.set_result(answer)
            if row.drawn is not None and job.timeline is not None and not job.timeline.done():
                picture = unpacked(row.drawn, analysis.Picture)
                job.timeline.set_result(self._served().follow(job.answered.result(), picture))
        except LibraryError:
            raise
        except EarmarkError as error:
            self._give_up(job, error)
        except Exception:
            logger.exception("an answer was lost")
            self._give_up(job, WorkerDied("the analysis failed; try again", job.name))
        if row.error is not None:
            said = {"error": row.error, "problem": row.problem}
            self._give_up(job, error_of(said, job.name))
        if row.ended and job.ended is None:
            job.ended = time.time()

    def _give_up(self, job: Job, error: EarmarkError) -> None:
        # Whoever it was sent to counts it.
        if job.sent_here:
            self._fail(job, error)
        else:
            job.fail(error)


def packed(value: object) -> bytes:
    """Return data as bytes; nothing is pickled."""
    out = io.BytesIO()
    protocol.send(out, {}, value, limit=LARGEST)
    return out.getvalue()


def unpacked(data: bytes, kind: type[T]) -> T:
    """Return what `packed` was given, which has to be of a kind.

    Raises
    ------
    BadReply
        It is not.
    """
    _, content, arrays = protocol.receive(io.BytesIO(data), limit=LARGEST)
    found: T = protocol.unpack(content, arrays, kind)
    return found
