"""``earmark audit``: what is wrong with a library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earmark.cli.common import EXIT_CODES, EXIT_PARTLY, FileName, LibraryName, shown_lines
from earmark.cli.named import FileOrName
from earmark.words import json_text, plural, shown

if TYPE_CHECKING:
    from earmark.evaluation.auditing import Audit


@click.command(epilog=EXIT_CODES, short_help="Look for what is wrong with a library.")
@click.argument("library", type=LibraryName())
@click.option(
    "--artists",
    type=FileOrName(),
    metavar="FILE.csv",
    help="Columns track and artist (and duplicate_of), where the library has no artists. 'none': "
    "do not use what is known of GTZAN's.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Do not draw 20,000 tracks of a larger library.",
)
@click.option("--no-files", is_flag=True, help="Do not look at the files that were heard.")
@click.option("--json", "as_json", is_flag=True, help="Print every finding as JSON.")
@click.option(
    "--plan",
    type=FileName(),
    metavar="FILE.jsonl",
    help="Write what can be mended into a file; look through it before --apply.",
)
@click.option(
    "--apply",
    "apply_plan",
    type=FileName(),
    metavar="FILE.jsonl",
    help="Do what such a file says; 'earmark undo' takes it back.",
)
@click.option("--force", is_flag=True, help="Replace a plan that is there.")
def audit(
    library: str,
    artists: str | None,
    everything: bool,
    no_files: bool,
    as_json: bool,
    plan: Path | None,
    apply_plan: Path | None,
    force: bool,
) -> None:
    """Look for what is wrong with LIBRARY.

    Recordings that are there twice, artists under several genres, labels that the neighborhood
    disagrees with, hubs, genres too small to judge, and files that are gone or changed. LIBRARY is
    a file, or 'reference', 'gtzan' or 'classic'. Nothing is changed without --apply.

    A line of a plan relabels or removes a track. Delete the lines that are wrong, or change
    "relabel" into "keep" where the label is right: that is remembered.

    \b
    earmark audit my.earmark --plan mends.jsonl
    earmark audit my.earmark --apply mends.jsonl
    """  # noqa: D301 (click looks for the character itself)
    if plan is not None and apply_plan is not None:
        raise click.UsageError("--plan and --apply are two steps; look at the plan in between")
    if apply_plan is not None:
        _apply(library, apply_plan, as_json=as_json)
        return
    # Imported here, so that --help does not wait for NumPy and the database.
    from earmark.cli.stages import stages
    from earmark.evaluation.auditing import audit as audit_set
    from earmark.evaluation.evaluation_set import MOST_TRACKS, load_evaluation_set
    from earmark.evaluation.reporting.text import audit_text
    from earmark.library import open_library

    with open_library(library, read_only=True) as opened:
        data = load_evaluation_set(opened, artists, most=None if everything else MOST_TRACKS)
    with stages() as stage:
        found = audit_set(data, files=not no_files, progress=stage("files"))
    if plan is not None:
        _plan(library, found, plan, overwrite=force)
    if as_json:
        click.echo(json_text(found.to_json(), indent=1))
    else:
        click.echo(shown_lines(audit_text(found)), nl=False)


def _plan(name: str, found: Audit, plan: Path, *, overwrite: bool) -> None:
    from earmark.labelling.mends import mends_of, write_mends
    from earmark.library import open_library

    with open_library(name, read_only=True) as library:
        mends = mends_of(found, library)
    write_mends(plan, mends, overwrite=overwrite)
    count = len(mends)
    click.echo(
        f"{shown(str(plan))}: {count} {plural(count, 'mend')}; look through them, then "
        f"earmark audit {shown(name)} --apply {shown(str(plan))}",
        err=True,
    )


def _apply(name: str, plan: Path, *, as_json: bool) -> None:
    from earmark.cli.tracks import library_to_change, show_changes
    from earmark.labelling.mends import apply_mends, read_mends

    mends = read_mends(plan)
    with library_to_change(name) as library:
        changes, left = apply_mends(library, mends)
    for line in left:
        click.echo(f"left: {shown(line)}", err=True)
    show_changes(changes, as_json=as_json)
    if left:
        sys.exit(EXIT_PARTLY)
