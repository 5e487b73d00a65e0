"""``earmark tag``: genres proposed for files, written when asked, and taken back."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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
from earmark.cli.named import FileOrName
from earmark.tagging.names import SIGNS
from earmark.tagging.profiles import PROFILES, Profile

if TYPE_CHECKING:
    from earmark.tagging.propose import Rules

PROPOSING = (
    *("library_name", "plan", "write", "mode", "min_confidence", "by", "genre_map", "evidence"),
    *("match", "exclude", "extensions", "genre_now", "no_cache", "films", "max_duration"),
)
"""Options that say what is proposed."""

WRITING = ("id3v23", "keep_mtime")
"""Options that say how it is written."""


@click.command(epilog=EXIT_CODES, short_help="Put genres into files, by a plan, with undo.")
@click.argument("paths", type=FileOrName(), nargs=-1, metavar="[PATH]...")
@library_option
@click.option("--plan", type=FileName(), metavar="FILE", help="Write what is proposed to a plan.")
@click.option("--apply", "applied", type=FileName(), metavar="PLAN", help="Write a plan's genres.")
@click.option("--write", is_flag=True, help="Write at once what is proposed.")
@click.option(
    "--undo",
    is_flag=False,
    flag_value="last",
    metavar="[JOURNAL]",
    help="Take back the last change, or a JOURNAL.",
)
@click.option("--history", is_flag=True, help="List what was written, the newest first.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="OLD=NEW",
    help="What the plan has in OLD is here in NEW.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Propose what is at least that probable.",
)
@rule_options
@click.option(
    "--by",
    type=click.Choice(["track", "album"]),
    metavar="album",
    default="track",
    help="Let all songs of an album vote together.",
)
@click.option("--evidence", is_flag=True, help="Write EARMARK_GENRE and the like beside it.")
@click.option("--match", multiple=True, metavar="PATTERN", help="Only such names or paths.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="No such names or paths.")
@click.option("--extension", "extensions", multiple=True, metavar="EXT", help="Only such endings.")
@click.option(
    "--genre-now",
    multiple=True,
    metavar="PATTERN",
    help="Only files of such a genre; '' is none.",
)
@click.option(
    "--id3v23",
    type=click.Choice(SIGNS),
    metavar="SIGN",
    help="Joins genres in ID3v2.3; '/' by default.",
)
@click.option(
    "--for",
    "player",
    type=click.Choice(list(PROFILES)),
    metavar="NAME",
    help="As navidrome, plex and others understand it.",
)
@click.option("--keep-mtime", is_flag=True, help="Leave the time of the last change as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and file.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), metavar="N", help="Files at a time.")
@click.option("--no-cache", is_flag=True, help="Hear songs again that were heard before.")
@limit_options
@sound_options
@click.pass_context
def tag(
    context: click.Context,
    paths: tuple[str, ...],
    library_name: str | None,
    plan: Path | None,
    applied: Path | None,
    write: bool,
    undo: str | None,
    history: bool,
    roots: tuple[str, ...],
    min_confidence: float | None,
    mode: str | None,
    by: str,
    genre_map: Path | None,
    evidence: bool,
    match: tuple[str, ...],
    exclude: tuple[str, ...],
    extensions: tuple[str, ...],
    genre_now: tuple[str, ...],
    id3v23: str | None,
    player: str | None,
    keep_mtime: bool,
    as_json: bool,
    jobs: int | None,
    no_cache: bool,
    time_limit: float,
    memory_limit: int,
    films: bool,
    max_duration: float,
) -> None:
    """Propose genres for the files of each PATH, write them, take them back.

    Without --write or --apply no file changes. Proposed is what the library is sure of, for files
    without a genre. --undo gives back every byte.

    \b
    earmark tag ~/Music --plan plan.jsonl
    earmark tag --apply plan.jsonl
    earmark tag --undo
    """  # noqa: D301 (click looks for the character itself)
    tasks = [applied is not None, undo is not None, history]
    if sum(tasks) > 1 or ((undo is not None or history) and (paths or write or plan)):
        raise click.UsageError("--apply, --undo and --history are separate tasks; ask for one")
    if not any(tasks) and not paths:
        raise click.UsageError("name files or folders, or ask for --apply, --undo or --history")
    _refuse(context, PROPOSING if any(tasks) else (), "what is proposed, so it needs PATHs alone")
    _refuse(context, ("roots",) if not any(tasks) else (), "a plan or a journal")
    _refuse(context, (*WRITING, "player") if undo or history else (), "how genres are written")
    if not (write or applied):
        _refuse(context, WRITING, "how genres are written; it goes with --write or --apply")

    from earmark.cli import tag_tasks
    from earmark.cli.tag_shown import JsonShown, TextShown
    from earmark.tagging.apply import Options
    from earmark.tagging.genres import DEFAULT_SIGN
    from earmark.tagging.selection import Selection

    profile = PROFILES[player] if player else None
    show = JsonShown() if as_json else TextShown()
    sign = id3v23 or (profile.sign if profile else DEFAULT_SIGN)
    options = Options(
        sign=sign, keep_mtime=keep_mtime, roots=[_root(text) for text in roots], inside=()
    )
    limits = limits_of(time_limit, memory_limit)
    if history:
        code = tag_tasks.history(show)
    elif undo is not None:
        code = tag_tasks.undo(undo, options.roots, show)
    elif applied is not None:
        code = tag_tasks.apply_plan(applied, paths, options, limits, show)
    else:
        code = tag_tasks.propose(
            tag_tasks.Asked(
                paths=paths,
                selection=Selection(match=match, exclude=exclude, extensions=extensions),
                rules=_rules(mode, min_confidence, by, genre_map, genre_now, profile),
                profile=profile,
                library_name=library_name,
                evidence=evidence,
                plan=plan,
                films=films,
                max_duration=max_duration * 3600,
                cached=not no_cache,
                jobs=jobs,
            ),
            options if write else None,
            limits,
            show,
        )
    sys.exit(code)


def _refuse(context: click.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that would say nothing here."""
    default = click.core.ParameterSource.DEFAULT
    for parameter in context.command.params:
        if parameter.name in names and context.get_parameter_source(parameter.name) != default:
            raise click.UsageError(f"{parameter.opts[0]} is about {why}")


def _root(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise click.UsageError(f"--root {text}: has the form OLD=NEW, such as /mnt/music=/music")
    return old, os.path.abspath(new)  # noqa: PTH100 (a link stays one)


def _rules(
    mode: str | None,
    min_confidence: float | None,
    by: str,
    genre_map: Path | None,
    genre_now: Sequence[str],
    profile: Profile | None,
) -> Rules:
    if genre_now and mode is None and any(genre_now):
        raise click.UsageError(
            "--genre-now asks for files that have a genre, and those are left alone; "
            "add --replace or --add"
        )
    return replace(
        rules_of(mode, min_confidence, genre_map),
        by_album=by == "album",
        genre_now=genre_now,
        most=profile.most if profile else None,
    )
