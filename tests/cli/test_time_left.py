"""The time left is said when it can be known, and is then right."""

from __future__ import annotations

import pytest

from earmark.cli.time_left import TimeLeft

MB = 2**20


def estimates(sizes: list[int], speed: float, start: float) -> list[tuple[float, float | None]]:
    """Return the true and the estimated time left after each file."""
    left = TimeLeft(len(sizes), sum(sizes))
    now, done = start, 0
    whole = start + sum(sizes) / speed
    left.update(0, 0, 0.0)
    found = []
    for number, size in enumerate(sizes, 1):
        now += size / speed
        done += size
        left.update(number, done, now)
        found.append((whole - now, left.seconds(now)))
    return found


def test_nothing_is_said_of_what_nobody_can_know() -> None:
    left = TimeLeft(100, 100 * MB)
    assert left.seconds(1000.0) is None
    left.update(0, 0, 0.0)
    left.update(1, MB, 300.0)
    assert left.phrase(301.0) == ""


def test_the_start_of_workers_does_not_count() -> None:
    for true, told in estimates([5 * MB] * 200, 5 * MB, start=60.0):
        assert told is None or told == pytest.approx(true, rel=0.05, abs=1)


def test_sizes_count() -> None:
    sizes = [3 * MB] * 100 + [60 * MB] * 100
    found = estimates(sizes, 20 * MB, start=1.0)
    told = [(true, told) for true, told in found if told is not None]
    assert len(told) > 100
    for true, estimate in told:
        assert true / 2 - 5 < estimate < 2 * true + 5


@pytest.mark.parametrize(
    ("seconds_each", "expected"),
    [(1.2, "about 6 min left"), (120.0, "about 9:40 h left"), (8.0, "about 39 min left")],
)
def test_in_words(seconds_each: float, expected: str) -> None:
    left = TimeLeft(300, 0)
    for number in range(1, 11):
        left.update(number, 0, number * seconds_each)
    assert left.phrase(10 * seconds_each) == expected
