"""``earmark build``: a library from one's own music."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earmark.cli.common import (
    EXIT_CODES,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    EXIT_TERMINATED,
    MEGABYTE,
    FileName,
    Terminated,
    limit_options,
    passed_over,
    sound_options,
)
from earmark.cli.progress import State, progress_of
from earmark.errors import CollectionError
from earmark.words import plural, shown

if TYPE_CHECKING:
    from earmark.collection import BuildReport

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
@click.option(
    "--genre-level",
    type=click.IntRange(1, 20),
    metavar="N",
    help="Which folder on the way to a file is its genre; 1 is the first below FOLDER.",
)
@limit_options
@sound_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as a JSON object.")
def build(
    folder: Path | None,
    manifest: Path | None,
    output: Path,
    extractor: str | None,
    jobs: int | None,
    prune: bool,
    genre_level: int | None,
    time_limit: float,
    memory_limit: int,
    films: bool,
    max_duration: float,
    as_json: bool,
) -> None:
    """Make a library of the music in FOLDER, where each sub-folder is a genre.

    A build that ends early goes on where it stopped when it is given again. Later it hears only
    what is new. Files that cannot be used are listed at the end.
    """
    # Imported here, so that --help does not wait for NumPy.
    from earmark import collection
    from earmark.workers import Limits

    if (folder is None) == (manifest is None):
        raise click.UsageError("give either a FOLDER or a --manifest")
    if manifest is not None and genre_level is not None:
        raise click.UsageError(
            "--genre-level is for a FOLDER; a --manifest names the genres itself"
        )
    limits = Limits(
        seconds=time_limit, processor_seconds=time_limit, memory=memory_limit * MEGABYTE
    )
    if folder is not None:
        music = collection.scan_folder(folder, genre_level=genre_level, films=films)
    else:
        assert manifest is not None
        music = collection.read_manifest(manifest)
    was_there = os.path.lexists(output)
    named = shown(str(output))
    if folder is not None and genre_level is None and not was_there:
        collection.check_folders_are_genres(music, limits=limits)
    with collection.open_for_build(output, extractor) as library:
        try:
            with progress_of("listening") as update:
                report = collection.build(
                    library,
                    music,
                    jobs=jobs,
                    limits=limits,
                    max_duration=max_duration * 3600,
                    prune=prune,
                    progress=lambda now: update(_state(now)),
                )
        except (KeyboardInterrupt, Terminated) as stop:
            kept = library.count()
            click.echo(
                f"\nearmark: interrupted; {named} keeps the {kept} {plural(kept, 'track')} it has. "
                "The same command goes on from there.",
                err=True,
            )
            sys.exit(EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED)
        tracks, genres = library.count(), library.genres()
        nameless = int((library.snapshot().artist_codes < 0).sum())
    _list_problems(report)
    if not tracks:
        if not was_there:
            output.unlink(missing_ok=True)
        raise CollectionError(f"{music.source}: no file of it could be used")
    what = f"{tracks} {plural(tracks, 'track')} of {len(genres)} {plural(len(genres), 'genre')}"
    if as_json:
        told = {**report.to_json(), "library": str(output), "tracks": tracks, "genres": genres}
        told["without_artist"] = nameless
        click.echo(json.dumps(told))
    else:
        click.echo(f"{named}: {what}; {_done(report)}")
    if nameless:
        click.echo(
            f"{nameless} {plural(nameless, 'track has', 'tracks have')} no known artist, so that "
            "evaluate cannot keep the songs of an artist together",
            err=True,
        )
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


def _state(report: BuildReport) -> State:
    """Return what of a report counts as progress; files that were unchanged took no time."""
    return State(
        done=report.finished,
        total=report.total,
        worked=report.finished - report.unchanged,
        work=report.total - report.unchanged,
        size_done=report.bytes_done,
        size=report.bytes_total,
        under_way=report.under_way,
    )


def _list_problems(report: BuildReport) -> None:
    """Say on stderr what is odd, worst last."""
    duplicates = [f"{left}: has the same sound as {kept}" for left, kept in report.duplicates]
    _list("duplicates, left out", duplicates)
    _list("used, but", [str(warning) for warning in report.warnings])
    if report.passed_over:
        click.echo(
            f"passed over, since they are not named like sound files: "
            f"{passed_over(report.passed_over)}; a --manifest takes them",
            err=True,
        )
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
