"""The songs that a server classifies: from their file to a worker process, and to their answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any

from earmark.errors import Busy, Canceled, EarmarkError, LibraryError, WorkerDied
from earmark.web.http.metrics import Metrics
from earmark.web.served.library import ServedLibrary
from earmark.web.songs import analysis
from earmark.web.songs.answers import Answer
from earmark.web.songs.jobs import Job, Jobs
from earmark.web.songs.music_folder import MusicFolder
from earmark.web.songs.uploads import Uploads
from earmark.words import shown
from earmark.workers import Call, WorkerPool

logger = logging.getLogger(__name__)


class SongQueue:
    """The songs under way.

    Parameters
    ----------
    pool
        The processes that open files.
    jobs
        Where songs and answers are kept.
    uploads, music
        Where files of clients and files of this machine lie.
    served
        Returns the library that answers now.
    metrics
        Counts the songs by how they ended.
    max_duration
        The longest recording that is accepted, in seconds.
    """

    def __init__(
        self,
        pool: WorkerPool,
        jobs: Jobs,
        *,
        uploads: Uploads,
        music: MusicFolder,
        served: Callable[[], ServedLibrary],
        metrics: Metrics,
        max_duration: float,
    ) -> None:
        self._pool, self._jobs = pool, jobs
        self._uploads, self._music = uploads, music
        self._served, self._metrics = served, metrics
        self._max_duration = max_duration

    def check_room(self) -> None:
        """Refuse a song that would find no place, before it is sent.

        Raises
        ------
        LibraryDamaged
            Something else than Earmark changed the library.
        Busy
            Too many songs wait.
        """
        self._served().check.require_whole()
        try:
            self._pool.check_room()
        except Busy:
            self._metrics.songs.labels("refused").inc()
            raise

    def submit_upload(self, save: Callable[[Path], object], name: str, *, picture: bool) -> Job:
        """Take up an uploaded song.

        Parameters
        ----------
        save
            Writes the upload to a path.
        name
            What the sender calls it; only ever shown.
        picture
            Whether waveform and timeline are wanted.

        Raises
        ------
        Busy
            Too many songs wait.
        """
        path = self._uploads.new()
        try:
            save(path)
            return self._submit(Job(name, path, upload=True, timeline=_awaited(picture)))
        except BaseException:
            self._uploads.discard(path)
            raise

    def submit_path(self, path: str, *, picture: bool) -> Job:
        """Take up a song that lies under the folder of music.

        Raises
        ------
        NotAllowed
            There is no such folder, or the path leads out of it.
        AudioNotFound
            There is no such file.
        Busy
            Too many songs wait.
        """
        file = self._music.file(path)
        return self._submit(Job(shown(path), file, upload=False, timeline=_awaited(picture)))

    def _submit(self, job: Job) -> Job:
        served = job.served = self._served()
        served.check.require_whole()
        try:
            call = job.call = self._pool.call(
                analysis.hear,
                str(job.file),
                served.library.spec.to_json(),
                self._max_duration,
                name=job.name,
            )
        except Busy:
            self._metrics.songs.labels("refused").inc()
            raise
        self._jobs.add(job)
        call.add_done_callback(partial(self._go_on, job, self._take))
        return job

    def _go_on(self, job: Job, step: Callable[[Job, Any], None], call: Call[Any]) -> None:
        """Take what a worker found; end the job where that fails."""
        try:
            step(job, call.result())
        except EarmarkError as problem:
            self._fail(job, problem)
        except Exception:
            logger.exception("an answer was lost")
            self._fail(job, WorkerDied("the analysis failed; try again", job.name))

    def _fail(self, job: Job, error: EarmarkError) -> None:
        """End a job with what went wrong."""
        self._end(job)
        outcome = "canceled" if isinstance(error, Canceled) else "failed"
        self._metrics.songs.labels(outcome).inc()
        job.fail(error)

    def _take(self, job: Job, analyzed: analysis.Analyzed) -> None:
        """Answer for a song, and ask for its picture where it is wanted."""
        served = self.library_of(job)
        answer = served.vote(job.name, analyzed)
        outcome = "unsure" if answer.prediction.abstained else "answered"
        self._metrics.songs.labels(outcome).inc()
        self._metrics.song_seconds.observe(time.time() - job.created)
        if job.timeline is None:
            # An upload is deleted before its answer is visible.
            self._end(job)
            job.answered.set_result(answer)
            return
        job.answered.set_result(answer)
        call = job.call = self._pool.call(
            analysis.picture,
            str(job.file),
            served.library.spec.to_json(),
            analyzed.extracted.duration,
            name=job.name,
            behind=True,
        )
        call.add_done_callback(partial(self._go_on, job, self._draw))
        if job.canceled:
            call.cancel()

    def _draw(self, job: Job, picture: analysis.Picture) -> None:
        """Take the picture of a song that is answered."""
        timeline = self.library_of(job).follow(job.answered.result(), picture)
        self._end(job)
        if job.timeline is not None:
            job.timeline.set_result(timeline)

    def _end(self, job: Job) -> None:
        """Let go of the file of a song of which nothing more will be heard."""
        if job.upload:
            self._uploads.discard(job.file)
        job.ended = time.time()

    def wait(self, job: Job, *, gone: Callable[[], bool] | None = None) -> Answer:
        """Wait for the answer of a job.

        Parameters
        ----------
        job
            The job.
        gone
            Says whether the client went away; then the job is canceled.

        Raises
        ------
        EarmarkError
            What went wrong.
        """
        while not wait([job.answered], timeout=0.5).done:
            if gone is not None and gone():
                self.cancel(job)
        return job.answered.result()

    def cancel(self, job: Job) -> None:
        """Call a job off, if it is not done."""
        job.canceled = True
        if job.call is not None:
            job.call.cancel()

    def close(self) -> None:
        """Take no more songs."""

    def library_of(self, job: Job) -> ServedLibrary:
        """Return the library that answers for a job: the one that it began with."""
        now = self._served()
        began = job.served
        return now if began is None or now.goes_on_from(began) else began

    def is_in_use(self, job: Job) -> bool:
        """Whether the library of a job is the one that is in use now."""
        return self.library_of(job) is self._served()

    def require_in_use(self, job: Job) -> ServedLibrary:
        """Return the library of a job, which has to be the one that is in use now.

        Raises
        ------
        LibraryError
            Another library was chosen since.
        """
        served = self.library_of(job)
        if not self.is_in_use(job):
            raise LibraryError(
                f"{job.name}: was answered by the library {served.library.name}, and another one "
                "is in use now; choose that one again, or send the song again"
            )
        return served

    def answer(self, job: Job) -> Answer | None:
        """Return the answer of a job by its library as it is now; None as long as there is none.

        Where the library was changed since the song was answered, it votes again.
        """
        answer, served = job.answer, self.library_of(job)
        if answer is not None and answer.revision != served.revision:
            answer = served.vote(job.name, answer.analyzed)
            job.renew(answer)
        return answer


def _awaited(picture: bool) -> Future[Any] | None:
    return Future() if picture else None
