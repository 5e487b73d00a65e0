"""How the answers of ``earmark classify`` are printed: for people, as lines, a table, JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from earmark.cli.common import console, padded, shown
from earmark.errors import AudioError
from earmark.schemas import schema
from earmark.words import clock, json_text, percent, tell_shares

if TYPE_CHECKING:
    from earmark.prediction import Prediction

BAR_WIDTH = 20
N_RUNNERS_UP = 2
N_NEIGHBORS_SHOWN = 8


class TextWriter:
    """Prints answers for a person to read, with all that is known of each."""

    def __init__(self) -> None:
        self.out = console()

    def __call__(self, answer: Prediction | AudioError) -> None:
        """Print one answer, and on standard error what is wrong."""
        if _complain(answer):
            self.show(cast("Prediction", answer))

    def show(self, prediction: Prediction) -> None:
        """Print a prediction."""
        show(self.out, prediction)


class BriefWriter(TextWriter):
    """Prints one line a song."""

    def show(self, prediction: Prediction) -> None:
        """Print a prediction."""
        from earmark.prediction import told_genres

        sure = percent(prediction.confidence, 0)
        if prediction.mixed:
            said = f"mixed: {tell_shares(prediction.shares)}"
        elif prediction.abstained:
            said = f"not sure, perhaps {prediction.genre} {sure}"
        else:
            said = f"{told_genres(prediction.genres)} {sure}"
        self.out.print(Text(f"{named(prediction.path)}: {shown(said)}"))


class JsonWriter:
    """Prints one JSON object a line."""

    def __call__(self, answer: Prediction | AudioError) -> None:
        """Print one answer."""
        if isinstance(answer, AudioError):
            told = {"schema": schema("failure"), "path": answer.path, "error": answer.problem}
            click.echo(json_text(told))
        else:
            click.echo(json_text(answer.to_json()))


class AcousticBrainzWriter:
    """Prints one JSON object a line, in the form of AcousticBrainz; errors apart."""

    def __call__(self, answer: Prediction | AudioError) -> None:
        """Print one answer."""
        if _complain(answer):
            click.echo(json_text(cast("Prediction", answer).to_acousticbrainz()))


class CsvWriter:
    """Prints a table for a spreadsheet."""

    COLUMNS = (
        *("path", "genre", "confidence", "sure", "reason"),
        *("second_genre", "second_probability", "artist", "title", "duration", "error", "mixed"),
    )

    def __init__(self) -> None:
        self._row(self.COLUMNS)

    def __call__(self, answer: Prediction | AudioError) -> None:
        """Print one answer."""
        if isinstance(answer, AudioError):
            empty = [""] * (len(self.COLUMNS) - 3)
            self._row([answer.path, *empty, answer.problem, ""])
            return
        second, probability = [*answer.probabilities.items(), ("", None), ("", None)][1]
        self._row(
            [
                answer.path,
                answer.genre,
                f"{answer.confidence:.4f}",
                "no" if answer.abstained else "yes",
                answer.reason or "",
                second,
                "" if probability is None else f"{probability:.4f}",
                answer.artist or "",
                answer.title or "",
                f"{answer.duration:.1f}",
                "",
                "yes" if answer.mixed else "no",
            ]
        )

    @staticmethod
    def _row(cells: Iterable[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(map(_cell, cells))
        click.echo(line.getvalue())


def _cell(text: str) -> str:
    """Return text as a spreadsheet shows it, and does not compute it."""
    return f"'{shown(text)}" if text[:1] in tuple("=+-@") else shown(text)


WRITERS: Mapping[str, Callable[[], Callable[[Prediction | AudioError], None]]] = {
    "text": TextWriter,
    "brief": BriefWriter,
    "json": JsonWriter,
    "csv": CsvWriter,
    "acousticbrainz": AcousticBrainzWriter,
}


def _complain(answer: Prediction | AudioError) -> bool:
    """Say on standard error what is wrong with a file; tell whether there is an answer."""
    failed = isinstance(answer, AudioError)
    problems = [answer.problem] if isinstance(answer, AudioError) else answer.warnings
    for problem in problems:
        click.echo(f"earmark: {named(answer.path)}: {shown(problem)}", err=True)
    return not failed


def show(out: Console, prediction: Prediction) -> None:
    """Print a prediction for a person to read."""
    from earmark.prediction import told_genres

    heading = Text(named(prediction.path), style="bold")
    heading.append(f"  {clock(prediction.duration)}", style="dim")
    out.print(heading)
    ranked = [
        (shown(genre), probability)
        for rank, (genre, probability) in enumerate(prediction.probabilities.items())
        if rank == 0 or (rank <= N_RUNNERS_UP and probability >= 0.005)
    ]
    width = column(genre for genre, _ in ranked)
    unsure = f"not sure: {shown(str(prediction.reason))}" if prediction.abstained else ""
    if prediction.mixed:
        told = shown(tell_shares(prediction.shares))
        out.print(Text(f"  mixed: {told} of its time; --parts says where", style="yellow"))
        unsure = f"as one song{', ' * bool(unsure)}{unsure}:"
    if unsure:
        out.print(Text(f"  {unsure}", style="yellow"))
    if prediction.unlike and not prediction.mixed:
        out.print("  if it were of a genre of this library:")
    for rank, (genre, probability) in enumerate(ranked):
        line = Text("  ")
        line.append(padded(genre, width + 2), style="bold green" if rank == 0 else "")
        line.append(bar(probability), style="green" if rank == 0 else "dim")
        line.append(f" {probability:4.0%}")
        out.print(line)
    if len(prediction.genres) > 1:
        # A Text, since a genre may be called [red].
        out.print(Text(f"  all its genres: {shown(told_genres(prediction.genres))}"))
    if shortlist := prediction.shortlist():
        listed = shown(" or ".join(shortlist))
        promise = f"{prediction.coverage:.0%} of such lists hold the right genre"
        out.print(Text(f"  {listed}: {promise}"))
    if caution := prediction.caution():
        out.print(Text(f"  {caution}", style="yellow"))
    if prediction.tags:
        words = ", ".join(tag for tag, _ in prediction.tags)
        out.print(Text(f"  the network hears: {words}", style="dim"))
    none = ", though none is like it" if prediction.unlike else ""
    out.print(f"  nearest tracks{none}:")
    nearest = prediction.neighbors[:N_NEIGHBORS_SHOWN]
    width = column(shown(neighbor.genre) for neighbor in nearest)
    for neighbor in nearest:
        line = Text(f"    {neighbor.distance:<10.4g}")
        line.append(padded(shown(neighbor.genre), width))
        line.append(described(neighbor.track, neighbor.artist, neighbor.title))
        out.print(line)
    n_more = len(prediction.neighbors) - N_NEIGHBORS_SHOWN
    if n_more > 0:
        out.print(Text(f"    and {n_more} more that voted", style="dim"))
    out.print(Text(f"  {prediction.seconds:.2f} s", style="dim"))


def described(track: str, artist: str | None, title: str | None) -> str:
    """Return a track's name with its artist and title, as far as known."""
    known = " – ".join(part for part in (artist, title) if part)
    return shown(f"{track}  {known}" if known else track)


def named(path: str) -> str:
    """Return a file's name as it is printed."""
    return shown(path) or "''"


def column(words: Iterable[str]) -> int:
    """Return how wide a column for some words is, with what parts it from the next."""
    return max(12, *(cell_len(word) + 2 for word in words))


def bar(share: float) -> str:
    """Return a bar of ``BAR_WIDTH`` characters for a share from 0 to 1."""
    filled = round(share * BAR_WIDTH)
    return "█" * filled + "░" * (BAR_WIDTH - filled)
