"""``earmark watch``: files that come into a folder are classified, or tagged, as they come."""

from __future__ import annotations

import os
from pathlib import Path

import click

from earmark.cli.common import (
    EXIT_CODES,
    FileName,
    library_option,
    limit_options,
    limits_of,
    sound_options,
)
from earmark.cli.genre_rules import rule_options, rules_of


@click.command(epilog=EXIT_CODES, short_help="Classify or tag files as they come into a folder.")
@click.argument("folder", type=FileName(), metavar="FOLDER")
@library_option
@click.option("--write", is_flag=True, help="Write genres into the files, as earmark tag does.")
@rule_options
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Write what is at least that probable.",
)
@click.option("--existing", is_flag=True, help="Begin with the files that are there already.")
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait until a file did not change for so long.",
)
@click.option(
    "--poll",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Walk through the folder that often, for what no notice told.",
)
@click.option("--jobs", "-j", type=click.IntRange(min=1), metavar="N", help="Files at a time.")
@limit_options
@sound_options
def watch(
    folder: Path,
    library_name: str | None,
    write: bool,
    mode: str | None,
    min_confidence: float | None,
    genre_map: Path | None,
    existing: bool,
    settle: float,
    poll: float,
    jobs: int | None,
    time_limit: float,
    memory_limit: int,
    films: bool,
    max_duration: float,
) -> None:
    """Classify new and changed files of FOLDER as they come, one line a file; end with Ctrl-C.

    With --write they are tagged, and `earmark tag --undo` takes that back. What was dealt with is
    remembered when it is started again.

    \b
    earmark watch ~/Music --write
    """  # noqa: D301 (click looks for the character itself)
    if not write and (mode or min_confidence is not None or genre_map is not None):
        raise click.UsageError(
            "--replace, --add, --min-confidence and --map are about what is written; add --write"
        )
    from earmark.cli import watch_tasks
    from earmark.errors import CollectionError

    whole = os.path.abspath(folder)  # noqa: PTH100 (a link stays one)
    if not os.path.isdir(whole):  # noqa: PTH112
        raise CollectionError(f"{folder}: is no folder; name one that is there")
    rules = rules_of(mode, min_confidence, genre_map)
    watch_tasks.watch(
        watch_tasks.Asked(
            folder=whole,
            library_name=library_name,
            rules=rules if write else None,
            existing=existing,
            settle=settle,
            poll=poll,
            jobs=jobs,
            films=films,
            max_duration=max_duration * 3600,
        ),
        limits_of(time_limit, memory_limit),
    )
