"""``earmark undo``: changes of a library taken back."""

from __future__ import annotations

import click

from earmark.cli.tracks import changed_library_option, library_to_change, show_changes
from earmark.errors import LibraryError


@click.command(short_help="Take back what was changed in a library.")
@click.argument("changes", nargs=-1, type=click.IntRange(min=1), metavar="[CHANGE...]")
@changed_library_option
@click.option("--json", "as_json", is_flag=True, help="Print what was undone as a JSON object.")
def undo(changes: tuple[int, ...], library_name: str | None, as_json: bool) -> None:
    """Take back the last change of a library, whole, or each CHANGE by its number.

    What one command or click changed is one change; given again, the one before it is taken back.
    'earmark history' lists them with their numbers.

    \b
    earmark undo
    earmark undo 12 13 -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    from earmark import corrections

    with library_to_change(library_name) as library:
        wanted = [library.change(number) for number in changes] or corrections.last_step(library)
        if not wanted:
            raise LibraryError(
                f"{library.location}: nothing was changed by hand, so there is nothing to undo"
            )
        undone = corrections.undo_all(library, wanted)
    show_changes(undone, as_json=as_json)
