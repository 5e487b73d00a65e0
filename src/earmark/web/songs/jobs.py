"""Songs under way, and what came back for those that are done."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from earmark.errors import Canceled, EarmarkError
from earmark.web.errors import NotFound
from earmark.web.songs.answers import Answer, Timeline
from earmark.workers import Call

if TYPE_CHECKING:
    from earmark.web.served.library import ServedLibrary

T = TypeVar("T")

Outcome = Literal["done", "failed", "canceled"]
State = Outcome | Literal["queued", "running"]

MOST_FINISHED = 500
"""Finished jobs that are kept at most; the oldest go first."""


@dataclass(eq=False)
class Job:
    """One song on its way: the handle at which its answer comes back.

    Attributes
    ----------
    name
        What the sender calls the file.
    file
        Where it lies, and whether it is an upload, to be deleted.
    timeline
        Its waveform and segments, which come after the answer; None where nobody wants them.
    served
        The library that it is answered by, also when the server goes on with another one meanwhile;
        None: the one of the server.
    answered
        Its first answer.
    id
        Not to be guessed: whoever knows it may see and cancel the job.
    call
        What a worker process has to do for it, or did: first the answer, then the timeline.
    canceled
        It was called off.
    sent_here, taken, place
        Of a job in a database: whether it was sent to this server, whether one has it, and how many
        are before it.
    """

    name: str
    file: Path
    upload: bool
    timeline: Future[Timeline] | None = None
    served: ServedLibrary | None = None
    answered: Future[Answer] = field(default_factory=Future)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    created: float = field(default_factory=time.time)
    ended: float | None = None
    call: Call[Any] | None = None
    canceled: bool = False
    sent_here: bool = True
    taken: bool = False
    place: int | None = None
    _renewed: Answer | None = None

    @property
    def answer(self) -> Answer | None:
        """The newest answer; None as long as there is none."""
        return self._renewed or _result(self.answered)

    def renew(self, answer: Answer) -> None:
        """Take another answer, of a library that was changed since."""
        self._renewed = answer

    def fail(self, error: EarmarkError) -> None:
        """End whatever is still to come."""
        for awaited in (self.answered, self.timeline):
            if awaited is not None and not awaited.done():
                awaited.set_exception(error)

    @property
    def error(self) -> EarmarkError | None:
        """What went wrong; a song that is answered may still fail to have a timeline."""
        for awaited in (self.answered, self.timeline):
            if awaited is not None and awaited.done():
                error = awaited.exception()
                if isinstance(error, EarmarkError):
                    return error
        return None

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.answered.done() and (self.timeline is None or self.timeline.done())

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None as long as it did not."""
        if not self.finished:
            return None
        if self.error is None:
            return "done"
        return "canceled" if isinstance(self.error, Canceled) else "failed"

    @property
    def state(self) -> State:
        """Where it stands: it runs from when a worker takes it."""
        taken = self.taken or (self.call is not None and self.call.started is not None)
        return self.outcome or ("running" if taken or self.answered.done() else "queued")

    @property
    def ahead(self) -> int | None:
        """How many songs are before it in the queue; None when it does not wait."""
        if self.answered.done() or self.taken:
            return None
        return self.place if self.call is None else self.call.ahead

    @property
    def done(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.outcome == "done":
            return 1.0
        return 0.0 if self.call is None else self.call.progress

    @property
    def drawn(self) -> Timeline | None:
        """Its waveform and segments; None as long as there are none."""
        return None if self.timeline is None else _result(self.timeline)


def _result(awaited: Future[T]) -> T | None:
    return awaited.result() if awaited.done() and awaited.exception() is None else None


class Jobs:
    """The jobs of this server; finished ones are forgotten after ``lifetime`` seconds."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Keep a job, and forget old ones."""
        with self._lock:
            self._jobs[job.id] = job
            ended = [other for other in self._jobs.values() if other.ended is not None]
            ended.sort(key=lambda other: other.ended or 0.0)
            limit = time.time() - self.lifetime
            for number, other in enumerate(ended):
                if (other.ended or 0.0) < limit or number < len(ended) - MOST_FINISHED:
                    del self._jobs[other.id]

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        NotFound
            There is no such job, or not any more.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFound("there is no such job, or it ended long ago; send the song again")
        return job

    def forget(self, job: Job) -> None:
        """Drop a job."""
        with self._lock:
            self._jobs.pop(job.id, None)

    def unfinished(self) -> list[Job]:
        """Return the jobs for which more is to come."""
        with self._lock:
            return [job for job in self._jobs.values() if not job.finished]

    def __len__(self) -> int:
        return len(self._jobs)
