"""``earmark classify``: the genre of songs, with the tracks they sound like."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from earmark.audio import is_audio_name
from earmark.classify import Classifier, Prediction
from earmark.cli.common import EXIT_PARTLY, console, library_option
from earmark.errors import AudioError
from earmark.library import open_default

BAR_WIDTH = 20
N_RUNNERS_UP = 2
N_NEIGHBORS_SHOWN = 8


@click.command()
@click.argument(
    "songs", nargs=-1, required=True, metavar="SONG...", type=click.Path(path_type=Path)
)
@library_option
@click.option("-k", "k", type=click.IntRange(min=1), help="How many neighbors vote.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and song.")
@click.option("--include-self", is_flag=True, help="Let the song's own track in the library vote.")
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="ONNX Runtime's execution provider for the network, such as CUDAExecutionProvider.",
)
def classify(
    songs: tuple[Path, ...],
    library_name: str | None,
    k: int | None,
    as_json: bool,
    include_self: bool,
    providers: tuple[str, ...],
) -> None:
    """Say what genre each SONG is, how sure that is, and which tracks it sounds like.

    A SONG is a sound file, or a folder: then every sound file below it. The exit code is 3 where
    some files could not be used, 1 where none could.
    """
    with open_default(library_name) as library:
        classifier = Classifier(
            library, k=k, include_self=include_self, providers=providers or None
        )
        out = console()
        n_failed = n_done = 0
        for path in sound_files(songs):
            try:
                prediction = classifier.predict(path)
            except AudioError as error:
                n_failed += 1
                if as_json:
                    click.echo(json.dumps({"path": str(path), "error": error.problem}))
                else:
                    click.echo(f"earmark: {error}", err=True)
                continue
            n_done += 1
            if as_json:
                click.echo(json.dumps(prediction.to_json(), ensure_ascii=False))
            else:
                for warning in prediction.warnings:
                    click.echo(f"earmark: {path}: {warning}", err=True)
                show(out, prediction)
    if not n_done:
        sys.exit(1)
    if n_failed:
        sys.exit(EXIT_PARTLY)


def sound_files(songs: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files named, and the sound files below the folders named, sorted."""
    for song in songs:
        if song.is_dir():
            found = sorted(p for p in song.rglob("*") if p.is_file() and is_audio_name(p))
            if not found:
                click.echo(f"earmark: {song}: there are no sound files in this folder", err=True)
            yield from found
        else:
            yield song


def show(out: Console, prediction: Prediction) -> None:
    """Print a prediction for a person to read."""
    heading = Text(str(prediction.path), style="bold")
    heading.append(f"  {clock(prediction.duration)}", style="dim")
    out.print(heading)
    for rank, (genre, probability) in enumerate(prediction.probabilities.items()):
        if rank > N_RUNNERS_UP or (rank and probability < 0.005):
            break
        line = Text("  ")
        line.append(f"{genre:<14}", style="bold green" if rank == 0 else "")
        line.append(bar(probability), style="green" if rank == 0 else "dim")
        line.append(f" {probability:4.0%}")
        out.print(line)
    if prediction.abstained:
        out.print(Text(f"  not sure: {prediction.reason}", style="yellow"))
    if shortlist := prediction.shortlist():
        listed = " or ".join(shortlist)
        out.print(f"  {listed}: {prediction.coverage:.0%} of such lists hold the right genre")
    if prediction.tags:
        words = ", ".join(tag for tag, _ in prediction.tags)
        out.print(Text(f"  the network hears: {words}", style="dim"))
    out.print("  nearest tracks:")
    for neighbor in prediction.neighbors[:N_NEIGHBORS_SHOWN]:
        line = Text(f"    {neighbor.distance:<10.4g}")
        line.append(f"{neighbor.genre:<12}")
        line.append(described(neighbor.track, neighbor.artist, neighbor.title))
        out.print(line)
    n_more = len(prediction.neighbors) - N_NEIGHBORS_SHOWN
    if n_more > 0:
        out.print(Text(f"    and {n_more} more that voted", style="dim"))
    out.print(Text(f"  {prediction.seconds:.2f} s", style="dim"))


def described(track: str, artist: str | None, title: str | None) -> str:
    """Return a track's name with its artist and title, as far as known."""
    known = " – ".join(part for part in (artist, title) if part)
    line = f"{track}  {known}" if known else track
    # Tags come from anybody's files; what is not print could command the terminal.
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def bar(share: float) -> str:
    """Return a bar of ``BAR_WIDTH`` characters for a share from 0 to 1."""
    filled = round(share * BAR_WIDTH)
    return "█" * filled + "░" * (BAR_WIDTH - filled)


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
