"""``earmark completion``: lets a shell complete commands, options, files, libraries and genres."""

from __future__ import annotations

import os
import re

import click
from click import shell_completion
from click.shell_completion import BashComplete, CompletionItem

VARIABLE = "_EARMARK_COMPLETE"
"""Set by the scripts where the shell asks; click answers then, and no command runs."""

_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")


class QuotedBash(BashComplete):
    """bash puts down a word as it is told; so what is special in it has a backslash here.

    Each backslash is told twice, since the script's ``read`` takes one away.
    """

    def format_completion(self, item: CompletionItem) -> str:
        """Return one answer for the script."""
        words = os.environ.get("COMP_WORDS", "").split("\n")
        number = int(os.environ.get("COMP_CWORD", "0"))
        begun = words[number] if number < len(words) else ""
        # Where its user began with a quote, bash ends it.
        is_quoted = begun.startswith(('"', "'"))
        value = str(item.value)
        if item.type == "plain":
            value = value if is_quoted else _SPECIAL.sub(r"\\\1", value)
            value = value.replace("\\", "\\\\")
        return f"{item.type},{value}"


shell_completion.add_completion_class(QuotedBash)

HOW = {
    "bash": 'eval "$(earmark completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(earmark completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "earmark completion fish > ~/.config/fish/completions/earmark.fish",
}


@click.command(short_help="Let your shell complete commands, files and genres.")
@click.argument("shell", type=click.Choice(list(HOW)))
def completion(shell: str) -> None:
    """Print a script with which a shell completes what you type after earmark.

    It completes commands, options, files, libraries, and the genres of the library.

    \b
    eval "$(earmark completion bash)"      # bash: in ~/.bashrc
    eval "$(earmark completion zsh)"       # zsh: in ~/.zshrc, after compinit
    earmark completion fish > ~/.config/fish/completions/earmark.fish
    """  # noqa: D301 (click looks for the character itself)
    from earmark.cli import earmark

    kind = shell_completion.get_completion_class(shell)
    assert kind is not None
    click.echo(kind(earmark, {}, "earmark", VARIABLE).source())
