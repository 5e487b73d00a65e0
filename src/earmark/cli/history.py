"""``earmark history``: what was changed in a library by hand."""

from __future__ import annotations

import click

from earmark.cli.common import console, library_option
from earmark.cli.tracks import told
from earmark.words import json_text, shown


@click.command(short_help="List what was changed in a library by hand.")
@library_option
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def history(library_name: str | None, limit: int, as_json: bool) -> None:
    """List what was taught, relabelled and removed in a library, newest first.

    The number before a change is for 'earmark undo'.

    \b
    earmark history -n 10 -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    from earmark import corrections
    from earmark.library import open_default
    from earmark.schemas import named

    with open_default(library_name) as library:
        changes = library.history(limit)
    if as_json:
        body = {"corrections": [corrections.to_json(change) for change in changes]}
        click.echo(json_text(named("corrections", body), indent=1))
        return
    out = console()
    for change in changes:
        when = change.time.astimezone().strftime("%Y-%m-%d %H:%M")
        out.print(f"{change.id:>6}  {when}  {shown(told(change))}", markup=False)
    if not changes:
        out.print("nothing was changed by hand")
