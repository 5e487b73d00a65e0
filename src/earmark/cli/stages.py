"""Progress of work that has several stages, on a terminal's standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from earmark.cli.common import console

Stage = Callable[[str], Callable[[int, int], None]]


@contextmanager
def stages() -> Iterator[Stage]:
    """Show a bar for each stage; nothing where standard error is no terminal.

    Yields a function that takes a stage's name and returns what is told of its progress: how much
    is done, of how much.
    """
    out = console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        # On a narrow screen the numbers are worth more.
        BarColumn(min(40, max(0, out.width - 44))),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )

    def stage(name: str) -> Callable[[int, int], None]:
        task = bars.add_task(name, total=None)

        def told(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return told

    with bars:
        yield stage
