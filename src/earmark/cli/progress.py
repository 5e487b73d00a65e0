"""Progress of work on many files: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from earmark.cli.common import console
from earmark.cli.time_left import TimeLeft
from earmark.words import shown

PLAIN_EVERY = 10.0
"""Seconds between lines of progress where no bar can be drawn."""

BAR_FROM, RATE_FROM = 76, 56
"""From how many columns on the progress has a bar, and how quickly it goes."""

NAME_AFTER = 5.0
"""Seconds without a finished file after which the one that is waited for is named."""


@dataclass(frozen=True)
class State:
    """How far work on files is.

    Attributes
    ----------
    done, total
        Files.
    worked, work
        Those of them that take time.
    size_done, size
        Bytes of these.
    under_way
        The files that are worked on now.
    """

    done: int
    total: int
    worked: int
    work: int
    size_done: int
    size: int
    under_way: Sequence[str] = ()


@contextmanager
def progress_of(
    what: str, *, bar_allowed: bool = True, ends_with_line: bool = True
) -> Iterator[Callable[[State], None]]:
    """Show progress while the block runs; yields what takes each new state.

    Parameters
    ----------
    what
        What is being done.
    bar_allowed
        A bar may be drawn: nothing else is printed on the terminal meanwhile.
    ends_with_line
        Where no bar is drawn, the last line is printed also when no other was.
    """
    screen = console(stderr=True)
    if not (screen.is_terminal and bar_allowed):
        yield _plain(ends_with_line=ends_with_line)
        return
    shown_columns = columns(screen.width, what)
    # Answers go to standard output meanwhile, which may be a file.
    with Progress(*shown_columns, console=screen, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=None, rate="", left="")
        tell = _Telling()

        def update(state: State) -> None:
            rate, left = tell.rate_and_left(state)
            waited = tell.waited_for(state)
            left = f"{left} {waited}" if waited else left
            bar.update(task, total=state.total, completed=state.done, rate=rate, left=left)

        yield update


def columns(width: int, what: str) -> list[ProgressColumn]:
    """Return what is shown of the progress on a screen of a width: numbers before the bar."""
    found: list[ProgressColumn] = [MofNCompleteColumn()]
    if width >= BAR_FROM:
        found = [TextColumn(what), BarColumn(min(40, width - BAR_FROM + 10)), *found]
    if width >= RATE_FROM:
        found += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn()]
    return [*found, TextColumn("{task.fields[left]}")]


def _plain(*, ends_with_line: bool) -> Callable[[State], None]:
    last = time.monotonic()
    tell = _Telling()

    def update(state: State) -> None:
        nonlocal last
        now = time.monotonic()
        rate, left = tell.rate_and_left(state)
        if now - last < PLAIN_EVERY and state.done < state.total:
            return
        if state.done >= state.total and (tell.ended or not ends_with_line):
            return
        last = now
        tell.ended = state.done >= state.total
        parts = [f"{state.done}/{state.total}", rate]
        if not tell.ended:
            parts += [left, tell.waited_for(state)]
        click.echo(" ".join(filter(None, parts)), err=True)

    return update


class _Telling:
    """What is said of the speed, the time left, and files that take long."""

    def __init__(self) -> None:
        self.ended = False
        self._began: float | None = None
        self._moved = (time.monotonic(), -1)
        self._left: TimeLeft | None = None

    def rate_and_left(self, state: State) -> tuple[str, str]:
        now = time.monotonic()
        if state.done != self._moved[1]:
            self._moved = (now, state.done)
        if self._left is None:
            self._left = TimeLeft(state.work, state.size)
        self._left.update(state.worked, state.size_done, now)
        if not state.worked:
            return "", ""
        if self._began is None:
            self._began = now
        seconds = now - self._began
        rate = f"{state.worked / seconds:.1f} files/s" if seconds >= 2 else ""
        left = self._left.phrase(now) if state.done < state.total else ""
        return rate, left

    def waited_for(self, state: State) -> str:
        """Name a file that keeps everybody waiting."""
        if time.monotonic() - self._moved[0] < NAME_AFTER or not state.under_way:
            return ""
        first, *more = (PurePath(path).name for path in state.under_way)
        others = f" and {len(more)} more" if more else ""
        return f"at {shown(first, 60)}{others}"


def steps(update: Callable[[State], None]) -> Callable[[int, int], None]:
    """Return what takes how many steps are done, and of how many, where all take as long."""
    return lambda done, total: update(State(done, total, done, total, done, total))
