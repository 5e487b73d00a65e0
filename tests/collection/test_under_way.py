"""Calls for files are handed to an executor a few at a time."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

import pytest

from earmark.collection.under_way import Done, UnderWay


class Held(Executor):
    """Keeps what it is given until it is told to end one."""

    def __init__(self) -> None:
        self.futures: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.futures.append((future, function(*arguments, **options)))
        return future

    def end_one(self) -> None:
        future, value = self.futures.pop(0)
        future.set_result(value)


@pytest.mark.parametrize("room", [1, 3, 6])
def test_an_executor_never_has_more_than_there_is_room_for(room: int) -> None:
    executor = Held()
    calls = UnderWay(executor, lambda: room)
    for number in range(20):
        assert calls.has_room == (number < room)
        calls.submit(f"{number}.wav", str, number)
    ended: list[Done] = []
    assert calls.results(0.0) == []
    while not calls.idle:
        waiting = 20 - len(ended) - len(executor.futures)
        assert len(executor.futures) == min(room, 20 - len(ended))
        assert calls.has_room == (waiting + len(executor.futures) < room)
        executor.end_one()
        ended += calls.results()  # type: ignore[arg-type]
        calls.results(0.0)
    assert ended == [Done(f"{number}.wav", str(number)) for number in range(20)]


def test_what_has_not_begun_can_be_called_off() -> None:
    executor = Held()
    calls = UnderWay(executor, lambda: 2)
    for number in range(5):
        calls.submit(f"{number}.wav", str, number)
    calls.results(0.0)
    calls.cancel()
    assert calls.idle
    assert [future.cancelled() for future, _ in executor.futures] == [True, True]
