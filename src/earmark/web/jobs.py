"""Songs under way and the answers of songs that are done."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earmark.errors import EarmarkError
from earmark.prediction import Prediction, Segment
from earmark.web.analysis import Analyzed
from earmark.web.errors import NotFound
from earmark.workers import Call

Outcome = Literal["done", "failed", "canceled"]
State = Outcome | Literal["queued", "running"]

MOST_FINISHED = 500
"""Finished jobs that are kept at most; the oldest go first."""


@dataclass(eq=False)
class Job:
    """One song on its way.

    Attributes
    ----------
    id
        Not to be guessed: whoever knows it may see and cancel the job.
    name
        What the sender calls the file.
    file
        Where it lies, and whether it is an upload, to be deleted.
    picture
        Whether waveform and timeline are wanted beside the answer.
    answered
        Set when there is an answer or an error: the picture may still be missing.
    finished
        Set when nothing more will come.
    artist, title
        As the file's own tags have them.
    heard
        What hearing it gave, to vote again when the library has changed.
    revision
        Of the library that the answer is by: its location and how often it was changed.
    place
        The song's point on the map.
    taught
        The genre is the one that somebody gave this very recording by hand.
    voted
        Then: what the vote says without it.
    outcome
        How it ended; None as long as it did not.
    call
        What a worker process has to do for it, or did: first the answer, then the picture.
    canceled
        It was called off.
    """

    name: str
    file: Path
    upload: bool
    picture: bool
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    outcome: Outcome | None = None
    created: float = field(default_factory=time.time)
    ended: float | None = None
    prediction: Prediction | None = None
    heard: Analyzed | None = None
    revision: tuple[str, int] | None = None
    taught: bool = False
    voted: Prediction | None = None
    artist: str | None = None
    title: str | None = None
    place: tuple[float, float] | None = None
    peaks: NDArray[np.floating] | None = None
    timeline: tuple[Segment, ...] | None = None
    error: EarmarkError | None = None
    call: Call[Any] | None = None
    canceled: bool = False
    answered: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> State:
        """Where it stands: it runs from when a worker takes it."""
        if self.outcome is not None:
            return self.outcome
        taken = self.call is not None and self.call.started is not None
        return "running" if taken or self.answered.is_set() else "queued"

    @property
    def ahead(self) -> int | None:
        """How many songs are before it in the queue; None when it does not wait."""
        return None if self.call is None or self.answered.is_set() else self.call.ahead

    @property
    def done(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.outcome == "done":
            return 1.0
        return 0.0 if self.call is None else self.call.progress


class Jobs:
    """The jobs of this server; finished ones are forgotten after ``lifetime`` seconds."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Keep a job, and forget old ones."""
        with self._lock:
            self._jobs[job.id] = job
            ended = [other for other in self._jobs.values() if other.ended is not None]
            ended.sort(key=lambda other: other.ended or 0.0)
            limit = time.time() - self._lifetime
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

    def __len__(self) -> int:
        return len(self._jobs)
