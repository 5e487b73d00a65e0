"""How ``earmark tag`` shows what it proposes and does: tables, or JSON."""

from __future__ import annotations

import datetime
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import click
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from earmark.cli.common import console, padded
from earmark.tagging.apply import Outcome
from earmark.tagging.history import Story
from earmark.tagging.plan import Proposal
from earmark.tagging.propose import Left, Reason
from earmark.words import json_text, percent, plural, shown

WIDEST_PATH, WIDEST_GENRES = 46, 18
"""Columns of a table."""

REASONS: dict[Reason, str] = {
    "failed": "cannot be used",
    "same-file": "are other names of the same files",
    "has-genre": "have a genre; see --replace and --add",
    "other-genre": "have none of the genres that were asked for",
    "not-sure": "are not sure enough; see --min-confidence",
    "left-out": "are of genres that the map leaves out",
    "same-genre": "have this genre already",
}
"""What is said of files that nothing is proposed for."""


class Shown(Protocol):
    """Shows what happens, in this order."""

    def begin(self, paths: Sequence[str]) -> None:
        """Take up the files that it is about."""

    def found(self, found: Proposal | Left) -> None:
        """Show a proposal, or a file without one."""

    def proposed(self, plan: Path | None, *, writing: bool) -> None:
        """Sum up the proposals."""

    def outcome(self, outcome: Outcome, journal: str) -> None:
        """Show what became of a file."""

    def written(self, n_done: int, n_left: int, journal: str) -> None:
        """Sum up what was written."""

    def undone(self, n_done: int, n_left: int, journal: str) -> None:
        """Sum up what was taken back."""

    def history(self, stories: Iterable[Story]) -> None:
        """List journals."""


class JsonShown:
    """Prints one object a line, and nothing else."""

    def begin(self, paths: Sequence[str]) -> None:
        """Print nothing."""

    def found(self, found: Proposal | Left) -> None:
        """Print a proposal, or a file without one."""
        self._print(found.to_json())

    def proposed(self, plan: Path | None, *, writing: bool) -> None:
        """Print nothing."""

    def outcome(self, outcome: Outcome, journal: str) -> None:
        """Print what became of a file."""
        self._print({**outcome.to_json(), "journal": journal})

    def written(self, n_done: int, n_left: int, journal: str) -> None:
        """Print nothing."""

    def undone(self, n_done: int, n_left: int, journal: str) -> None:
        """Print nothing."""

    def history(self, stories: Iterable[Story]) -> None:
        """Print journals."""
        for story in stories:
            self._print(story.to_json())

    @staticmethod
    def _print(found: dict[str, Any]) -> None:
        click.echo(json_text(found))


