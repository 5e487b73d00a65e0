"""``earmark mcp``: answers for agents, over standard input and output."""

from __future__ import annotations

import click

from earmark.cli.common import EXIT_CODES, library_option
from earmark.errors import ServerError


@click.command(epilog=EXIT_CODES, short_help="Answer agents by the Model Context Protocol.")
@library_option
def mcp(library_name: str | None) -> None:
    """Answer an agent by the Model Context Protocol, over standard input and output.

    An agent starts this command itself; docs/agents.md says how to set that up. Its tools classify
    songs, list similar ones, make paths and playlists, audit the library, and propose genres. None
    changes a file or a library.

    \b
    earmark mcp --library my.earmark
    """  # noqa: D301 (click looks for the character itself)
    try:
        from earmark.agents.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise ServerError(
            "the Model Context Protocol needs another package: pip install 'earmark[mcp]'"
        ) from error
    make_server(library_name).run("stdio")
