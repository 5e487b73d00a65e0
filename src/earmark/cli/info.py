"""``earmark info``: what a library holds."""

from __future__ import annotations

import json
from typing import Any

import click
import numpy as np
from rich.table import Table
from rich.text import Text

from earmark.cli.common import console
from earmark.evaluation.intervals import wilson
from earmark.library import Library, open_default
from earmark.library.fitting import tracks_together, voter
from earmark.neighbors import Parameters, fold_artist, leave_group_out, one_hot
from earmark.schemas import named
from earmark.words import shown

NAME_SHOWN = 60
"""Characters of a genre in the table."""

PARAMETERS_SHOWN = ("k", "floor", "power", "least_confidence", "most_strangeness", "set_threshold")


@click.command(short_help="Say what a library holds, and how it votes.")
@click.argument("library_name", metavar="[LIBRARY]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--check",
    is_flag=True,
    help="See first that vectors, labels and the fitted vote are as Earmark wrote them.",
)
def info(library_name: str | None, as_json: bool, check: bool) -> None:
    """Say what LIBRARY holds: tracks, genres, artists, how it listens, how it decides, how well.

    LIBRARY is a file, or 'reference' or 'classic' for those of the package; without it, the one
    that `classify` would use.
    """
    with open_default(library_name) as library:
        if check:
            library.check()
        facts = describe(library)
    if as_json:
        click.echo(json.dumps(named("info", facts), ensure_ascii=False))
    else:
        show(facts)
        if check:
            console().print("  checked: nothing but Earmark has changed what decides answers")


def describe(library: Library) -> dict[str, Any]:
    """Return what there is to know about a library, as JSON values."""
    snapshot = library.snapshot()
    artists: dict[str, set[str]] = {genre: set() for genre in snapshot.genre_names}
    for genre, artist in zip(snapshot.genres, snapshot.artists, strict=True):
        folded = fold_artist(artist)
        if folded is not None:
            artists[genre].add(folded)
    spec = library.spec
    facts: dict[str, Any] = {
        "library": library.location,
        "tracks": library.count(),
        "labelled": len(snapshot),
        "artists": len(set().union(*artists.values())) if artists else 0,
        "extractor": {"name": spec.name, "version": spec.version, "dimension": spec.dimension},
        "metric": spec.similarity,
        "stored_as": spec.dtype,
        "genres": {
            genre: {"tracks": snapshot.genres.count(genre), "artists": len(artists[genre])}
            for genre in snapshot.genre_names
        },
        "parameters": None,
        "leave_one_artist_out": None,
    }
    if len(snapshot):
        parameters = voter(library).parameters
        facts["parameters"] = parameters.describe()
        facts["leave_one_artist_out"] = held_out(library, parameters)
    return facts


def held_out(library: Library, parameters: Parameters) -> dict[str, Any] | None:
    """Return how many tracks are answered rightly by other artists; None with a single artist.

    For a fitted vote that is known from the fitting, on a sample of a large library; the plain vote
    is asked now.
    """
    snapshot = library.snapshot()
    groups = tracks_together(snapshot, library.spec.similarity)
    if len(np.unique(groups)) < 2:
        return None
    calibration = parameters.calibration
    if calibration is not None:
        n_judged, accuracy = calibration.n_judged, calibration.accuracy
        balanced = calibration.balanced_accuracy
    else:
        answers = leave_group_out(
            snapshot.vectors,
            *one_hot(snapshot.genres),
            groups,
            comparison=library.spec.comparison,
            n_neighbors=parameters.n_neighbors,
        )
        truth = np.array(snapshot.genres, dtype=object)
        right = np.array(answers.genre_names, dtype=object)[answers.winners] == truth
        n_judged, accuracy = len(snapshot), float(right.mean())
        balanced = float(np.mean([right[truth == genre].mean() for genre in snapshot.genre_names]))
    interval = wilson(round(accuracy * n_judged), n_judged)
    return {
        "tracks": n_judged,
        "accuracy": accuracy,
        "accuracy_interval": [interval.low, interval.high],
        "balanced_accuracy": balanced,
        "artists_known": any(artist is not None for artist in snapshot.artists),
    }


def show(facts: dict[str, Any]) -> None:
    """Print the facts for a person to read."""
    out = console()
    extractor = facts["extractor"]
    out.print(Text(shown(facts["library"]), style="bold"))
    out.print(
        f"  {facts['labelled']} labelled tracks by {facts['artists']} known artists, "
        f"{facts['tracks'] - facts['labelled']} unlabelled"
    )
    heard = (
        f"  features: {extractor['name']} version {extractor['version']}, "
        f"{extractor['dimension']} numbers a track in {facts['stored_as']}, "
        f"compared by {facts['metric']}"
    )
    # A Text, since all of that comes from the file.
    out.print(Text(shown(heard)))
    table = Table(box=None, padding=(0, 2), show_edge=False)
    table.add_column("genre")
    table.add_column("tracks", justify="right")
    table.add_column("artists", justify="right")
    for genre, counts in facts["genres"].items():
        table.add_row(Text(shown(genre, NAME_SHOWN)), str(counts["tracks"]), str(counts["artists"]))
    out.print(table)
    parameters = facts["parameters"]
    if parameters is None:
        out.print("  no labelled tracks yet: add some before you ask it for genres")
        return
    kind = "one vote a neighbor" if parameters["plain"] else "fitted vote"
    listed = ", ".join(
        f"{name.replace('_', ' ')} {parameters[name]:.4g}"
        for name in PARAMETERS_SHOWN
        if name in parameters
    )
    out.print(f"  {kind}: {listed}")
    summary = facts["leave_one_artist_out"]
    if summary is not None:
        left_out = "artist" if summary["artists_known"] else "track"
        out.print(
            f"  leaving out one {left_out} at a time: about {summary['accuracy']:.0%} right, "
            f"{summary['balanced_accuracy']:.0%} averaged over genres "
            "(earmark evaluate says it exactly)"
        )
        if not summary["artists_known"]:
            out.print(
                "  artists are not known, so tracks of one artist vote for each other: "
                "believe less than that"
            )
    else:
        out.print("  not evaluated: all tracks are by one artist")