class TextShown:
    """Prints tables for a person."""

    def __init__(self) -> None:
        self._out = console()
        self._folder = ""
        self._widths = (0, 0)
        self._has_heading = False
        self._genres: Counter[str] = Counter()
        self._left: Counter[Reason] = Counter()
        self._n_proposed = 0
        self._n_joined = 0

    def begin(self, paths: Sequence[str]) -> None:
        """Learn what the files have in common, and how long their names are."""
        if paths:
            self._folder = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
        longest = max((cell_len(self._name(path)) for path in paths), default=0)
        self._widths = (min(WIDEST_PATH, max(longest, 4)) + 2, WIDEST_GENRES)

    def found(self, found: Proposal | Left) -> None:
        """Print a row, or what is wrong with the file; count those that need no genre."""
        if isinstance(found, Proposal):
            self._n_proposed += 1
            self._genres.update(found.genres)
            genres = _listed(found.genres)
            self._row(found.path, found.seen, genres, found.probability, found.why)
            return
        self._left[found.reason] += 1
        if found.reason == "failed":
            _complain(found.path, found.why)
        elif found.reason == "not-sure" and found.probability is not None:
            heard = f"({found.genre})"
            self._row(found.path, found.seen, heard, found.probability, found.why, style="dim")

    def proposed(self, plan: Path | None, *, writing: bool) -> None:
        """Print totals and how to go on."""
        n = self._n_proposed
        self._out.print()
        self._out.print(Text(f"proposed for {n} {plural(n, 'file')}"))
        for genre, count in self._genres.most_common():
            self._out.print(Text(f"  {count:6}  {shown(genre)}"))
        if self._left:
            self._out.print("left as they are")
            for reason, count in self._left.most_common():
                self._out.print(Text(f"  {count:6}  {REASONS[reason]}"))
        if writing:
            self._out.print()
            return
        if not n:
            self._out.print("nothing is written, and there is nothing to write")
        elif plan is not None:
            name = shown(str(plan))
            self._out.print(
                Text(f"nothing is written yet; look at {name}, then: earmark tag --apply {name}")
            )
        else:
            self._out.print("nothing is written; add --plan FILE or --write")

    def outcome(self, outcome: Outcome, journal: str) -> None:
        """Print what became of a file."""
        if not outcome.done:
            _complain(outcome.path, outcome.why)
            return
        self._n_joined += outcome.joined
        line = padded(self._fitted(outcome.path), self._widths[0])
        self._out.print(Text(f"{line}{_listed(outcome.before)} → {_listed(outcome.after)}"))

    def written(self, n_done: int, n_left: int, journal: str) -> None:
        """Print how many, and how to take it back."""
        self._out.print(Text(f"wrote genres into {n_done} {plural(n_done, 'file')}{_and(n_left)}"))
        if self._n_joined:
            self._out.print(
                Text(
                    f"{self._n_joined} of them hold several genres as one text, since ID3v2.3 has "
                    "no lists; --id3v23 chooses the sign between them"
                )
            )
        if n_done:
            self._out.print(Text(f"take it back with: earmark tag --undo {shown(journal)}"))

    def undone(self, n_done: int, n_left: int, journal: str) -> None:
        """Print how many."""
        self._out.print(
            Text(f"{n_done} {plural(n_done, 'file')} as before again{_and(n_left)}: {journal}")
        )

    def history(self, stories: Iterable[Story]) -> None:
        """Print a table of journals."""
        n = 0
        for n, story in enumerate(stories, 1):
            if n == 1:
                self._out.print(
                    Text(f"{'journal':36}{'when':22}  files  can be undone", style="bold")
                )
            when = datetime.datetime.fromisoformat(story.made).astimezone()
            count = len(story.entries) - len(story.failed)
            line = f"{shown(story.folder.name):36}{when:%Y-%m-%d %H:%M:%S}   {count:6}"
            self._out.print(Text(f"{line}  {len(story.left):13}"))
        if not n:
            self._out.print("nothing was written yet")

    def _row(
        self,
        path: str,
        seen: Sequence[str],
        genres: str,
        probability: float,
        why: str,
        style: str = "",
    ) -> None:
        first, other = self._widths
        if not self._has_heading:
            self._has_heading = True
            heading = f"{'file':{first}}{'genre now':{other}}{'proposed':{other}}sure  why"
            self._out.print(Text(heading, style="bold"))
        cells = [
            padded(self._fitted(path), first),
            padded(_cut(_listed(seen), other - 2), other),
            padded(_cut(shown(genres), other - 2), other),
            f"{percent(probability, 0):>4}  {shown(why)}",
        ]
        self._out.print(Text("".join(cells), style=style))

    def _name(self, path: str) -> str:
        return shown(path[len(self._folder) :].lstrip("/") if self._folder else path)

    def _fitted(self, path: str) -> str:
        """Return a path as it fits: its end says most."""
        name = self._name(path)
        most = self._widths[0] - 2
        while cell_len(name) > most:
            name = "…" + name[2 if name.startswith("…") else 1 :]
        return name


def _listed(genres: Sequence[str]) -> str:
    return shown("; ".join(genres)) or "–"


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _and(n_left: int) -> str:
    return f", {n_left} left as {plural(n_left, 'it is', 'they are')}" if n_left else ""


def _complain(path: str, why: str) -> None:
    click.echo(f"earmark: {shown(path)}: {shown(why)}", err=True)
