"""``earmark info``: what a library holds."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from earmark.cli.common import LibraryName, console
from earmark.schemas import named
from earmark.words import json_text, percent, plural, shown

if TYPE_CHECKING:
    from earmark.evaluation import EvaluationSet
    from earmark.library import Library

MOST_EVALUATED = 2_000
"""Larger libraries are not evaluated for information alone."""

NAME_SHOWN = 60
"""Characters of a genre in the table."""

FIGURES = (
    "tracks",
    "accuracy",
    "accuracy_interval",
    "accuracy_interval_over_artists",
    "balanced_accuracy",
)
"""What an evaluation says that a short description of a library repeats."""

PARAMETERS_SHOWN = ("k", "floor", "power", "most_novelty", "set_threshold")


@click.command(short_help="Say what a library holds, and how it votes.")
@click.argument("library_name", type=LibraryName(), metavar="[LIBRARY]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--check",
    is_flag=True,
    help="See first that vectors, labels and the fitted vote are as Earmark wrote them.",
)
@click.option(
    "--recall",
    is_flag=True,
    help="For a library in PostgreSQL, or a very large one in a file: measure how many of the "
    "nearest tracks its index finds, and how long it takes. What is missing is made first.",
)
def info(library_name: str | None, as_json: bool, check: bool, recall: bool) -> None:
    """Say what LIBRARY holds: tracks, genres, artists, how it listens, how it decides, how well.

    LIBRARY is a file, the address of a database, or 'reference', 'gtzan' or 'classic' for those of
    the package; without it, the one that `classify` would use.

    \b
    earmark info my.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here and below, so that --help does not wait for numbers and database.
    from earmark.library import open_default
    from earmark.library.keys_file import is_file

    with open_default(library_name) as library:
        if check:
            library.check()
        facts = describe(library)
        if recall:
            facts["search"] = _recall(library)
            facts["index"] = _index(library)
    if as_json:
        click.echo(json_text(named("info", facts)))
    else:
        show(facts)
        if recall:
            where = "in a file" if is_file(library.location) else "in the database"
            console().print(f"  {_told(facts['search'], where)}")
        if check:
            console().print("  checked: nothing but Earmark has changed what decides answers")


def _recall(library: Library) -> dict[str, Any]:
    from earmark.library.searching import INDEX_FROM, approximate_search, database_search

    search = database_search(library)
    if search is not None:
        return search.recall().to_json()
    if library.count(labelled=True) < INDEX_FROM:
        raise click.UsageError(
            "--recall is for a library in PostgreSQL; one in a file with fewer than "
            f"{INDEX_FROM:,} tracks is searched exactly"
        )
    return approximate_search(library).recall().to_json()


def _index(library: Library) -> dict[str, Any] | None:
    """Return what there is to know about the index beside a large library; None without one."""
    import numpy as np

    from earmark.library.searching import INDEX_FROM, kept_search

    search = kept_search(library) if library.count(labelled=True) >= INDEX_FROM else None
    if search is None or search.lists is None:
        return None
    return {
        "tracks": len(search.known),
        "added_since": len(np.setdiff1d(search.exact.ids, search.known)),
        "lists": search.lists.count,
        "looked_at": search.lists.probes,
    }


def describe(library: Library) -> dict[str, Any]:
    """Return what there is to know about a library, as JSON values."""
    from earmark.library.fitting import parameters_now
    from earmark.neighbors import count_artists, fold_artist

    labelled = library.count(labelled=True)
    # The tracks of a large library are counted where they are, since reading them takes long.
    data = _evaluation_set(library) if 0 < labelled <= MOST_EVALUATED else None
    known = library.artists(labelled=True) if data is None else _artists_of(data)
    genres = library.genres()
    artists = {
        genre: library.artists(genre=genre) if data is None else _artists_of(data, genre)
        for genre in genres
    }
    named = sum(count for artist, count in known.items() if fold_artist(artist) is not None)
    spec = library.spec
    facts: dict[str, Any] = {
        "library": library.location,
        "tracks": library.count(),
        "labelled": labelled,
        "artists": count_artists(known),
        "without_artist": labelled - named,
        "extractor": {"name": spec.name, "version": spec.version, "dimension": spec.dimension},
        "metric": spec.similarity,
        "stored_as": spec.dtype,
        "genres": {
            genre: {"tracks": count, "artists": count_artists(artists[genre])}
            for genre, count in genres.items()
        },
        "parameters": None,
        "leave_one_artist_out": None,
        "index": _index(library),
    }
    if not labelled:
        return facts
    facts["parameters"] = parameters_now(library).describe()
    facts["leave_one_artist_out"] = None if data is None else held_out(data)
    if facts["leave_one_artist_out"] is None:
        facts["not_evaluated"] = not_evaluated(library.location, labelled)
    return facts


