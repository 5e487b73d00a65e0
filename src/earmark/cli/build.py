"""``earmark build``: a library from one's own music."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from earmark.cli.common import (
    EXIT_CODES,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    EXIT_TERMINATED,
    FileName,
    Terminated,
    console,
)
from earmark.errors import CollectionError
from earmark.words import clock, plural, shown

if TYPE_CHECKING:
    from earmark.collection import BuildReport

PLAIN_EVERY = 10.0
"""Seconds between lines of progress where no bar can be drawn."""

BAR_FROM, RATE_FROM = 76, 56
"""From how many columns on the progress has a bar, and how quickly it goes."""

SHOWN = 20
"""How many files of a kind are listed before the rest is only counted."""


@click.command(epilog=EXIT_CODES, short_help="Make a library of a folder of music.")
@click.argument("folder", required=False, type=FileName(), metavar="[FOLDER]")
@click.option(
    "--manifest",
    type=FileName(),
    metavar="FILE.csv",
    help="Instead of FOLDER: a list with columns path, genre and optionally artist, title.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=FileName(),
    metavar="FILE",
    help="The library to make, or to go on with.",
)
@click.option(
    "--extractor",
    "--features",
    "extractor",
    metavar="NAME",
    help="What hears the music: a name that 'earmark extractors' lists, a model folder, "
    "hear:MODULE#WEIGHTS or hf:OWNER/NAME@REVISION. A library keeps its own.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many files to work on at a time; by default one a core.",
)
@click.option("--prune", is_flag=True, help="Take out tracks whose files are no longer there.")
def build(
    folder: Path | None,
    manifest: Path | None,
    output: Path,
    extractor: str | None,
    jobs: int | None,
    prune: bool,
) -> None:
    """Make a library of the music in FOLDER, where each sub-folder is a genre.

    A build that ends early goes on where it stopped when it is given again. Later it hears only
    what is new. Files that cannot be used are listed at the end.
    """
    # Imported here, so that --help does not wait for NumPy.
    from earmark import collection

    if (folder is None) == (manifest is None):
        raise click.UsageError("give either a FOLDER or a --manifest")
    if folder is not None:
        music = collection.scan_folder(folder)
    else:
        assert manifest is not None
        music = collection.read_manifest(manifest)
    was_there = os.path.lexists(output)
    named = shown(str(output))
    with collection.open_for_build(output, extractor) as library:
        try:
            with _progress(len(music.pieces)) as progress:
                report = collection.build(library, music, jobs=jobs, prune=prune, progress=progress)
        except (KeyboardInterrupt, Terminated) as stop:
            kept = library.count()
            click.echo(
                f"\nearmark: interrupted; {named} keeps the {kept} {plural(kept, 'track')} it has. "
                "The same command goes on from there.",
                err=True,
            )
            sys.exit(EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED)
        tracks, genres = library.count(), library.genres()
    _list_problems(report)
    if not tracks:
        if not was_there:
            output.unlink(missing_ok=True)
        raise CollectionError(f"{music.source}: no file of it could be used")
    what = f"{tracks} {plural(tracks, 'track')} of {len(genres)} {plural(len(genres), 'genre')}"
    click.echo(f"{named}: {what}; {_done(report)}")
    if report.problems:
        sys.exit(EXIT_PARTLY)


def _done(report: BuildReport) -> str:
    counts = [
        (report.heard, "heard"),
        (report.recognized, "recognized"),
        (report.relabeled, "relabeled"),
        (report.unchanged, "unchanged"),
        (len(report.duplicates), plural(len(report.duplicates), "duplicate")),
        (report.pruned, "pruned"),
        (report.missing, "no longer there (--prune takes them out)"),
        (len(report.problems), "skipped"),
    ]
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing to do"


def _list_problems(report: BuildReport) -> None:
    """Say on stderr what is odd, worst last."""
    duplicates = [f"{left}: has the same sound as {kept}" for left, kept in report.duplicates]
    _list("duplicates, left out", duplicates)
    _list("used, but", [str(warning) for warning in report.warnings])
    # Every file that was skipped is named, however many.
    _list("skipped", [str(problem) for problem in report.problems], limit=None)


def _list(title: str, lines: list[str], limit: int | None = SHOWN) -> None:
    if not lines:
        return
    click.echo(f"{title}:", err=True)
    for line in lines[:limit]:
        click.echo(f"  {shown(line)}", err=True)
    if limit is not None and len(lines) > limit:
        click.echo(f"  and {len(lines) - limit} more", err=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[BuildReport], None]]:
    """Draw a bar on a terminal; elsewhere print a line now and then."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _plain()
        return
    with Progress(*_columns(screen.width), console=screen, transient=True) as bar:
        task = bar.add_task("listening", total=total, rate="")
        began = time.monotonic()

        def update(report: BuildReport) -> None:
            rate = _rate(report, began)
            bar.update(task, completed=report.finished, rate=rate)

        yield update


def _columns(width: int) -> list[ProgressColumn]:
    """Return what is shown of the progress on a screen of a width: numbers before the bar."""
    columns: list[ProgressColumn] = [MofNCompleteColumn()]
    if width >= BAR_FROM:
        columns = [TextColumn("listening"), BarColumn(min(40, width - BAR_FROM + 10)), *columns]
    if width >= RATE_FROM:
        columns += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn()]
    return [*columns, TextColumn("left"), TimeRemainingColumn()]


def _plain() -> Callable[[BuildReport], None]:
    began = last = time.monotonic()

    def update(report: BuildReport) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PLAIN_EVERY and report.finished < report.total:
            return
        last = now
        work = report.finished - report.unchanged
        line = f"{report.finished}/{report.total} {_rate(report, began)}".rstrip()
        if work and report.finished < report.total:
            left = (now - began) / work * (report.total - report.finished)
            line += f", about {clock(left)} left"
        click.echo(line, err=True)

    return update


def _rate(report: BuildReport, began: float) -> str:
    """Return how quickly files are heard; those that were unchanged took no time."""
    work = report.finished - report.unchanged
    elapsed = time.monotonic() - began
    return f"{work / elapsed:.1f} files/s" if work and elapsed > 0 else ""
