"""``earmark classify``: the genre of songs, with the tracks they sound like."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from earmark.classify import Classifier, Prediction
from earmark.cli.common import (
    EXIT_CODES,
    EXIT_PARTLY,
    console,
    library_option,
    padded,
    passed_over,
    shown,
    sound_options,
)
from earmark.errors import AudioError, AudioIsFolder, LibraryEmpty, NotAudio
from earmark.library import open_default
from earmark.schemas import schema

BAR_WIDTH = 20
N_RUNNERS_UP = 2
N_NEIGHBORS_SHOWN = 8


@click.command(epilog=EXIT_CODES, short_help="Say what genre songs are, and how sure that is.")
@click.argument("songs", nargs=-1, required=True, metavar="SONG...")
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
@sound_options
def classify(
    songs: tuple[str, ...],
    library_name: str | None,
    k: int | None,
    as_json: bool,
    include_self: bool,
    providers: tuple[str, ...],
    films: bool,
    max_duration: float,
) -> None:
    """Say what genre each SONG is, how sure that is, and which tracks it sounds like.

    A SONG is a sound file, or a folder: then every sound file below it.
    """
    with open_default(library_name) as library:
        classifier = Classifier(
            library,
            k=k,
            include_self=include_self,
            providers=providers or None,
            max_duration=max_duration * 3600,
        )
        out = console()
        n_failed = n_done = 0
        for answer in answers(classifier, songs, films=films):
            if isinstance(answer, AudioError):
                n_failed += 1
                if as_json:
                    failure = {
                        "schema": schema("failure"),
                        "path": answer.path,
                        "error": answer.problem,
                    }
                    click.echo(json.dumps(failure))
                else:
                    click.echo(f"earmark: {named(answer.path)}: {shown(answer.problem)}", err=True)
                continue
            n_done += 1
            if as_json:
                click.echo(json.dumps(answer.to_json(), ensure_ascii=False))
            else:
                for warning in answer.warnings:
                    click.echo(f"earmark: {named(answer.path)}: {shown(warning)}", err=True)
                show(out, answer)
    if not n_done:
        sys.exit(1)
    if n_failed:
        sys.exit(EXIT_PARTLY)


def answers(
    classifier: Classifier, songs: tuple[str, ...], *, films: bool = False
) -> Iterator[Prediction | AudioError]:
    """Yield what is said of each song, or what is wrong with it: one never stops the others."""
    for song in songs:
        # Unlike a Path's, this never fails: whoever opens the file says why it cannot be.
        for found in below(song, films=films) if os.path.isdir(song) else [song]:  # noqa: PTH112
            yield found if isinstance(found, AudioError) else answer_for(classifier, found)


def answer_for(classifier: Classifier, path: str) -> Prediction | AudioError:
    """Return what is said of one file, or what is wrong with it."""
    try:
        return classifier.predict(path)
    except AudioError as error:
        return error
    except LibraryEmpty as error:
        # Of this file: all that is there to compare with is its own track.
        return AudioError(path, str(error))
    except MemoryError:
        return AudioError(path, "needs more memory than there is")


def below(folder: str, *, films: bool = False) -> Iterator[str | AudioError]:
    """Yield the sound files of a folder, sorted, then what of it cannot be read.

    What has no name of a sound file is counted on stderr.
    """
    # Imported here, as it brings all that builds a library.
    from earmark.collection.folder import sound_files

    unread: list[OSError] = []
    others: Counter[str] = Counter()
    found = sorted(sound_files(Path(folder), unread, others, films=films))
    if others:
        click.echo(
            f"passed over in {named(folder)}, since they are not named like sound files: "
            f"{passed_over(others)}; a file that is named is tried",
            err=True,
        )
    yield from map(str, found)
    for error in unread:
        yield NotAudio(str(error.filename), f"the folder cannot be read ({error.strerror})")
    if not found and not unread:
        yield AudioIsFolder(folder, "there are no sound files in this folder")


def show(out: Console, prediction: Prediction) -> None:
    """Print a prediction for a person to read."""
    heading = Text(named(prediction.path), style="bold")
    heading.append(f"  {clock(prediction.duration)}", style="dim")
    out.print(heading)
    ranked = [
        (shown(genre), probability)
        for rank, (genre, probability) in enumerate(prediction.probabilities.items())
        if rank == 0 or (rank <= N_RUNNERS_UP and probability >= 0.005)
    ]
    width = column(genre for genre, _ in ranked)
    for rank, (genre, probability) in enumerate(ranked):
        line = Text("  ")
        line.append(padded(genre, width + 2), style="bold green" if rank == 0 else "")
        line.append(bar(probability), style="green" if rank == 0 else "dim")
        line.append(f" {probability:4.0%}")
        out.print(line)
    if prediction.abstained:
        out.print(Text(f"  not sure: {shown(str(prediction.reason))}", style="yellow"))
    if shortlist := prediction.shortlist():
        listed = shown(" or ".join(shortlist))
        promise = f"{prediction.coverage:.0%} of such lists hold the right genre"
        # A Text, since a genre may be called [red].
        out.print(Text(f"  {listed}: {promise}"))
    if prediction.tags:
        words = ", ".join(tag for tag, _ in prediction.tags)
        out.print(Text(f"  the network hears: {words}", style="dim"))
    out.print("  nearest tracks:")
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


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