def _evaluation_set(library: Library) -> EvaluationSet:
    # Imported where it is needed, since it takes as long as all else that is said of a library.
    from earmark.evaluation import load_evaluation_set

    return load_evaluation_set(library, most=None)


def _artists_of(data: EvaluationSet, genre: str | None = None) -> Counter[str]:
    """Count the tracks of each artist, those of a genre; a track of several genres is in each."""
    return Counter(
        artist
        for track, artist in zip(data.tracks, data.artists, strict=True)
        if artist is not None and (genre is None or genre in track.genres)
    )


def held_out(data: EvaluationSet) -> dict[str, Any] | None:
    """Return what `earmark evaluate` says of a library; None with tracks of a single artist."""
    import numpy as np

    from earmark.evaluation import (
        SplitRequest,
        Vote,
        choose_split,
        cross_val_predict,
        leakage_verdict,
        score_predictions,
    )

    if len(np.unique(data.groups)) < 2:
        return None
    split = choose_split(data, SplitRequest()).split
    scores = score_predictions(data, cross_val_predict(data, split, Vote()))
    verdict = leakage_verdict(data, split, scores)
    return {
        "split": split.name,
        **{name: figure for name, figure in scores.to_json().items() if name in FIGURES},
        "artists_known": data.n_artists > 0,
        "believe": {"level": verdict.level, "verdict": verdict.reason},
    }


def not_evaluated(location: str, labelled: int) -> str:
    """Say why there is no figure for so many labelled tracks, and how to get one.

    More than ``MOST_EVALUATED`` take longer than anybody who asks for information waits.
    """
    if labelled <= MOST_EVALUATED:
        return "all tracks are by one artist, so none is left to answer for another"
    return (
        f"asking each of more than {MOST_EVALUATED:,} tracks takes minutes; for the figure: "
        f"earmark evaluate {shlex.quote(location)}"
    )


def _told(search: dict[str, Any], where: str) -> str:
    """Say what was measured of a search inside a database, or beside a file."""
    exact = f"{search['exact_milliseconds']:.1f} ms a query"
    if not search["indexed"]:
        return f"search {where}: exact, {exact} (no index: all tracks are looked at)"
    return (
        f"search {where}: its index finds {percent(search['recall'])} of the "
        f"{search['neighbors']} nearest of {search['queries']} tracks, in "
        f"{search['index_milliseconds']:.1f} ms a query; exactly in {exact}"
    )


def show(facts: dict[str, Any]) -> None:
    """Print the facts for a person to read."""
    out = console()
    extractor = facts["extractor"]
    out.print(Text(shown(facts["library"]), style="bold"))
    out.print(
        f"  {facts['labelled']} labelled tracks by {facts['artists']} known artists, "
        f"{facts['tracks'] - facts['labelled']} unlabelled"
    )
    if facts["without_artist"]:
        count = facts["without_artist"]
        out.print(f"  {count} {plural(count, 'track has', 'tracks have')} no known artist")
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
    parameters = facts["parameters"]
    if parameters is None:
        out.print("  no labelled tracks yet: add some before you ask it for genres")
        return
    out.print(table)
    kind = "one vote a neighbor" if parameters["plain"] else "fitted vote"
    listed = ", ".join(
        f"{name.replace('_', ' ')} {parameters[name]:.4g}"
        for name in PARAMETERS_SHOWN
        if name in parameters
    )
    out.print(f"  {kind}: {listed}")
    index = facts["index"]
    if index is not None:
        out.print(
            f"  index: of {index['tracks']} tracks, {index['looked_at']} of {index['lists']} lists "
            f"are looked at; {index['added_since']} "
            f"{plural(index['added_since'], 'track', 'tracks')} came since"
        )
    summary = facts["leave_one_artist_out"]
    if summary is None:
        out.print(Text(shown(f"  not evaluated: {facts['not_evaluated']}")))
        return
    if len(facts["genres"]) > 1:
        left_out = "artist" if summary["artists_known"] else "track"
        low, high = summary["accuracy_interval_over_artists"] or summary["accuracy_interval"]
        out.print(
            f"  leaving out one {left_out} at a time: {percent(summary['accuracy'])} right "
            f"({percent(low)} to {percent(high)}), "
            f"{percent(summary['balanced_accuracy'])} averaged over genres "
            "(more by earmark evaluate)"
        )
    out.print(Text(shown(f"  {summary['believe']['verdict']}")))
