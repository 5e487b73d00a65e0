"""What comes back at a job, and which jobs a server remembers."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import Canceled, EarmarkError, WorkerDied
from earmark.web.errors import NotFound
from earmark.web.songs.answers import Answer, Timeline
from earmark.web.songs.jobs import Job, Jobs

pytestmark = pytest.mark.slow


def job(ended: float | None) -> Job:
    return Job("song.wav", Path("song.wav"), upload=True, ended=ended)


def answer_of(revision: int) -> Answer:
    said = object.__new__(Answer)
    object.__setattr__(said, "revision", ("small", revision))
    return said


def test_a_job_tells_how_far_it_is_by_what_came_back() -> None:
    plain, drawn = job(None), job(None)
    drawn.timeline = Future()
    assert [plain.state, plain.answer, plain.error, plain.finished] == ["queued", None, None, False]
    first, second = answer_of(1), answer_of(2)
    for one in (plain, drawn):
        one.answered.set_result(first)
        assert one.answer is first
        one.renew(second)
        assert (one.answer, one.answered.result()) == (second, first)
    assert (plain.state, plain.done, drawn.state) == ("done", 1.0, "running")
    timeline = Timeline(np.zeros(3), ())
    drawn.timeline.set_result(timeline)
    assert (drawn.drawn, drawn.state, plain.drawn) == (timeline, "done", None)


@pytest.mark.parametrize(
    ("error", "state"),
    [(Canceled("called off", "song.wav"), "canceled"), (WorkerDied("it died", "x"), "failed")],
)
def test_an_error_ends_what_is_still_to_come_and_nothing_else(
    error: EarmarkError, state: str
) -> None:
    early, late = job(None), job(None)
    early.timeline, late.timeline = Future(), Future()
    late.answered.set_result(answer_of(1))
    for one in (early, late):
        one.fail(error)
        one.fail(WorkerDied("too late", "x"))
        assert (one.state, one.error, one.drawn) == (state, error, None)
        with pytest.raises(type(error)):
            one.timeline.result()
    assert early.answer is None
    assert late.answer is not None


def remembered(jobs: Jobs, made: list[Job]) -> list[Job]:
    found = []
    for one in made:
        try:
            found.append(jobs.get(one.id))
        except NotFound:
            continue
    return found


def test_five_hundred_finished_jobs_are_kept_and_the_oldest_go_first() -> None:
    jobs, now = Jobs(lifetime=3600.0), time.time()
    running = [job(None) for _ in range(600)]
    # They do not end in the order in which they came.
    finished = [job(now - (7 * n) % 620) for n in range(620)]
    for one in [*running, *finished]:
        jobs.add(one)
    latest = sorted(finished, key=lambda one: one.ended or 0.0)[-500:]
    jobs.add(job(None))
    assert {one.id for one in remembered(jobs, finished)} <= {one.id for one in latest}
    assert len(remembered(jobs, finished)) > 400
    assert remembered(jobs, running) == running
    assert len(jobs) <= 600 + 500 + 1


def test_just_the_five_hundred_that_ended_last_are_left() -> None:
    jobs, now = Jobs(lifetime=3600.0), time.time()
    finished = [job(now - 1000 + n) for n in range(505)]
    for number, one in enumerate(finished):
        jobs.add(one)
        assert len(jobs) == min(number + 1, 500)
    assert remembered(jobs, finished) == finished[5:]


def test_what_ended_longer_ago_than_a_lifetime_is_forgotten() -> None:
    jobs, now = Jobs(lifetime=60.0), time.time()
    old, young, running = job(now - 61), job(now - 30), job(None)
    running.created = now - 1e6
    for one in (old, young, running):
        jobs.add(one)
    assert remembered(jobs, [old, young, running]) == [young, running]
    with pytest.raises(NotFound, match="send the song again"):
        jobs.get(old.id)
    jobs.forget(young)
    assert remembered(jobs, [young, running]) == [running]
